"""`lyceum research` from the command line: plan, approval, report as files, and kills at any moment."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from workflows.steps.research.markdown import stable_part

QUESTION = "How many genres are there in the store? When was the catalogue founded?"
DATABASE = Path("mcp_servers/sql/chinook.sqlite").resolve()
CATALOGUE = (
    "# Catalogue\n\nThe store sells music in 20 genres.\n\nThe catalogue was founded on 3 May 2009 in Calgary.\n"
)
HISTORY = (
    "# History\n\nThe catalogue was founded on 12 May 2009 in Calgary, says <script>alert(1)</script> the archive.\n\n"
    "![x](https://tracker.example/p.png) The founders of the catalogue were two brothers.\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    (made / "catalogue.md").write_text(CATALOGUE)
    (made / "history.md").write_text(HISTORY)
    return made


def asked(folder: Path, *more: str) -> list[str]:
    return ["research", QUESTION, "--source", f"docs:{folder}", "--source", f"sql:{DATABASE}", "--offline", *more]


def run_of(said: str) -> str:
    return re.findall(r"^run (\w{12})$", said, re.MULTILINE)[0]


def test_a_pipe_waits_for_approval_and_approving_finishes_the_report(lyceum: Command, folder: Path) -> None:
    code, out, err = lyceum(*asked(folder))
    run = run_of(err)
    assert (code, out) == (3, "")
    assert f"lyceum runs approve {run}" in err
    code, out, err = lyceum("runs", "approve", run)
    assert code == 0, err
    assert "**25**" in out
    existing, cited = re.findall(r"existence (\d+) of (\d+)", err)[0]
    assert existing == cited != "0"
    # Rows are cited like passages, and what they say is held against them.
    assert "- **25** against **20 genres**" in out
    assert "SELECT COUNT(*)" in out
    where = Path(os.environ["LYCEUM_HOME"], "reports", run)
    assert (where / "report.md").read_text() == out.rstrip("\n") + "\n"
    report = json.loads((where / "report.json").read_text())
    assert {claim["support"] for each in report["sections"] for claim in each["claims"]} == {"supported"}
    page = (where / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r"""(?:src|href|action)=["'](?!#)""", page)
    assert "url(" not in page
    assert "default-src 'none'" in page
    for cited in re.findall(r'href="#(s\d+)"', page):
        assert f'<article id="{cited}"' in page
    assert "<mark>The catalogue was founded on 3 May 2009 in Calgary.</mark>" in page


def test_an_edited_plan_is_read_from_a_file_and_is_what_the_report_says_was_done(
    lyceum: Command, folder: Path, tmp_path: Path
) -> None:
    _, _, err = lyceum(*asked(folder))
    run, name = run_of(err), re.findall(r"docs (docs-\w+)", err)[0]
    plan = tmp_path / "plan.yaml"
    plan.write_text("sub_questions: [{id: q1, question: 'Who were the founders?', sources: [elsewhere]}]")
    code, _, err = lyceum("runs", "approve", run, "--edit", str(plan))
    assert code == 2
    assert "nothing was decided" in err
    plan.write_text(f"sub_questions: [{{id: q1, question: 'Who were the founders?', sources: [{name}]}}]\nrounds: 0")
    code, out, err = lyceum("runs", "approve", run, "--edit", str(plan))
    assert code == 0, err
    assert re.findall(r"^## (.*\?)$", out, re.MULTILINE) == ["Who were the founders?"]
    assert "two brothers" in out
    assert "![x](" not in out
    assert f"q1 Who were the founders? (in {name})" in out


def test_a_chat_goes_on_with_the_report_and_its_sources(lyceum: Command, folder: Path) -> None:
    code, _, err = lyceum(*asked(folder, "--yes"))
    assert code == 0, err
    code, out, err = lyceum("chat", "-c", "--offline", "Who were the founders of the catalogue?")
    assert code == 0, err
    assert "two brothers" in out
    assert "history.md" in out


def test_the_same_research_again_says_what_changed(lyceum: Command, folder: Path) -> None:
    _, _, err = lyceum(*asked(folder, "--yes"))
    first = run_of(err)
    code, out, err = lyceum("research", "--again", first, "--offline")
    assert code == 0, err
    assert "Nothing that it says has changed." in out
    (folder / "catalogue.md").write_text(CATALOGUE.replace("20 genres", "25 genres"))
    (folder / "history.md").unlink()
    code, out, err = lyceum("research", "--again", first, "--offline")
    assert code == 0, err
    assert "- new, q1: The store sells music in 25 genres." in out
    assert "- gone, q1: The store sells music in 20 genres." in out
    assert "- gone, contradiction 25 against 20 genres" in out
    code, _, err = lyceum("research", "--again", "nothing", "--offline")
    assert code == 2


def test_a_plan_alone_looks_nothing_up(lyceum: Command, folder: Path) -> None:
    code, out, err = lyceum(*asked(folder, "--plan-only"))
    assert code == 0
    assert "q2. When was the catalogue founded?" in out
    assert "retrieval_search" not in err


def test_a_budget_that_is_too_small_gives_a_partial_report_and_exit_code_4(lyceum: Command, folder: Path) -> None:
    code, out, err = lyceum(*asked(folder, "--yes", "--budget", "calls=2"))
    assert code == 4
    assert "Partial report" in out
    assert "## Missing" in out
    assert "Raise --budget" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["research", "why?"], "needs a source"),
        (["research", "why?", "--source", "doc:x"], "'docs'"),
        (["research", "why?", "--source", "docs:/no/such"], "no such file"),
        (["research", " ", "--source", "web"], "empty"),
        (["research", "why?", "--source", "web", "--budget", "cals=3"], "'calls'"),
        (["research", "why?", "--source", "web", "--budget", "serch.calls=3"], "'search'"),
        (["research", "why?", "--source", "web", "--budget", "seconds=soon"], "Send a number"),
        (["research", "why?", "--source", "web", "--rounds", "9"], "0 to 3"),
        (["research", "why" * 9999, "--source", "web"], "--source docs:FILE"),
        (["research", "why\udcff?", "--source", "web"], "not valid UTF-8"),
        (["research", "why?", *["--source", "web"] * 21], "too many"),
    ],
)
def test_a_wrong_request_says_what_to_send(lyceum: Command, arguments: list[str], said: str) -> None:
    code, out, err = lyceum(*arguments, "--offline")
    assert (code, out) == (2, "")
    assert said in err


# Runs the command with every tool call written down before and after it is made.
LOGGED = """
import json, os, sys
from app.connections import ConnectedTools
inner, log = ConnectedTools.call, os.environ["CALLS"]
def note(*what):
    with open(log, "a") as file:
        file.write(json.dumps(what) + "\\n")
async def call(self, server, tool, arguments):
    note("begin", tool, arguments)
    result = await inner(self, server, tool, arguments)
    note("end", tool, arguments)
    return result
ConnectedTools.call = call
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Killed:
    """A research run whose process is killed with -9 at random moments and resumed until it ends."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home.with_suffix(".calls")
        self.env = {**os.environ, "LYCEUM_HOME": str(home), "CALLS": str(self.log)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", LOGGED, *arguments], env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def query(self, sql: str) -> list[Any]:
        try:
            with sqlite3.connect(self.home / "runs.db") as database:
                return database.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []

    def steps(self) -> int:
        return sum(count for (count,) in self.query("SELECT COUNT(*) FROM journal"))

    def begun(self) -> Counter[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(json.dumps(call[1:]) for call in map(json.loads, lines) if call[0] == "begin")

    def done(self) -> Counter[str]:
        """The calls whose end the run has recorded: none of these may ever be made again."""
        events = [json.loads(each) for (each,) in self.query("SELECT event FROM events ORDER BY seq")]
        called = {each["call"]: [each["tool"], each["arguments"]] for each in events if each["kind"] == "tool_called"}
        return Counter(json.dumps(called[each["call"]]) for each in events if each["kind"] == "tool_returned")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_is_killed_ten_times_ends_with_the_same_report_and_repeats_no_completed_call(
    tmp_path: Path, folder: Path
) -> None:
    whole = Killed(tmp_path / "whole")
    out, err = whole.start(*asked(folder, "--yes")).communicate(timeout=120)
    assert "existence" in err, err
    steps = whole.steps()

    killed, chance = Killed(tmp_path / "killed"), random.Random(11)
    points = sorted(
        chance.sample(range(steps), 10)
    )  # killed when so many steps are finished, at any moment of the next
    moments: list[tuple[Counter[str], Counter[str]]] = []  # at each kill: calls that were completed, and begun
    process = killed.start(*asked(folder, "--yes"))
    for point in points:
        while process.poll() is None and (killed.steps() < point or not killed.query("SELECT id FROM runs")):
            time.sleep(0.02)  # each look costs what the run could use
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        moments.append((killed.done(), killed.begun()))
        [(run,)] = killed.query("SELECT id FROM runs")
        process = killed.start("runs", "resume", run)
    again, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert stable_part(again) == stable_part(out), err
    made, wanted = killed.begun(), whole.begun()
    assert killed.done() == whole.done()
    assert made.keys() == wanted.keys()
    for done, begun in moments:
        assert not [call for call in made - begun if done[call] >= wanted[call] > 0]
    assert sum((made - wanted).values()) <= 4 * len(moments)  # in flight at a kill: at most one call an open branch
