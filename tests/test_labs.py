"""Every lab file runs and holds what it asserts; the runner refuses what is no lab and shows what was learned."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli import main
from app.lab_door import NOT_EXTRAS, lab_door
from evals.labs.expect import CHECKS, Expect, check
from evals.labs.lab import Lab, find_labs, load_lab
from evals.labs.paths import fill, look_up
from evals.labs.run import run_lab
from lyceum.errors import OperatorError, UserError
from lyceum.paths import home_from_environment
from lyceum.settings import Settings
from mcp_servers import catalogue

ROOT = Path(__file__).parents[1]
REAL_HOME = home_from_environment()  # before a test's own home takes its place: pulled models are there


def marked(path: Path) -> object:
    """A lab as a test: extras, a local model, a service and slowness are the marks that `make` knows."""
    lab = load_lab(path)
    marks = [need for need in lab.needs if need in NOT_EXTRAS]
    marks += ["extra"] if len(marks) < len(lab.needs) else []
    marks += ["slow"] if lab.slow else []
    return pytest.param(path, id=lab.id, marks=[getattr(pytest.mark, name) for name in marks])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", [marked(path) for path in find_labs(catalogue.FOLDER)])
async def test_what_a_lab_asserts_holds(path: Path, tmp_path: Path) -> None:
    lab = load_lab(path)
    local = "local_model" in lab.needs
    given_settings = Settings(home=REAL_HOME) if local else Settings(home=tmp_path / "home", offline=True)
    work = tmp_path / "work"  # apart from the home: what a lab takes in is its own files
    work.mkdir()
    async with lab_door(lab, given_settings) as door:
        report = await run_lab(lab, door, work=work, keep=tmp_path / "kept")
    assert report.ok, "\n".join(report.failures)


def test_the_page_of_labs_is_current() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "labs.py"))["page"]()
    assert (ROOT / "docs" / "labs.md").read_text(encoding="utf-8") == page, "Run `python docs/labs.py`."


LAB = """
id: L99
title: Counting
lesson: A count is one row.
smaller: One table.
files:
  numbers.csv: "n\\n3\\n4\\n"
steps:
  - say: Count the genres.
    call: sql_query
    with: {sql: SELECT COUNT(*) AS n FROM Genre}
    save: counted
    show: [rows]
    expect:
      - path: rows.0.0
        equals: 25
        between: [20, 30]
  - say: A table of our own.
    call: sql_attach
    with: {path: "${work}/numbers.csv"}
  - say: A write is refused.
    call: sql_query
    with: {sql: DROP TABLE Genre}
    refused: true
    expect:
      - path: error
        matches: "(?i)select"
  - say: Ask in words.
    ask: Which genre has the most tracks?
    expect:
      - path: answer
        contains: Rock
      - path: tools
        contains: sql_query
      - path: output.rows.0.1
        greater_than: ${counted.rows.0.0}
"""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of servers with one lab, L99, in place of the real labs."""
    folder = tmp_path / "servers" / "sql" / "labs"
    folder.mkdir(parents=True)
    (folder / "L99.yaml").write_text(LAB, encoding="utf-8")
    monkeypatch.setattr("app.cli.lab.find_labs", lambda _folder: find_labs(tmp_path / "servers"))
    return folder


def test_a_run_tells_each_step_and_what_held(servers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "run", "l99"]) == 0
    shown = capsys.readouterr().out
    assert "Smaller than the syllabus: One table." in shown
    assert "✓ rows.0.0 between [20, 30] (25)" in shown
    assert "L99 passed: 6 of 6 checks" in shown


def test_a_failed_assertion_shows_expected_and_got_and_the_rest_still_runs(
    servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (servers / "L99.yaml").write_text(LAB.replace("equals: 25", "equals: 24"), encoding="utf-8")
    assert main(["lab", "run", "L99", "--json"]) == 1
    *steps, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [step["ok"] for step in steps] == [False, True, True, True]
    assert steps[0]["checks"][0]["text"] == "rows.0.0: expected equals 24, got 25"
    assert last == {"lab": "L99", "ok": False, "skipped": 0}


def test_a_failed_call_ends_the_lab(servers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (servers / "L99.yaml").write_text(LAB.replace("FROM Genre}", "FROM Gender}"), encoding="utf-8")
    assert main(["lab", "run", "L99"]) == 1
    shown = capsys.readouterr().out
    assert "✗" in shown
    assert "Genre" in shown, "the error names the nearest table"
    assert "3 steps not run" in shown


def test_list_and_show_run_nothing(servers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "list"]) == 0
    assert "L99  sql          Counting" in capsys.readouterr().out
    assert main(["lab", "show", "L99"]) == 0
    assert "expect rows.0.0: equals 25, between [20, 30]" in capsys.readouterr().out
    assert main(["lab", "show", "L98"]) == 2
    assert "Did you mean 'L99'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("lesson:", "leson:", "Did you mean 'lesson'?"),
        ("    expect:", "    expects:", "Did you mean 'expect'?"),
        ("between:", "betwen:", "Did you mean 'between'?"),
        ("    ask:", "    call: sql_query\n    ask:", "either `call` or `ask`"),
        ("save: counted", "save: result", "a name of the runner's own"),
        ("equals: 25\n        between: [20, 30]", "", "checked for nothing"),
        ("id: L99", "id: L98", "Name the file as its lab."),
        ("id: L99", "- id: [", "cannot be read"),
    ],
)
def test_a_file_that_is_no_lab_says_what_is_wrong(servers: Path, good: str, bad: str, said: str) -> None:
    (servers / "L99.yaml").write_text(LAB.replace(good, bad, 1), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_lab(servers / "L99.yaml")
    assert said in str(refused.value)
    assert "L99.yaml" in str(refused.value)


async def test_what_a_lab_needs_and_lacks_is_named_with_its_lock_file(servers: Path, tmp_path: Path) -> None:
    lab = load_lab(servers / "L99.yaml")
    with pytest.raises(UserError, match="no extra"):
        await _open(lab.model_copy(update={"needs": ["chart"]}), tmp_path)
    with pytest.raises(OperatorError) as without:
        await _open(lab.model_copy(update={"needs": ["local_model"]}), tmp_path)
    assert "lyceum models pull" in without.value.next_step


async def _open(lab: Lab, home: Path) -> None:
    async with lab_door(lab, Settings(home=home)):
        pass


async def test_a_file_outside_the_lab_is_not_written(servers: Path, tmp_path: Path) -> None:
    lab = load_lab(servers / "L99.yaml").model_copy(update={"files": {"../out.txt": "x"}})
    async with lab_door(lab, Settings(home=tmp_path, offline=True)) as door:
        with pytest.raises(UserError, match="outside the lab"):
            await run_lab(lab, door, work=tmp_path / "work", keep=tmp_path)


ROWS = {"rows": [{"name": "a", "n": 1}, {"name": "b", "n": 2.5}], "text": "one two", "empty": [], "yes": True}


@pytest.mark.parametrize(
    ("path", "found"),
    [("rows.#", 2), ("rows.-1.n", 2.5), ("rows.*.name", ["a", "b"]), ("rows.[name=b].n", 2.5), ("text.#", 7)],
)
def test_paths_lead_into_results(path: str, found: object) -> None:
    assert look_up(ROWS, path) == found


@pytest.mark.parametrize(
    ("path", "checks", "ok"),
    [
        ("rows.0.n", {"equals": 1}, True),
        ("yes", {"equals": 1}, False),
        ("text", {"contains": ["one", "two"]}, True),
        ("text", {"lacks": "two"}, False),
        ("rows.*.name", {"contains": ["a", "c"]}, False),
        ("", {"contains": "rows"}, True),
        ("empty", {"length": 0}, True),
        ("text", {"length": 2}, False),
        ("text", {"matches": "^one"}, True),
        ("text", {"one_of": ["one two", "three"]}, True),
        ("rows.1.n", {"greater_than": "${saved.n}"}, True),
        ("rows.1.n", {"less_than": "${saved.n}"}, False),
        ("rows.1.n", {"at_least": "${saved.none}"}, False),
        ("rows.1.n", {"close_to": [2.4, 0.11]}, True),
        ("rows.1.n", {"close_to": 2.4}, False),
        ("rows.1.n", {"between": [2.6, 3]}, False),
        ("text", {"at_least": 3}, False),
        ("yes", {"at_most": 3}, False),
        ("text", {"matches": "("}, False),
        ("rows.5", {"not_equals": 1}, False),
        ("nowhere", {"not_equals": 1}, False),
    ],
)
def test_checks_hold_or_say_why_not(path: str, checks: dict[str, object], ok: bool) -> None:
    done = check(Expect.model_validate({"path": path, **checks}), {"result": ROWS, "saved": {"n": 2}})
    assert [each.ok for each in done] == [ok]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@settings(max_examples=40)
@given(got=VALUES, wanted=VALUES, path=st.text(), name=st.sampled_from(sorted(set(CHECKS) - {"matches"})))
def test_no_result_breaks_a_check(got: object, wanted: object, path: str, name: str) -> None:
    assert len(check(Expect.model_validate({"path": path, name: wanted}), {"result": got})) == 1


def test_a_reference_keeps_the_type_of_what_it_names() -> None:
    known = {"a": {"n": 3, "rows": [1, 2]}}
    assert fill({"x": "${a.n}", "y": ["${a.rows}"], "z": "n=${a.n}"}, known) == {"x": 3, "y": [[1, 2]], "z": "n=3"}
    with pytest.raises(UserError, match="nothing was saved as 'b'"):
        fill("${b.n}", known)
