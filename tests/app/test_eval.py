"""`lyceum eval` runs suites through the product's own turn."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from evals import catalogue
from evals.suites.chinook_sql import suite as chinook_sql

RUN = ["eval", "run", "chinook_sql", "--offline"]


@pytest.fixture
def baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The baseline of a copy of the suite that has only its first two cases, both of which are right."""
    copied = shutil.copytree(catalogue.FOLDER / "chinook_sql", tmp_path / "suites" / "chinook_sql")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")
    short = dataclasses.replace(chinook_sql.suite(), cases=chinook_sql.suite().cases[:2])
    monkeypatch.setattr(chinook_sql, "suite", lambda: short)
    return copied / "baseline.json"


def test_worse_than_the_baseline_is_a_failure(baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline.write_text(json.dumps({"offline": {"dev": {"right": 3, "wrong": 0}}}))
    assert main(RUN) == 1
    assert (
        "worse than the baseline: chinook_sql, dev: 3 right and 0 wrong before, 2 and 0 now" in capsys.readouterr().err
    )


def test_a_baseline_that_was_measured_is_met(baseline: Path) -> None:
    assert main([*RUN, "--update-baseline"]) == 0
    assert json.loads(baseline.read_text())["offline"]["dev"]["right"] == 2
    assert main(RUN) == 0


def test_a_suite_is_asked_and_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*RUN, "--split", "dev", "--limit", "3", "--json", "--report", str(tmp_path)]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["counts"] == {"right": 3, "wrong": 0, "declined": 0, "error": 0}
    assert report == json.loads((tmp_path / "chinook_sql.json").read_text())
    assert "chinook_sql   3/3 right" in said.err


def test_the_table_says_how_sure_each_share_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--limit", "2"]) == 0
    assert "right        2  100.0%  [34.2% to 100.0%]" in capsys.readouterr().out


def test_nothing_is_left_in_the_home(tmp_path: Path) -> None:
    main([*RUN, "--limit", "1"])
    assert not (tmp_path / "home" / "runs.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chinok_sql"], "Did you mean 'chinook_sql'?"),
        (["zzz"], "Valid suites: "),
        (["chinook_sql", "--limit", "1", "--update-baseline"], "whole splits"),
    ],
)
def test_a_wrong_request_says_what_to_do(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["eval", "run", "--offline", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_listing_imports_no_suite() -> None:
    code = (
        "import sys; from app.cli import main; main(['eval', 'list']);"
        "heavy = ('mcp', 'pydantic_ai', 'sqlglot', 'evals.suites.chinook_sql');"
        "sys.exit(str([name for name in heavy if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert "chinook_sql" in done.stdout
