"""Encodings, line ends and diffs: what an edit does not name stays as it is, byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lyceum.errors import ModelRetry
from mcp_servers.workspace.edits import Edit, replace_once
from mcp_servers.workspace.ignored import is_ignored, rules_in
from mcp_servers.workspace.patch import apply, parse, unified
from mcp_servers.workspace.text import Text, as_text
from tests.mcp_servers.workspace.conftest import RefusedError, Tool

LINES = st.lists(st.sampled_from(["", "a", "b", "  c", "-d", "+e", "@@ f", "\\ g", "é", "x\fy", "--- h"]), max_size=12)
texts = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


@given(st.binary(max_size=60))
@example(b"\xef\xbb\xbfx\r\n")
@example("naïve\r\n".encode("utf-16"))
@example(b"# coding: cp1252\n\x80")
def test_text_that_is_read_is_written_as_the_same_bytes(data: bytes) -> None:
    try:
        text = as_text(data)
    except ModelRetry:
        return
    assert text.bytes() == data


@given(texts, texts, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=150)
def test_a_diff_that_is_applied_gives_the_text_that_it_was_made_from(old: str, new: str, end: str) -> None:
    before, after = Text(old.replace("\n", end)), Text(new.replace("\n", end))
    diff = unified("a.txt", before, after)
    if not diff:
        assert old == new
        return
    (patch,) = parse(diff)
    done = apply(patch, before)
    assert done is not None
    assert done.text == new
    if "\n" in old:
        assert done.raw == after.raw


@given(st.lists(st.sampled_from(["a\n", "b\r\n", "c\n", "\r\n", "é\r\n", "tail"]), max_size=8), st.data())
def test_an_edit_touches_nothing_but_what_it_names(lines: list[str], data: st.DataObject) -> None:
    text = Text("".join(lines))
    if not text.text:
        return
    start = data.draw(st.integers(0, len(text.text) - 1))
    old = text.text[start : start + data.draw(st.integers(1, 6))]
    if text.text.count(old) != 1 or any(text.text.startswith(old, n) for n in range(len(text.text)) if n != start):
        return
    done = replace_once(text, Edit(path="a", old=old, new="NEW"))
    assert done.text == text.text[:start] + "NEW" + text.text[start + len(old) :]
    assert done.raw.count("\r\n") == text.raw.count("\r\n") - _windows_ends(text, start, len(old))


def _windows_ends(text: Text, start: int, size: int) -> int:
    """How many of the line ends in a stretch of the plain text are two characters in the file."""
    ends = [len(part) == 2 for part in _ends(text.raw)]
    places = [n for n, character in enumerate(text.text) if character == "\n"]
    return sum(1 for place, windows in zip(places, ends, strict=True) if windows and start <= place < start + size)


def _ends(raw: str) -> list[str]:
    return [
        raw[n - 1 : n + 1] if raw[n - 1 : n] == "\r" else "\n" for n, character in enumerate(raw) if character == "\n"
    ]


async def test_a_new_line_ends_as_the_lines_around_it_and_a_mark_stays(tool: Tool, repository: Path) -> None:
    (repository / "dos.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\nthree")
    read = await tool("read", path="dos.txt")
    assert (read["text"], read["line_end"], read["lines"]) == ("one\ntwo\nthree", "CRLF", 3)
    await tool("edit", edits=[{"path": "dos.txt", "old": "two\n", "new": "two\nand a half\n"}])
    assert (repository / "dos.txt").read_bytes() == b"\xef\xbb\xbfone\r\ntwo\r\nand a half\r\nthree"


async def test_a_diff_over_several_files_is_applied_whole_or_not_at_all(tool: Tool, repository: Path) -> None:
    good = (
        "--- a/src/calc.py\n+++ b/src/calc.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n"
    )
    new = "--- /dev/null\n+++ b/notes.txt\n@@ -0,0 +1 @@\n+a note\n"
    stale = "--- a/test_calc.py\n+++ b/test_calc.py\n@@ -1 +1 @@\n-from calc import sub\n+x\n"
    before = (repository / "src" / "calc.py").read_bytes()
    with pytest.raises(RefusedError, match=r"does not fit test_calc\.py"):
        await tool("patch", diff=good + new + stale)
    assert (repository / "src" / "calc.py").read_bytes() == before
    assert not (repository / "notes.txt").exists()
    made = await tool("patch", diff=good + new)
    assert made["files"] == ["src/calc.py", "notes.txt"]
    assert (repository / "notes.txt").read_text() == "a note\n"
    assert parse(made["diff"])


@pytest.mark.parametrize(
    ("diff", "says"),
    [
        ("nothing", "no unified diff"),
        (
            "--- a/src/calc.py\n+++ b/src/calc.py\n@@ -1,3 +1,2 @@\n def add(a, b):\n-    return a - b\n+x\n",
            "holds 2 old",
        ),
        ("--- a/src/calc.py\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "renames"),
        ("rename from a\nrename to b\n", "not supported"),
        ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "leaves the workspace"),
        ("--- /dev/null\n+++ b/src/calc.py\n@@ -0,0 +1 @@\n+x\n", "exists already"),
    ],
)
async def test_a_diff_that_cannot_be_applied_is_answered_with_why(tool: Tool, diff: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        await tool("patch", diff=diff)


PATTERNS = ["*.log", "build/", "/top", "a/**/z", "**/deep", "!keep.log", "doc/*.txt", "[ab].py", "x?", "#no", "\\!bang"]
PATHS = ["a.log", "keep.log", "build/x", "sub/build/y", "top", "sub/top", "a/z", "a/b/c/z", "q/deep", "doc/a.txt",
         "doc/s/a.txt", "a.py", "c.py", "xy", "xyz", "!bang", "#no"]  # fmt: skip


@pytest.mark.parametrize("text", ["\n".join(PATTERNS), "*\n!*/\n!*.py\n", "a\n!a/b\n", "/*\n!/doc\n"])
def test_ignore_rules_are_read_as_git_reads_them(tmp_path: Path, text: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(text)
    done = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", "--stdin", "--no-index"],
        input="\n".join(PATHS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    rules = {(): rules_in(text)}

    def ignored(path: str) -> bool:
        parts = tuple(path.split("/"))
        above = any(is_ignored(parts[:n], folder=True, rules=rules) for n in range(1, len(parts)))
        return above or is_ignored(parts, folder=False, rules=rules)

    assert [path for path in PATHS if ignored(path)] == [line.strip('"') for line in done.stdout.splitlines()]


async def test_what_is_ignored_is_neither_listed_nor_searched(tool: Tool, repository: Path) -> None:
    (repository / ".gitignore").write_text("build/\n*.tmp\n")
    (repository / "build").mkdir()
    (repository / "build" / "out.py").write_text("needle")
    (repository / "a.tmp").write_text("needle")
    (repository / "b.txt").write_text("hay\nneedle here, Needle there\n")
    assert [entry["path"] for entry in (await tool("list"))["entries"]] == [
        ".gitignore", "b.txt", "src", "src/calc.py", "test_calc.py",
    ]  # fmt: skip
    found = (await tool("search", text="needle"))["matches"]
    assert found == [{"path": "b.txt", "line": 2, "column": 1, "text": "needle here, Needle there"}]
    assert len((await tool("search", text="^N|^n", expression=True))["matches"]) == 1
    with pytest.raises(RefusedError, match="no regular expression"):
        await tool("search", text="(", expression=True)
