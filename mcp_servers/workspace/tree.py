"""What there is in a root, without what `.gitignore` leaves out, and where a text is found in it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import regex

from lyceum.errors import ModelRetry
from mcp_servers.workspace.ignored import Rule, is_ignored, rules_in
from mcp_servers.workspace.paths import TEMPORARY, is_secret, parts_of
from mcp_servers.workspace.root import Entry, Root
from mcp_servers.workspace.text import as_text

DEEPEST = 40
SEARCHED_BYTES = 4 * 1024 * 1024  # of one file; what is larger is no text that people wrote
LINE = 400  # characters of a line that are shown
SECONDS = 5.0
_ALWAYS_LEFT_OUT = {
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "node_modules",
    ".venv",
    ".tox",
    ".mypy_cache",
    ".pytest_cache",
}

Rules = dict[tuple[str, ...], list[Rule]]


@dataclass(frozen=True)
class Match:
    """One line in which something was found; `line` counts from 1, `column` from 1 in characters."""

    path: str
    line: int
    column: int
    text: str


def children(root: Root, parts: tuple[str, ...], rules: Rules) -> list[Entry]:
    """List a folder without what is ignored; its own `.gitignore` joins `rules`."""
    entries = root.entries(parts)
    if any(entry.name == ".gitignore" and entry.kind == "file" for entry in entries):
        try:
            rules[parts] = rules_in(
                root.read("/".join((*parts, ".gitignore")), most=200_000).data.decode("utf-8", "replace")
            )
        except ModelRetry:
            rules[parts] = []
    return [
        entry
        for entry in entries
        if entry.name not in _ALWAYS_LEFT_OUT
        and not entry.name.startswith(TEMPORARY)
        and not is_ignored((*parts, entry.name), folder=entry.kind == "folder", rules=rules)
    ]


def rules_above(root: Root, parts: tuple[str, ...]) -> Rules:
    """Read the `.gitignore` files of the folders above one."""
    rules: Rules = {}
    for depth in range(len(parts)):
        children(root, parts[:depth], rules)
    return rules


def walk(root: Root, below: str = "", *, deepest: int = DEEPEST) -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Yield every entry below a folder, with its path, folders before what they hold."""
    start = parts_of(below)
    yield from _below(root, start, rules_above(root, start), len(start) + deepest)


def _below(root: Root, parts: tuple[str, ...], rules: Rules, deepest: int) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for entry in children(root, parts, rules):
        path = (*parts, entry.name)
        yield path, entry
        if entry.kind == "folder" and len(path) < deepest:
            yield from _below(root, path, rules, deepest)


def files(root: Root, below: str = "", glob: str = "") -> list[str]:
    """Return the paths of the plain files that may be read, those that match `glob` where one is given."""
    found = ["/".join(path) for path, entry in walk(root, below) if entry.kind == "file" and entry.links == 1]
    return [path for path in found if not is_secret(path) and (not glob or _fits(path, glob))]


def _fits(path: str, glob: str) -> bool:
    pure = PurePosixPath(path)
    return pure.match(glob) or (glob.startswith("**/") and pure.match(glob[3:]))


def search(
    root: Root, wanted: str, *, expression: bool, ignore_case: bool, below: str, glob: str, most: int
) -> tuple[list[Match], bool]:
    """Find a text, or a regular expression, line by line; returns the matches and whether there are more.

    Ripgrep, where it is installed, only says which files cannot hold a text; what is found and shown is the same.
    """
    flags = regex.IGNORECASE if ignore_case else 0
    try:
        shape = regex.compile(wanted if expression else regex.escape(wanted), flags)
    except regex.error as error:
        raise ModelRetry(
            f"That is no regular expression: {error}.", next_step="Send expression=false for plain text."
        ) from None
    paths = files(root, below, glob)
    if not expression and not ignore_case and "\n" not in wanted:
        paths = _narrowed(root, paths, wanted)
    found: list[Match] = []
    deadline = time.monotonic() + SECONDS
    for path in paths:
        try:
            text = as_text(root.read(path, most=SEARCHED_BYTES).data)
        except ModelRetry:  # binary, huge or gone
            continue
        for number, line in enumerate(text.text.split("\n"), 1):
            place = _place(shape, line, deadline)
            if place is not None:
                found.append(Match(path, number, place + 1, line[:LINE]))
                if len(found) > most:
                    return found[:most], True
    return found, False


def _place(shape: Any, line: str, deadline: float) -> int | None:
    try:
        met = shape.search(line, timeout=max(0.01, deadline - time.monotonic()))
    except TimeoutError:
        raise ModelRetry(
            "The search took too long.", next_step="Send a simpler expression, or a folder or glob to search in."
        ) from None
    return None if met is None else met.start()


def _narrowed(root: Root, paths: Sequence[str], wanted: str) -> Sequence[str]:
    """Leave out the files in which ripgrep finds no such text; all of them where there is no ripgrep."""
    program = shutil.which("rg")
    if program is None or not wanted.isascii() or len(paths) < 20:  # its start would cost more than it saves
        return paths
    command = [program, "--no-config", "--files-with-matches", "--null", "--fixed-strings", "--text", "--no-ignore"]
    command += ["--hidden", "--no-messages", "--no-follow", "--encoding", "none", "-e", wanted, "--", "./"]
    try:
        done = subprocess.run(command, cwd=root.path, capture_output=True, timeout=SECONDS, check=False, env={})  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return paths
    if done.returncode not in (0, 1):
        return paths
    held = {name.decode("utf-8", "surrogateescape").removeprefix("./") for name in done.stdout.split(b"\0") if name}
    return [path for path in paths if path in held or _is_wide(root, path)]


def _is_wide(root: Root, path: str) -> bool:
    """Tell whether a file's bytes are not its text, as in UTF-16."""
    try:
        return root.read(path, most=SEARCHED_BYTES).data[:2] in (b"\xff\xfe", b"\xfe\xff")
    except ModelRetry:
        return False
