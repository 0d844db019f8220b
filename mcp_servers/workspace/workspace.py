"""One open workspace: what its tools do, without MCP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lyceum.errors import ModelRetry
from mcp_servers.workspace import patch as diffs
from mcp_servers.workspace.changes import Changes, Planned, Record
from mcp_servers.workspace.edits import Edit, replace_once
from mcp_servers.workspace.paths import parts_of, refuse_secret
from mcp_servers.workspace.root import Held, Root
from mcp_servers.workspace.text import Text, as_text

READ_BYTES = 200_000  # of text that one reading shows
NEW_MODE, NEW_PROGRAM_MODE = 0o644, 0o755


class Workspace:
    """`name` is what its tools call it; `state` holds its history, outside of it."""

    def __init__(self, name: str, path: Path, state: Path) -> None:
        self.name = name
        self.root = Root(path)
        self.changes = Changes(self.root, state)
        self.recovered = self.changes.recover()

    def read(self, path: str, first: int, last: int | None) -> tuple[Text, list[str], int]:
        """Return a file's text, its lines from `first` to `last` (from 1, inclusive) and how many it has."""
        path = _plain(path)
        text = as_text(self.root.read(path).data)
        lines = text.text.split("\n")
        if lines[-1] == "" and len(lines) > 1:
            lines.pop()
        if first > len(lines):
            raise ModelRetry(f"{path} has {len(lines)} lines.", next_step=f"Send a first line from 1 to {len(lines)}.")
        shown: list[str] = []
        room = READ_BYTES
        for line in lines[first - 1 : last]:
            room -= len(line) + 1
            if room < 0:
                break
            shown.append(line)
        return text, shown or [lines[first - 1][:READ_BYTES]], len(lines)

    def planned_edits(self, edits: Sequence[Edit]) -> list[Planned]:
        """Work out what edits make of their files, each upon the ones before it; raises ModelRetry for a misfit."""
        found: dict[str, Held | None] = {}
        now: dict[str, Held | None] = {}
        for number, edit in enumerate(edits, 1):
            path = _plain(edit.path)
            if path not in now:
                found[path] = now[path] = self.root.look(path)
            held = now[path]
            try:
                if held is None:
                    if edit.old:
                        raise ModelRetry(f"There is no {path}.", next_step="Send an empty `old` to make a new file.")
                    now[path] = Held(edit.new.encode("utf-8", "strict"), NEW_MODE)
                elif not edit.old and held.data:
                    raise ModelRetry(f"{path} exists already.", next_step="Send the text to replace in `old`.")
                else:
                    text = as_text(held.data)
                    new = replace_once(text, edit) if edit.old else Text(edit.new)
                    now[path] = Held(new.bytes(), held.mode)
            except UnicodeEncodeError:
                raise ModelRetry("The new text is no valid Unicode.", next_step="Send it without surrogates.") from None
            except ModelRetry as error:
                if len(edits) == 1:
                    raise
                raise ModelRetry(
                    f"Edit {number}: {error.message}", next_step=f"{error.next_step} Nothing was changed."
                ) from None
        return [Planned(path, found[path], now[path]) for path in now]

    def planned_patch(self, diff: str) -> list[Planned]:
        """Work out what a unified diff makes of its files; raises ModelRetry for the first hunk that does not fit."""
        planned: list[Planned] = []
        for patch in diffs.parse(diff):
            path = _plain(patch.path)
            held = self.root.look(path)
            text = diffs.apply(patch, None if held is None else as_text(held.data))
            after = None if text is None else Held(text.bytes(), held.mode if held else NEW_MODE)
            planned.append(Planned(path, held, after))
        return planned

    def edit(self, title: str, plan: Callable[[], Sequence[Planned]], key: str = "") -> tuple[Record, str]:
        """Make a change that `plan` works out, once where it has a key; returns its record and its diff."""
        record = self.changes.make(title, plan, key)
        return record, diff_of(self.changes.planned_of(record))

    def create(self, path: str, text: str, *, executable: bool) -> tuple[Record, str]:
        path = _plain(path)

        def plan() -> list[Planned]:
            if self.root.look(path) is not None:
                raise ModelRetry(f"{path} exists already.", next_step="Edit it with workspace_edit.")
            try:
                data = text.encode()
            except UnicodeEncodeError:
                raise ModelRetry("The text is no valid Unicode.", next_step="Send it without surrogates.") from None
            return [Planned(path, None, Held(data, NEW_PROGRAM_MODE if executable else NEW_MODE))]

        return self.edit(f"create {path}", plan)

    def move(self, path: str, to: str) -> tuple[Record, str]:
        path, to = _plain(path), _plain(to)

        def plan() -> list[Planned]:
            if self.root.look(to) is not None:
                raise ModelRetry(f"{to} exists already.", next_step="Move it elsewhere, or delete that file first.")
            held = self.root.read(path)
            return [Planned(to, None, held), Planned(path, held, None)]

        return self.edit(f"move {path} to {to}", plan)

    def delete(self, path: str) -> tuple[Record, str]:
        path = _plain(path)
        return self.edit(f"delete {path}", lambda: [Planned(path, self.root.read(path), None)])

    def changed_files(self) -> Mapping[str, Held | None]:
        """Return every file that changes made here have touched, as it is now; None where it is gone."""
        paths = dict.fromkeys(file.path for record in self.changes.records() for file in record.files)
        return {path: self.root.look(path) for path in paths}


def diff_of(planned: Sequence[Planned]) -> str:
    """Show a change as a unified diff; a file that is no text is named only."""
    parts: list[str] = []
    for each in planned:
        try:
            before = None if each.before is None else as_text(each.before.data)
            after = None if each.after is None else as_text(each.after.data)
        except ModelRetry:
            parts.append(f"Binary file {each.path} differs\n")
            continue
        parts.append(diffs.unified(each.path, before, after))
    return "".join(parts)


def _plain(path: str) -> str:
    """Return a path in its one form; raises ModelRetry where it may not be touched."""
    plain = "/".join(parts_of(path))
    if not plain:
        raise ModelRetry("That is the workspace itself.", next_step="Send the path of a file in it.")
    refuse_secret(plain)
    return plain
