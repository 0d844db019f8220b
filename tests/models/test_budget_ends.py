"""A budget that ends in the middle of a turn, through the command line: exit code 4, and what there is so far is said."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_servers.providers.practice.said import Call, Says
from mcp_servers.providers.practice.serve import Fault
from tests.models.conftest import SQL

pytestmark = pytest.mark.usefixtures("keys")

QUERY = Says(calls=(Call("sql_query", {"database": "chinook", "sql": SQL}),))
TALE = Says(calls=(Call("final_result", {"explanation": "Every row was counted. " * 800}),))
QUESTION = "How many tracks are there?"
CLAUDE = "anthropic:claude-sonnet-5-5"

# Which budget, what the provider does, what is left of it: rows that were found, or an answer that was begun.
ENDS = {
    "model_calls": (1, [QUERY], [], "3503"),
    "tool_calls": (1, [QUERY, QUERY], [], "3503"),
    "tokens": (3000, [QUERY, TALE], [], "Every row was counted."),
    "dollars": (0.02, [QUERY, TALE], [], "Every row was counted."),
    "seconds": (1, [], [Fault(hang=30)], ""),  # nothing was said or found
}


@pytest.fixture
def _spent(provider: Any, monkeypatch: pytest.MonkeyPatch, budget: str) -> None:
    limit, provider.says, provider.faults, _ = (list(each) if isinstance(each, list) else each for each in ENDS[budget])
    monkeypatch.setenv(f"LYCEUM_BUDGET__{budget.upper()}", str(limit))


@pytest.mark.usefixtures("_spent")
@pytest.mark.parametrize("budget", ENDS)
def test_the_turn_ends_with_exit_code_4_and_what_it_has(chat: Any, budget: str) -> None:
    said = chat(QUESTION, "--model", CLAUDE)
    assert said.code == 4, said.err
    [finished] = said.of("run_finished")
    assert finished["status"] == "limit"
    assert f"budget.{budget}" in finished["next_step"]
    has = ENDS[budget][3]
    for partial in said.of("answered"):
        assert has in partial["text"]
        assert "(stopped here)" in partial["text"]
        assert bool(partial["sources"]) is (has == "3503"), "rows are cited"
    assert len(said.of("answered")) == bool(has)
    assert said.events[-1]["kind"] == "run_finished"
    assert f"budget.{budget}" in said.err
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("_spent")
@pytest.mark.parametrize("budget", ["model_calls", "tokens"])
def test_a_person_reads_it_too_and_the_thread_knows_it(
    capsys: pytest.CaptureFixture[str], chat: Any, provider: Any, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    from app.cli import main

    assert main(["chat", "--agent", "sql", "--model", CLAUDE, QUESTION]) == 4
    out, err = capsys.readouterr()
    assert ENDS[budget][3] in out
    assert f"Raise budget.{budget}" in err
    monkeypatch.delenv(f"LYCEUM_BUDGET__{budget.upper()}")
    provider.forget()
    again = chat("And now?", "-c", "--model", CLAUDE)
    assert again.code == 0, again.err
    assert ENDS[budget][3] in provider.asked[0].raw.decode()
