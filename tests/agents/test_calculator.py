"""Sums and dates reach the calculator; questions about a subject never do."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.routing import assign
from models.offline.everyday import everyday_call

ROOT = Path(__file__).parents[2]
TOOLS = {
    "What is 17.5% of 3,240 kg in pounds?": "basics_calculate",
    "2+2": "basics_calculate",
    "Calculate (3 + 4) * 5": "basics_calculate",
    "What is twelve times seven?": "basics_calculate",
    "convert 180 cm to feet and inches": "basics_calculate",
    "How many feet are in 3 miles?": "basics_calculate",
    "What is a 15% tip on $64?": "basics_calculate",
    "What is 15% of 340 plus the square root of 16?": "basics_calculate",
    "How many business days between 3 March and 17 April 2026?": "basics_days_between",
    "How many days until Christmas?": "basics_days_between",
    "What date is 100 days after 3 March 2026?": "basics_date_shift",
    "What day of the week is 17 April 2026?": "basics_date",
    "What is next Friday's date?": "basics_date",
    "What time is it in New York when it is 9am in London?": "basics_time_zone",
}


@pytest.mark.parametrize(("request_", "tool"), TOOLS.items())
def test_a_sum_or_date_is_the_calculators(request_: str, tool: str) -> None:
    found = everyday_call(request_)
    assert found is not None
    assert found.tool == tool
    assert assign(request_, frozenset()).role == "calculator"


def test_no_question_about_tables_or_the_course_is_taken_for_a_sum() -> None:
    suites = [ROOT / "evals" / "suites" / name for name in ("chinook_sql", "analytics_sql", "course_questions")]
    pages = [page for suite in suites for page in (*suite.glob("cases.yaml"), *suite.glob("cases/*.yaml"))]
    questions = [
        question
        for page in pages
        for question in _inputs(yaml.load(page.read_text(encoding="utf-8"), yaml.CSafeLoader))
    ]
    assert len(questions) > 500
    assert [question for question in questions if everyday_call(question)] == []


def _inputs(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["input"]] if isinstance(node.get("input"), str) else []
        return own + [found for value in node.values() for found in _inputs(value)]
    return [found for value in node for found in _inputs(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("piece", ["1 ", "1+", "2 kg ", "1,", "(", "1(", "what is ", "1 % ", "3 m/", "a ", "1.", "- "])
def test_a_long_request_is_read_in_no_time(piece: str) -> None:
    start = time.process_time()
    everyday_call((piece * 400)[:399] + "#")
    assert time.process_time() - start < 0.5


async def test_a_sum_is_answered_in_chat_with_its_steps_and_a_citation(ask: Any) -> None:
    answer = await ask("What is 17.5% of 3,240 kg in pounds?")
    assert answer.role == "calculator"
    assert re.search(r"= 567 kg ≈ 1,250\.02\d* pounds \[1\]", answer.text)
    assert answer.sources[0].id.startswith("calculation:")


async def test_money_without_a_rate_is_declined_with_how_to_give_one(ask: Any) -> None:
    answer = await ask("What is 100 USD in EUR?")
    assert answer.declined
    assert "100 USD * 0.92 EUR/USD" in answer.text
