"""A run's budget is hard: what never stops is stopped, in mid-sentence too, and what it has is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from lyceum.errors import LimitReached, OperatorError
from lyceum.events import Answered, ModelCalled, RunFinished, ToolCalled
from lyceum.settings import BudgetSettings, PriceSettings
from models.budgets import Ledger, Payee, tokens_of
from models.prices import Prices
from workflows.chat_turn import ChatRequest
from workflows.engines.budget import run_budget


async def endless_words(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[dict[int, DeltaToolCall]]:
    yield {0: DeltaToolCall(name="final_result", json_args='{"explanation": "And', tool_call_id="c")}
    while True:
        yield {0: DeltaToolCall(json_args=" so on and on")}
        await asyncio.sleep(0)


async def endless_calls(messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[dict[int, DeltaToolCall]]:
    yield {0: DeltaToolCall(name="sql_schema", json_args='{"database": "chinook"}', tool_call_id=f"c{len(messages)}")}


async def slow_words(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[dict[int, DeltaToolCall]]:
    yield {0: DeltaToolCall(name="final_result", json_args='{"explanation": "Slowly, but it says', tool_call_id="c")}
    await asyncio.sleep(60)


def replaced(app: Any, model: Model) -> None:
    class Only:
        reason = "a test"

        def get(self, key: str = "default") -> Model:
            del key
            return model

    object.__setattr__(app.runtime, "models", Only())


async def turn(app: Any) -> tuple[Any, list[Any]]:
    thread = await app.store.create_thread("budget")
    asked = ChatRequest(question="How many tracks are there?", agent="sql")
    run = await app.engine.drive(await app.engine.submit("chat_turn", asked, thread=thread.id))
    return run, await app.store.events(run.id)


@pytest.mark.parametrize(
    ("budget", "prices", "says"),
    [
        ({"tokens": 3000}, {}, "budget.tokens"),
        ({"dollars": 0.01}, {"talker": PriceSettings(input=1, output=10)}, "budget.dollars"),
    ],
)
async def test_a_model_that_never_stops_talking_is_cut_off_within_the_budget(
    wired: Any, budget: dict[str, Any], prices: dict[str, PriceSettings], says: str
) -> None:
    async with wired(budget=BudgetSettings(**budget), prices=prices) as app:
        replaced(app, FunctionModel(stream_function=endless_words, model_name="talker"))
        run, events = await turn(app)
    assert run.status == "limit"
    assert says in run.error
    [called] = [event for event in events if isinstance(event, ModelCalled)]
    assert called.estimated
    assert called.input_tokens + called.output_tokens <= budget.get("tokens", 10**9) + 10
    assert (called.cost or 0.0) <= budget.get("dollars", 10**9) * 1.01
    [partial] = [event for event in events if isinstance(event, Answered)]
    assert "And so on and on" in partial.text


@pytest.mark.parametrize("budget", [{"model_calls": 4}, {"tool_calls": 3}])
async def test_a_model_that_never_stops_calling_tools_is_stopped(wired: Any, budget: dict[str, int]) -> None:
    async with wired(budget=BudgetSettings(**budget)) as app:
        replaced(app, FunctionModel(stream_function=endless_calls, model_name="caller"))
        run, events = await turn(app)
    assert run.status == "limit"
    assert next(iter(budget)) in run.error
    assert len([event for event in events if isinstance(event, ModelCalled)]) <= 4
    assert len([event for event in events if isinstance(event, ToolCalled)]) <= budget.get("tool_calls", 4)


async def test_a_run_that_takes_too_long_ends_with_what_was_said(wired: Any) -> None:
    async with wired(budget=BudgetSettings(seconds=2)) as app:
        replaced(app, FunctionModel(stream_function=slow_words, model_name="slow"))
        run, events = await turn(app)
    assert run.status == "limit"
    assert "Slowly, but it says" in next(event.text for event in events if isinstance(event, Answered))


async def test_a_money_budget_refuses_a_model_without_a_price(wired: Any) -> None:
    async with wired(budget=BudgetSettings(dollars=1)) as app:
        replaced(app, FunctionModel(stream_function=endless_words, model_name="nobody-knows"))
        run, events = await turn(app)
    assert run.status == "failed"
    assert "No price is known for nobody-knows" in run.error
    assert not [event for event in events if isinstance(event, ModelCalled)]
    assert isinstance(events[-1], RunFinished)


def ledger(**budget: Any) -> Ledger:
    return Ledger(BudgetSettings(**budget), Prices({"m": PriceSettings(input=1000, output=1000)}))


def test_requests_under_way_count_so_that_parallel_branches_share_what_is_left() -> None:
    shared, payees = ledger(tokens=100, model_calls=2), [Payee("m", "")]
    first = shared.admit(payees, 60)
    with pytest.raises(LimitReached):
        shared.admit(payees, 60)
    first.more("x" * 90)
    with pytest.raises(LimitReached):
        first.more("x" * 60)
    shared.close(first)
    shared.paid(ModelCalled(model="m", input_tokens=20))
    shared.admit(payees, 60)
    with pytest.raises(LimitReached, match="model calls"):
        shared.admit(payees, 1)


def test_a_run_that_goes_on_starts_from_what_its_events_say_it_used() -> None:
    events = [ModelCalled(model="m", input_tokens=90, output_tokens=5, cost=0.1)]
    resumed = Ledger.of(BudgetSettings(tokens=100), Prices(), events)
    assert (resumed.model_calls, resumed.tokens, resumed.dollars) == (1, 95, 0.1)
    with pytest.raises(LimitReached):
        resumed.admit([], 6)


def test_the_room_that_is_left_is_the_smaller_of_tokens_and_money() -> None:
    payees = [Payee("m", "")]
    assert ledger(tokens=1000).room(payees, 100) == 900
    assert ledger(tokens=1000, dollars=0.5).room(payees, 100) == 400
    with pytest.raises(OperatorError, match="No price"):
        ledger(dollars=1).room([Payee("x", "openai-compatible")], 1)


def test_tokens_are_estimated_rather_too_high() -> None:
    assert tokens_of("four words of English") >= 5
    assert tokens_of("数据库") >= 3


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"tokens": 5000, "dollars": 0.5, "calls": 7}, (5000, 0.5, 7)),  # narrower than the settings
        ({"tokens": 10**9, "dollars": 9.0, "calls": 900}, (20_000, 1.0, 40)),  # wider: the settings hold
        ({"tokens": 0, "stages": {"write": {"tokens": 3}}}, (1, 1.0, 40)),  # nothing at all: not one request
        ({}, (20_000, 1.0, 40)),
    ],
)
def test_a_request_narrows_the_budget_of_its_run_and_never_widens_it(
    asked: dict[str, Any], kept: tuple[float, ...]
) -> None:
    settings = BudgetSettings(tokens=20_000, dollars=1.0, tool_calls=40)
    budget = run_budget(settings, {"question": "?", "budget": asked})
    assert (budget.tokens, budget.dollars, budget.tool_calls) == kept
    assert run_budget(settings, {"question": "?"}) == run_budget(settings, "?") == settings
