"""Unified diffs: written for people, read without fuzz (GNU diffutils manual: detailed description of unified format).

Every line of a hunk must be in the file as the hunk says; a hunk may have moved only where its lines occur once.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from lyceum.errors import ModelRetry
from mcp_servers.workspace.text import Text

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_UNSUPPORTED = re.compile(r"(rename|copy) (from|to) |GIT binary patch|Binary files |(old|new) mode ")
_NO_END = "\\ No newline at end of file"
_NOTHING = "/dev/null"


@dataclass(frozen=True)
class Hunk:
    """`old` and `new` lines end in a line feed, except a last one that has none in its file."""

    start: int
    old: list[str]
    new: list[str]
    header: str


@dataclass(frozen=True)
class FilePatch:
    """The hunks of one file; `before` or `after` is empty where the file is made or deleted."""

    before: str
    after: str
    hunks: list[Hunk] = field(default_factory=list[Hunk])

    @property
    def path(self) -> str:
        return self.after or self.before


def unified(path: str, before: Text | None, after: Text | None) -> str:
    """Write the change of one file as a unified diff, with line ends shown as line feeds."""
    old = _lines(before.text) if before else []
    new = _lines(after.text) if after else []
    names = (f"a/{path}" if before else _NOTHING, f"b/{path}" if after else _NOTHING)
    shown = difflib.unified_diff(old, new, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_END}\n" for line in shown)


def parse(diff: str) -> list[FilePatch]:
    """Read a diff over any number of files; raises ModelRetry naming the line that is not one."""
    lines = _lines(diff.replace("\r\n", "\n"))
    patches: list[FilePatch] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        if _UNSUPPORTED.match(line):
            raise ModelRetry(
                f"Line {place + 1}: {line.strip()[:60]!r} is not supported.",
                next_step="Send text hunks; use workspace_move.",
            )
        if line.startswith("--- ") and place + 1 < len(lines) and lines[place + 1].startswith("+++ "):
            before, after = _name(line[4:], "a/"), _name(lines[place + 1][4:], "b/")
            if before and after and before != after:
                raise ModelRetry(
                    f"The diff renames {before} to {after}.", next_step="Use workspace_move, then edit it."
                )
            patches.append(FilePatch(before, after))
            place += 2
        elif line.startswith("@@"):
            if not patches:
                raise ModelRetry(
                    f"Line {place + 1}: a hunk before any file.", next_step="Begin with --- a/PATH and +++ b/PATH."
                )
            hunk, place = _hunk(lines, place)
            patches[-1].hunks.append(hunk)
        elif (
            line.strip()
            and patches
            and patches[-1].hunks
            and not line.startswith(("diff ", "index ", "new file", "deleted file"))
        ):
            raise ModelRetry(
                f"Line {place + 1} is outside its hunk: {line.strip()[:80]!r}.",
                next_step="Make the counts in @@ -start,count +start,count @@ agree with the hunk's lines.",
            )
        else:
            place += 1
    if not patches or not any(patch.hunks or not (patch.before and patch.after) for patch in patches):
        raise ModelRetry("That holds no unified diff.", next_step="Send --- a/PATH, +++ b/PATH and @@ hunks.")
    repeated = {patch.path for patch in patches if sum(each.path == patch.path for each in patches) > 1}
    if repeated:
        raise ModelRetry(f"{min(repeated)} occurs twice in the diff.", next_step="Put all hunks of a file together.")
    return patches


def apply(patch: FilePatch, text: Text | None) -> Text | None:
    """Apply a file's hunks to its text (None: it does not exist); raises ModelRetry for the first that does not fit."""
    if not patch.before and text is not None:
        raise ModelRetry(f"{patch.path} exists already.", next_step="Send its old lines in --- a/ and the hunks.")
    if patch.before and text is None:
        raise ModelRetry(f"There is no {patch.path}.", next_step="Send --- /dev/null for a new file.")
    whole = text or Text("")
    raw = re.findall(r"[^\n]*\n|[^\n]+", whole.raw)
    plain = [line.replace("\r\n", "\n") for line in raw]
    done: list[str] = []
    at = 0
    shift = 0
    for hunk in patch.hunks:
        start = _fit(hunk, plain, at, shift, patch.path)
        shift = start - _stated(hunk)
        done += raw[at:start]
        done += _merged(hunk, raw[start : start + len(hunk.old)], whole.line_end)
        at = start + len(hunk.old)
    done += raw[at:]
    if any(not line.endswith("\n") for line in done[:-1]):
        raise ModelRetry(
            f"A hunk of {patch.path} goes on after the line without an end.", next_step=f"Move `{_NO_END}`."
        )
    if not patch.after:
        if done:
            raise ModelRetry(f"The diff deletes {patch.path} but leaves lines.", next_step="Remove every line of it.")
        return None
    return Text("".join(done), whole.encoding, whole.mark)


def _stated(hunk: Hunk) -> int:
    """Return the index of a hunk's first line; one that removes nothing stands after the line it names."""
    return hunk.start - 1 if hunk.old else hunk.start


def _fit(hunk: Hunk, lines: list[str], least: int, shift: int, path: str) -> int:
    size = len(hunk.old)
    for start in (_stated(hunk) + shift, _stated(hunk)):
        if least <= start <= len(lines) - size and lines[start : start + size] == hunk.old:
            return start
    places = [n for n in range(least, len(lines) - size + 1) if size and lines[n : n + size] == hunk.old]
    if len(places) == 1:
        return places[0]
    if places:
        raise ModelRetry(
            f"{hunk.header} does not stand where it says in {path}, and its lines occur {len(places)} times.",
            next_step="Correct the line number, or send more lines around it.",
        )
    wrong = ""
    for number, line in enumerate(hunk.old, _stated(hunk)):
        found = lines[number] if number < len(lines) else ""
        if found != line:
            wrong = f" Line {number + 1} is {found[:120]!r}, not {line[:120]!r}."
            break
    raise ModelRetry(
        f"{hunk.header} does not fit {path}.{wrong}", next_step="Read the file and copy its lines exactly."
    )


def _merged(hunk: Hunk, raw: list[str], line_end: str) -> list[str]:
    """Return the new lines: those that stay keep their own ends, new ones get the file's."""
    matcher = difflib.SequenceMatcher(None, hunk.old, hunk.new, autojunk=False)
    merged: list[str] = []
    for kind, first, last, start, end in matcher.get_opcodes():
        kept = raw[first:last] if kind == "equal" else [_ended(line, line_end) for line in hunk.new[start:end]]
        merged += kept
    return merged


def _ended(line: str, line_end: str) -> str:
    return f"{line[:-1]}{line_end}" if line.endswith("\n") else line


def _hunk(lines: list[str], place: int) -> tuple[Hunk, int]:
    header = lines[place].rstrip("\n")
    met = _HUNK.match(header)
    if met is None:
        raise ModelRetry(
            f"Line {place + 1} is no hunk header: {header[:80]!r}.", next_step="Send @@ -start,count +start,count @@."
        )
    wanted_old, wanted_new = int(met.group(2) or 1), int(met.group(4) or 1)
    old: list[str] = []
    new: list[str] = []
    place += 1
    while place < len(lines):
        line = lines[place]
        if line.startswith("\\"):
            last = lines[place - 1][:1]
            for side in [old] if last == "-" else [new] if last == "+" else [old, new]:
                if side:
                    side[-1] = side[-1].removesuffix("\n")
            place += 1
            continue
        if len(old) >= wanted_old and len(new) >= wanted_new:
            break
        kind, rest = (" ", line) if line == "\n" else (line[:1], line[1:])
        rest = rest if rest.endswith("\n") else f"{rest}\n"
        if kind not in " +-":
            break
        if kind in " -":
            old.append(rest)
        if kind in " +":
            new.append(rest)
        place += 1
    if (len(old), len(new)) != (wanted_old, wanted_new):
        raise ModelRetry(
            f"{header} holds {len(old)} old and {len(new)} new lines.",
            next_step="Correct the counts: context and - lines are old, context and + lines are new.",
        )
    return Hunk(int(met.group(1)), old, new, header), place


def _name(text: str, prefix: str) -> str:
    name = text.rstrip("\n").split("\t")[0].strip()
    if name == _NOTHING:
        return ""
    if name.startswith('"') and name.endswith('"'):
        name = (
            name[1:-1]
            .encode("latin-1", "backslashreplace")
            .decode("unicode_escape")
            .encode("latin-1")
            .decode("utf-8", "replace")
        )
    return name.removeprefix(prefix)


def _lines(text: str) -> list[str]:
    """Split at line feeds only: a form feed or a Unicode separator does not end a line of a file."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
