"""Queries, rankings, citations and code of somebody else's agent are judged from the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli import main

ADD = "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.sqlite") as database:
        database.executescript("CREATE TABLE t (name TEXT, price REAL); INSERT INTO t VALUES ('a', 2), ('b', 1)")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "fees.md").write_text("A late book costs 20 cents a day. The library opens at nine.")
    return tmp_path


def judge(folder: Path, expected: dict[str, Any], done: dict[str, Any]) -> tuple[int, str]:
    """Score one record by one case; returns the exit code and what is said about it."""
    (folder / "cases.yaml").write_text(
        yaml.safe_dump([{"id": "a", "input": "?", "expected": expected}], sort_keys=False)
    )
    (folder / "done.jsonl").write_text(json.dumps({"steps": [], **done}))
    command = ["eval", "score", str(folder / "done.jsonl"), "--cases", str(folder / "cases.yaml")]
    code = main([*command, "--report", str(folder / "report")])
    return code, (folder / "report" / "report.txt").read_text()


def rows(sql: str, **more: Any) -> dict[str, Any]:
    return {"rows": {"database": "shop.sqlite", "sql": sql, **more}}


def ran(query: str, *, ok: bool = True) -> dict[str, Any]:
    return {"kind": "tool", "tool": "run", "arguments": {"query": query}, "ok": ok}


CHEAPEST = "SELECT name FROM t ORDER BY price"
RANKING = {"ranking": {"relevant": {"x": 2, "y": 1}, "at_least": {"nDCG@10": 0.9, "RR": 1}}}
SOURCES = {"sources": {"folder": "notes", "support": True}}


@pytest.mark.parametrize(
    ("expected", "done"),
    [
        (rows("SELECT count(*) FROM t"), {"answer": "```sql\nSELECT 2\n```"}),
        (rows("SELECT count(*) FROM t"), {"output": {"sql": "SELECT count(name) AS n, 'extra' FROM t"}}),
        (rows("SELECT count(*) FROM t"), {"output": {"rows": [[2]]}}),
        (rows("SELECT 7", alternatives=["SELECT 2"]), {"answer": "SELECT 2"}),
        (
            rows(CHEAPEST, ordered=True, argument="run.query"),
            {"answer": "b", "steps": [ran("SELECT 9"), ran(CHEAPEST), ran("SELEKT", ok=False)]},
        ),
        (RANKING, {"output": {"ranked": ["x", "z", "y"]}}),
        (RANKING, {"output": {"citations": ["x", "y"]}}),
        (
            {"ranking": {"relevant": ["x"], "at_least": {"R@2": 1}, "ranked": "hits[].id"}},
            {"output": {"hits": [{"id": "z"}, {"id": "x"}]}},
        ),
        (SOURCES, {"answer": "A late book costs 20 cents a day [fees.md]. See `a[0]` and [this](x)."}),
        (SOURCES, {"answer": "A late book costs 20 cents a day. [1]", "output": {"citations": ["fees.md"]}}),
        ({"sources": {"texts": {"1": "A.", "2": "B."}}}, {"answer": "Both say so [1, 2]."}),
        ({"tests": "assert add(1, 2) == 3\ndef test_zero():\n    assert add(0, 0) == 0"}, {"answer": ADD}),
        ({"tests": "assert True"}, {"output": {"code": "print('x' * 300_000)"}}),
        ({"tests": "from solution import add\nassert add(1) == 1"}, {"output": {"code": "def add(*n): return sum(n)"}}),
    ],
)  # fmt: skip
def test_what_is_right_passes(folder: Path, expected: dict[str, Any], done: dict[str, Any]) -> None:
    code, told = judge(folder, expected, done)
    assert code == 0, told


@pytest.mark.parametrize(
    ("expected", "done", "why"),
    [
        (rows("SELECT count(*) FROM t"), {"answer": "SELECT 3"}, "the rows differ"),
        (rows("SELECT count(*) FROM t"), {"answer": "Two."}, "neither rows nor a query"),
        (rows("SELECT 2"), {"answer": "```sql\nATTACH '/etc/passwd' AS x\n```"}, "its query fails: not authorized"),
        (rows("SELECT 2"), {"answer": "SELECT 2; DROP TABLE t"}, "its query fails: You can only execute one"),
        (rows("SELECT 2"), {"answer": "SELECT '\0'"}, "its query fails"),
        (rows("SELECT 2"), {"answer": "SELECT randomblob(1000000000)"}, "its query fails"),
        (rows("SELECT 2", argument="run.query"), {"answer": "SELECT 2"}, "neither rows nor a query"),
        (
            rows(CHEAPEST, ordered=True, argument="run.query"),
            {"steps": [ran("SELECT name FROM t ORDER BY name")]},
            "the rows differ: 2, beginning with [('a',), ('b',)]",
        ),
        (RANKING, {"output": {"ranked": ["z", "x", "y"]}}, "nDCG@10 is 0.670, expected 0.9; RR is 0.500, expected 1"),
        (SOURCES, {"answer": "A late book costs 30 cents a day [fees.md]."}, "30 is in no cited passage"),
        (SOURCES, {"answer": "It is closed on Monday [ghost.md]."}, "'ghost.md' is no source"),
        (SOURCES, {"answer": "A late book costs 20 cents [2].", "output": {"citations": ["fees.md"]}}, "'2' is no"),
        (SOURCES, {"answer": "Yes [fees.md].", "output": {"citations": ["ghost.md"]}}, "cites 'ghost.md'"),
        (SOURCES, {"answer": "A late book costs 20 cents a day."}, "nothing in the answer is cited"),
        ({"tests": "assert add(1, 2) == 4"}, {"answer": ADD}, "AssertionError, in 'assert add(1, 2) == 4'"),
        ({"tests": "assert 1"}, {"answer": "```python\nimport sys\nsys.exit(0)\n```"}, "ended before its tests"),
        ({"tests": "assert True"}, {"answer": "```python\nimport os\nos._exit(0)\n```"}, "interpreter ended"),
        (
            {"tests": {"code": "f()", "seconds": 1}},
            {"answer": "```python\ndef f():\n    while True: pass\n```"},
            "stopped after 1 s",
        ),
        ({"tests": "assert True"}, {"answer": "I do not know."}, "no code was given"),
    ],
)  # fmt: skip
def test_what_is_wrong_fails_and_says_why(
    folder: Path, expected: dict[str, Any], done: dict[str, Any], why: str
) -> None:
    code, told = judge(folder, expected, done)
    assert (code, "worse: a: wrong: " in told) == (1, True), told
    assert why in told


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ({"row": 1}, "nothing scores expected.row. Did you mean 'rows'?"),
        ({"rows": {"database": "none.sqlite", "sql": "SELECT 1"}}, "none.sqlite"),
        ({"rows": {"database": "shop.sqlite"}}, "rows: sql: Field required"),
        ({"ranking": {"relevant": ["x"], "at_least": {"ndcg@10": 1}}}, "Did you mean 'nDCG@10'?"),
        ({"sources": {"folder": "nowhere"}}, "there is no folder"),
        ({"sources": {"text": {"a": "b"}}}, "sources: text: Extra inputs"),
        ({"tests": {"code": "1", "seconds": 0}}, "tests: seconds"),
    ],
)
def test_a_case_that_asks_wrongly_is_an_error_and_never_passes(
    folder: Path, expected: dict[str, Any], why: str
) -> None:
    code, told = judge(folder, expected, {"answer": "SELECT 1", "output": {"ranked": ["x"], "code": "1"}})
    assert (code, why in told) == (1, True), told


def test_an_agent_that_declines_is_neither_right_nor_wrong_about_its_sources(folder: Path) -> None:
    code, told = judge(folder, SOURCES, {"answer": "I cannot tell.", "declined": True})
    assert (code, "worse: a: declined" in told) == (1, True), told
