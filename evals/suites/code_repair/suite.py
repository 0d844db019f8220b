"""Small repositories whose tests fail, each for another kind of bug; the product must make them pass and lose nothing.

A case holds its repository as files. What counts is what is on disk afterwards: the tests as they were, every other
file that was not mended as it was, and the tests green.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases

UNRELATED = {"notes.txt": b"kept as it is\r\n", "data.bin": bytes(range(256))}  # what no repair may touch


def write(case: Case, folder: Path) -> dict[str, bytes]:
    """Lay a case's repository out in a folder; returns its files."""
    given = cast("dict[str, str]", case.expected["files"])
    files = {path: text.encode() for path, text in given.items()} | UNRELATED
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return files


async def repair(front_door: FrontDoor, case: Case) -> Outcome:
    """Ask for the repair of a fresh copy; the outcome tells which files are not what they may be."""
    with tempfile.TemporaryDirectory(prefix="code-repair-") as place:
        folder = Path(place) / case.id
        before = write(case, folder)
        outcome = await front_door.ask(case.input, attach=(folder,), agent="coder", approve=("*",))
        after = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    held = cast("dict[str, Any]", outcome.output or {})
    wrong = [path for path, data in before.items() if after.get(path) != data and not _may_change(path)]
    wrong += [path for path in after if path not in before and not path.endswith(".py")]
    changed = [path for path in after if after[path] != before.get(path)]
    return outcome.model_copy(update={"output": {**held, "harmed": wrong, "changed": changed}})


def _may_change(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return path.endswith(".py") and not name.startswith("test") and name != "conftest.py"


def score_repair(case: Case, outcome: Outcome) -> Score:
    """Right: green and written. Declined: it says that it found nothing, and changed nothing. Else wrong."""
    del case
    held = cast("dict[str, Any]", outcome.output or {})
    if held.get("harmed"):
        return Score(scorer="repair", value=0.0, verdict="wrong", reason=f"harmed {held['harmed']}")
    if held.get("green") and held.get("written"):
        return Score(scorer="repair", value=1.0, verdict="right")
    if not held.get("changed"):
        return Score(scorer="repair", value=0.0, verdict="declined", reason=outcome.answer[:200])
    return Score(scorer="repair", value=0.0, verdict="wrong", reason=outcome.answer[:200])


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("code_repair", __doc__ or "", cases, repair, (score_repair,), waits=True)  # for tests that never end
