"""How a run of evals ends early and goes on: what was answered is never lost, and never taken for something else."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from evals import catalogue
from evals.stored import alone
from evals.suite import Case, Outcome, Score
from evals.suites.routing import suite as routing

CASES = tuple(Case(id=name, input=f"Thank you, {name}!") for name in ("a", "b", "c"))


def right(case: Case, outcome: Outcome) -> Score:
    del case, outcome
    return Score(scorer="right", value=1.0, verdict="right")


def broken(case: Case, outcome: Outcome) -> Score:
    raise KeyError(case.id, outcome.answer)


SetSuite = Callable[..., None]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SetSuite:
    """Let `routing` be three short cases, by default right whatever is answered, with no baseline."""
    shutil.copytree(catalogue.FOLDER / "routing", tmp_path / "suites" / "routing")
    (tmp_path / "suites" / "routing" / "baseline.json").unlink()
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")
    whole = routing.suite()

    def given(cases: tuple[Case, ...] = CASES, scorer: object = right) -> None:
        made = dataclasses.replace(whole, cases=cases, scorers=(scorer,))
        monkeypatch.setattr(routing, "suite", lambda: made)

    given()
    return given


@pytest.fixture
def kept(small: SetSuite, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run of the three, whose baseline knows them."""
    del small
    folder = tmp_path / "kept"
    assert main(["eval", "run", "routing", "--report", str(folder), "--update-baseline"]) == 0
    capsys.readouterr()
    return folder


def lines(folder: Path) -> list[str]:
    return (folder / "samples.jsonl").read_text().splitlines()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--trials", "3"], "--trials 3 is not what"),
        (["--split", "heldout"], "--split heldout is not what"),
        (["--limit", "1"], "--limit 1 is not what"),
        (["--report", "elsewhere"], "A run goes on in its own folder"),
        (["team"], "team was not asked there"),
    ],
)
def test_what_contradicts_a_kept_run_is_refused(
    kept: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert main(["eval", "run", *flags, "--resume", str(kept)]) == 2
    assert said in capsys.readouterr().err
    assert len(lines(kept)) == 3


@pytest.mark.parametrize("flag", [["--trials", "3"], ["--limit", "1"], ["--baseline", "x.json"], ["--cases", "c.yaml"]])
def test_what_a_kept_run_was_not_asked_cannot_be_scored(
    kept: Path, capsys: pytest.CaptureFixture[str], flag: list[str]
) -> None:
    assert main(["eval", "score", str(kept), *flag]) == 2
    assert flag[0] in capsys.readouterr().err


CHANGED = CASES[1].model_copy(update={"input": "Good night!"})
TOLD = CASES[1].model_copy(update={"expected": {"turns": [{"say": "Good night!"}]}})
WITH_FILE = CASES[1].model_copy(update={"tags": ["attach:other.md"]})


@pytest.mark.parametrize(
    ("cases", "scorer", "said"),
    [
        ((CASES[0], CHANGED, CASES[2]), right, "missing: b: it asks something else now"),
        ((CASES[0], TOLD, CASES[2]), right, "missing: b: it asks something else now"),
        ((CASES[0], WITH_FILE, CASES[2]), right, "missing: b: it asks something else now"),
        ((CASES[0], CASES[2]), right, "missing: b: it was asked, and the suite has it no more"),
        ((*CASES, Case(id="d", input="d")), right, "missing: d"),
        ((CASES[0], CASES[1].model_copy(update={"id": "z"}), CASES[2]), right, "missing: z"),
        (CASES, broken, "scorer: a: broken: KeyError"),
    ],
)
@pytest.mark.parametrize("baseline", [True, False])
def test_a_kept_run_that_does_not_fit_its_suite_fails_and_nobody_is_asked(
    kept: Path,
    small: SetSuite,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cases: tuple[Case, ...],
    scorer: object,
    said: str,
    baseline: bool,
) -> None:
    monkeypatch.setattr("app.cli.eval_run.front_door", None)
    assert main(["eval", "score", str(kept)]) == 0
    small(cases, scorer)
    if not baseline:
        catalogue.baseline("routing").unlink()
    assert main(["eval", "score", str(kept)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"), [("ConnectionError: gone", "error: b"), ("TimeoutError: late", "timed out: b")]
)
def test_errors_and_late_answers_stay_undecided_and_are_asked_again(
    kept: Path, capsys: pytest.CaptureFixture[str], error: str, said: str
) -> None:
    first, second, third = map(json.loads, lines(kept))
    second["result"]["outcome"]["error"] = error
    (kept / "samples.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (first, second, third)))
    known = catalogue.baseline("routing").read_text()
    catalogue.baseline("routing").unlink()
    assert main(["eval", "score", str(kept)]) == 6
    assert said in capsys.readouterr().err
    catalogue.baseline("routing").write_text(known)
    assert main(["eval", "run", "--resume", str(kept)]) == 0
    assert [json.loads(line)["result"]["case"] for line in lines(kept)] == ["a", "b", "c", "b"]
    assert main(["eval", "score", str(kept)]) == 0


def test_only_a_case_that_asks_something_else_is_asked_again(
    kept: Path, small: SetSuite, capsys: pytest.CaptureFixture[str]
) -> None:
    small((CASES[0], TOLD, CASES[2]))
    assert main(["eval", "run", "--resume", str(kept)]) == 0
    assert [json.loads(line)["result"]["case"] for line in lines(kept)] == ["a", "b", "c", "b"]
    assert main(["eval", "score", str(kept)]) == 0
    assert main(["eval", "run", "--resume", str(kept)]) == 0
    assert len(lines(kept)) == 4
    small(CASES)
    capsys.readouterr()
    assert main(["eval", "score", str(kept)]) == 1
    small((CASES[0], TOLD, CASES[2]), broken)
    assert main(["eval", "run", "--resume", str(kept)]) == 1  # what is kept is judged by the scorers of today
    assert "scorer: a" in capsys.readouterr().err


def test_a_torn_line_is_asked_again_and_left_alone_by_who_only_reads(kept: Path) -> None:
    path = kept / "samples.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert main(["eval", "score", str(kept)]) == 1
    assert path.read_bytes() == whole[:-20]
    assert main(["eval", "run", "--resume", str(kept)]) == 0
    assert [json.loads(line)["result"]["case"] for line in lines(kept)] == ["a", "b", "c"]


PROGRAM = """
import asyncio, dataclasses, resource, sys
from app.cli import main
from evals.stored import alone
from evals.suite import Case, Outcome, Score
from evals.suites.routing import suite as routing

pause, full_at, stubborn = sys.argv[1:4]

async def answer(door, case):
    if case.id == full_at:  # from here on no file takes another 5000 characters than what is kept
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000 * int(full_at), resource.RLIM_INFINITY))
    try:
        await asyncio.sleep(float(pause))
    except asyncio.CancelledError:
        await asyncio.sleep(60 if stubborn else 0)
        raise
    return Outcome(answer="x" * 3000)

def right(case, outcome):
    return Score(scorer="right", value=1.0, verdict="right")

cases = tuple(Case(id=str(n), input="hello") for n in range(20))
made = dataclasses.replace(routing.suite(), cases=cases, task=answer, scorers=(right,))
routing.suite = lambda: made
sys.exit(main(sys.argv[4:]))
"""


def started(pause: float, *arguments: str, full_at: str = "", stubborn: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(pause), full_at, stubborn, "eval", "run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, count: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and (not path.exists() or path.read_bytes().count(b"\n") < count):
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_full_disk_loses_nothing_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    process = started(0, "routing", "--report", str(folder), full_at="7")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 6, said
    assert f"Make room, then: lyceum eval run --resume {folder}" in said
    before = lines(folder)
    assert 7 <= len(before) < 20
    assert (folder / "samples.jsonl").read_bytes().endswith(b"}\n")
    started(0, "--resume", str(folder)).communicate(timeout=60)
    assert lines(folder)[: len(before)] == before
    assert sorted(int(json.loads(line)["result"]["case"]) for line in lines(folder)) == list(range(20))


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_second_interrupt_ends_at_once_what_does_not_want_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    process = started(0.1, "routing", "--report", str(folder), stubborn="yes")
    wait_for(folder / "samples.jsonl", 2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == -signal.SIGINT
    before = len(lines(folder))
    assert before >= 2
    started(0, "--resume", str(folder)).communicate(timeout=60)
    assert len(lines(folder)) == 20


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_matrix_that_is_stopped_says_how_it_goes_on_and_does(tmp_path: Path) -> None:
    folder, prompt = tmp_path / "kept", tmp_path / "p.txt"
    prompt.write_text("Be brief.")
    asked = ["routing", "--matrix", "offline", f"none,{prompt}", "--report", str(folder)]
    process = started(0.1, *asked)
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list(folder.glob("*/samples.jsonl"))) != 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "1 of 2 pairs are done" in said
    assert f"go on with: the same command and --report {folder}" in said
    first, second = sorted(folder.glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    before = lines(first.parent)
    assert len(before) == 20
    alone = started(0, "--resume", str(second.parent))
    assert "one pair of a matrix" in alone.communicate(timeout=60)[1]
    otherwise = started(0, *asked, "--trials", "2")
    assert "was asked otherwise" in otherwise.communicate(timeout=60)[1]
    process = started(0, *asked)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.count("20/20") >= 2
    assert lines(first.parent) == before
    assert len(lines(second.parent)) == 20


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_or_killed_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "kept"
    process = started(0.1, "routing", "--report", str(folder))
    wait_for(folder / "samples.jsonl", 3)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    if how != signal.SIGKILL:
        assert process.returncode == 130, said
        assert f"go on with: lyceum eval run --resume {folder}" in said
        assert (folder / "junit.xml").exists()
    before = len(lines(folder))
    assert 3 <= before < 20
    process = started(0, "--resume", str(folder))
    process.communicate(timeout=60)
    assert sorted(int(json.loads(line)["result"]["case"]) for line in lines(folder)) == list(range(20))


def test_two_runs_do_not_share_a_folder(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(kept):
        assert main(["eval", "run", "routing", "--report", str(kept)]) == 6
        assert main(["eval", "run", "--resume", str(kept)]) == 6
        assert main(["eval", "run", "routing", "--matrix", "offline", "none", "--report", str(kept)]) == 6
    assert capsys.readouterr().err.count(f"Another run writes to {kept}") == 3
    assert len(lines(kept)) == 3


def test_a_split_that_has_no_case_is_no_success(small: SetSuite, capsys: pytest.CaptureFixture[str]) -> None:
    del small
    assert main(["eval", "run", "routing", "--split", "heldout"]) == 2
    assert "No case of routing is asked so" in capsys.readouterr().err


def test_a_part_of_a_run_becomes_no_baseline(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = catalogue.baseline("routing").read_text()
    (kept / "samples.jsonl").write_text(f"{lines(kept)[0]}\n")
    assert main(["eval", "score", str(kept), "--update-baseline"]) == 2
    assert "A baseline is of whole splits" in capsys.readouterr().err
    assert catalogue.baseline("routing").read_text() == before
