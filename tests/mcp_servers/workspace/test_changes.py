"""Changes are whole or not made, survive what other people save, and are undone to the byte."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.errors import ModelRetry
from mcp_servers.workspace import root as root_module
from mcp_servers.workspace.changes import Changes, Planned
from mcp_servers.workspace.root import Held, Root
from tests.mcp_servers.workspace.conftest import RefusedError, Tool


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


async def test_every_kind_of_change_is_undone_exactly(tool: Tool, repository: Path) -> None:
    (repository / "run.sh").write_bytes(b"#!/bin/sh\r\necho \xff\r\n")
    (repository / "run.sh").chmod(0o750)
    before = snapshot(repository)
    first = await tool("edit", edits=[{"path": "src/calc.py", "old": "a - b", "new": "a + b"}])
    await tool("move", path="run.sh", to="bin/deep/run.sh")
    await tool("create", path="new/file.txt", text="hello\n")
    await tool("delete", path="test_calc.py")
    after = snapshot(repository)
    assert after["bin/deep/run.sh"] == before["run.sh"]
    assert "test_calc.py" not in after
    await tool("undo", checkpoint=first["checkpoint"])
    assert snapshot(repository) == {**before, "src/calc.py": after["src/calc.py"]}
    await tool("undo", checkpoint=0)
    assert snapshot(repository) == before
    assert not (repository / "bin").exists()
    assert not (repository / "new").exists()
    history = (await tool("history"))["checkpoints"]
    await tool("undo", checkpoint=history[3]["checkpoint"])  # an undo is undone like any change
    assert snapshot(repository) == after


async def test_edits_over_several_files_are_made_all_or_none(tool: Tool, repository: Path) -> None:
    before = snapshot(repository)
    edits = [
        {"path": "src/calc.py", "old": "a - b", "new": "a + b"},
        {"path": "test_calc.py", "old": "no such text", "new": "x"},
    ]
    with pytest.raises(RefusedError, match=r"Edit 2: .*does not occur.*Nothing was changed"):
        await tool("edit", edits=edits)
    assert snapshot(repository) == before


async def test_an_old_text_must_occur_once_and_the_answer_says_where_it_does(tool: Tool) -> None:
    await tool("create", path="twice.txt", text="one\ntwo\none\n")
    with pytest.raises(RefusedError, match=r"occurs 2 times in twice.txt, at lines 1, 3"):
        await tool("edit", edits=[{"path": "twice.txt", "old": "one", "new": "x"}])
    with pytest.raises(RefusedError, match="white space"):
        await tool("edit", edits=[{"path": "src/calc.py", "old": "\treturn a - b", "new": "x"}])


async def test_an_edit_with_a_key_is_made_once(tool: Tool, repository: Path) -> None:
    edits = [{"path": "src/calc.py", "old": "a - b", "new": "a + b"}]
    first = await tool("edit", edits=edits, key="run-1")
    again = await tool("edit", edits=edits, key="run-1")
    assert again == first
    assert "a + b" in (repository / "src" / "calc.py").read_text()


async def test_an_undo_never_overwrites_what_a_person_wrote_since(tool: Tool, repository: Path) -> None:
    await tool("edit", edits=[{"path": "src/calc.py", "old": "a - b", "new": "a + b"}])
    await tool("create", path="other.txt", text="x")
    (repository / "src" / "calc.py").write_text("mine now\n")
    with pytest.raises(RefusedError, match="changed meanwhile"):
        await tool("undo", checkpoint=0)
    assert (repository / "src" / "calc.py").read_text() == "mine now\n"
    assert (repository / "other.txt").exists(), "nothing was undone"


def test_what_somebody_saves_between_reading_and_writing_is_kept(repository: Path, tmp_path: Path) -> None:
    root = Root(repository)
    changes = Changes(root, tmp_path / "history")
    one, two = root.read("test_calc.py"), root.read("src/calc.py")
    (repository / "src" / "calc.py").write_text("saved by a person\n")
    plan = [Planned("test_calc.py", one, Held(b"x", 0o644)), Planned("src/calc.py", two, Held(b"y", 0o644))]
    with pytest.raises(ModelRetry, match="changed meanwhile"):
        changes.make("both", lambda: plan)
    assert (repository / "src" / "calc.py").read_text() == "saved by a person\n"
    assert (repository / "test_calc.py").read_bytes() == one.data
    assert not list(repository.rglob(".lyceum-*"))


def test_a_second_save_while_the_first_is_given_back_is_kept(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = repository / "src" / "calc.py"
    before = Root(repository).read("src/calc.py")
    file.write_text("first save\n")
    rename, exchanges = root_module._rename, 0  # pyright: ignore[reportPrivateUsage]

    def renaming(here: int, old: str, new: str, flags: int, path: str) -> None:
        nonlocal exchanges
        rename(here, old, new, flags, path)
        exchanges += 1
        if exchanges == 1:
            (repository / "saving").write_text("second save\n")
            (repository / "saving").replace(file)

    monkeypatch.setattr(root_module, "_rename", renaming)
    with pytest.raises(ModelRetry, match="changed meanwhile"):
        Root(repository).swap("src/calc.py", before, Held(b"ours", 0o644), ".lyceum-1-0.tmp", [])
    assert file.read_text() == "second save\n"
    assert not list(repository.rglob(".lyceum-*"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 12))
def test_a_change_that_is_cut_off_anywhere_leaves_no_half_edit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    (repository / "gone.txt").write_text("delete me")
    before = snapshot(repository)
    root = Root(repository)
    plan = [
        Planned("src/calc.py", root.read("src/calc.py"), Held(b"half", 0o600)),
        Planned("deep/new.txt", None, Held(b"new", 0o644)),
        Planned("gone.txt", root.read("gone.txt"), None),
    ]
    calls = 0
    real = {name: getattr(os, name) for name in ("fsync", "unlink")}

    def dying(name: str):
        def call(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == at + 8:  # the first ones write the history
                raise Killed
            return real[name](*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(os, name, dying(name))
        patch.setattr(Changes, "_take_back", lambda *_: None)
        with contextlib.suppress(Killed):
            Changes(root, tmp_path / "history").make("cut", lambda: plan)
    changes = Changes(root, tmp_path / "history")
    changes.recover()
    done = [record.title for record in changes.records()]
    if done:
        assert snapshot(repository)["src/calc.py"] == (b"half", 0o600)
    else:
        assert snapshot(repository) == before
    assert not list(repository.rglob(".lyceum-*"))


files = st.dictionaries(st.sampled_from(["a.txt", "b/c.txt", "b/d.bin", "e"]), st.binary(max_size=40), max_size=4)


@given(st.lists(files, min_size=2, max_size=5))
@settings(max_examples=12, deadline=None)
def test_any_row_of_changes_is_undone_to_any_of_its_states(states: list[dict[str, bytes]]) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "root"
        place.mkdir()
        root, changes = Root(place), Changes(Root(place), Path(folder) / "history")
        seen = [(0, snapshot(place))]
        for state in states:
            now = {path: root.look(path) for path in ("a.txt", "b/c.txt", "b/d.bin", "e")}
            plan = [Planned(path, now[path], Held(state[path], 0o644) if path in state else None) for path in now]
            try:
                seen.append((changes.make("state", lambda plan=plan: plan).number, snapshot(place)))
            except ModelRetry:  # it changes nothing
                continue
        for number, held in seen:
            with contextlib.suppress(ModelRetry):  # it is so already
                changes.undo(number)
            assert snapshot(place) == held
