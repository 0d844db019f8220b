"""What a real provider can be asked for of the matrix, with a real key: `make live PROVIDER=openai`; it costs money.

Rate limits, server errors and broken streams cannot be ordered from a provider: those are the stand-in's.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lyceum.errors import LimitReached
from lyceum.settings import load_settings
from models.errors import friendly
from models.prices import listed
from models.resolve import ResolvedModels
from tests.models.wires.asking import ask

PROVIDER = os.environ.get("LYCEUM_TEST_PROVIDER", "")
KEYS = {name: value for name, value in os.environ.items() if name.endswith("_API_KEY") or name.startswith("LYCEUM_P")}
SECRETS = [value for name, value in os.environ.items() if name.endswith(("_KEY", "_TOKEN")) and len(value) > 12]
BOTH_DAYS = (
    "Call the weather tool for Lisbon on day 1 and for Oslo on day 2, both at once in one step, "
    "then say in one sentence how the weather is in both."
)
KEYS_OF = {
    "openai": ["OPENAI_API_KEY"],
    "anthropic": ["ANTHROPIC_API_KEY"],
    "google": ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
    "openai-compatible": ["LYCEUM_PROVIDER__API_KEY"],
    "bedrock": ["AWS_SECRET_ACCESS_KEY"],
    "azure": ["AZURE_OPENAI_API_KEY"],
}
LONGEST = 1_200_000  # tokens of context; more is not sent

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not PROVIDER, reason="make live PROVIDER=... asks for it"),
]
BOTH = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


@pytest.fixture(autouse=True)
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    for name, value in KEYS.items():  # read before the suite's own fixture took them away
        monkeypatch.setenv(name, value)


@pytest.fixture
async def models(_real: None) -> AsyncIterator[ResolvedModels]:
    made = ResolvedModels(load_settings(), os.environ)
    yield made
    await made.close()


def assert_no_key(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text]


@BOTH
async def test_an_answer_arrives_with_its_count(models: ResolvedModels, streams: bool) -> None:
    told = await ask(models.get(PROVIDER), streams=streams, question="Say: the sun shines in Oslo. Call no tool.")
    assert told.error is None, friendly(told.error)
    assert "Oslo" in told.text
    assert told.input_tokens
    assert told.output_tokens
    assert bool(told.pieces) is streams


@BOTH
async def test_two_tools_are_called_at_once_and_both_results_go_back(models: ResolvedModels, streams: bool) -> None:
    told = await ask(models.get(PROVIDER), streams=streams, question=BOTH_DAYS)
    assert told.error is None, friendly(told.error)
    assert sorted(told.days) == [("Lisbon", 1), ("Oslo", 2)]
    assert "rain" in told.text.lower()
    if told.most_at_once < 2:
        pytest.xfail("the model called one tool after the other, which it may")


@pytest.mark.parametrize("mode", ["", "tool", "native", "prompted"])
def test_a_turn_runs_over_the_wire(chat: Any, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    if mode:
        monkeypatch.setenv(f"LYCEUM_PROVIDER__OUTPUT__{PROVIDER.upper()}", mode)
    said = chat("How many tracks are there?", "--model", PROVIDER)
    if f"has no {mode} output" in said.err:
        pytest.skip(said.err)
    assert said.code == 0, said.err
    [answer] = said.of("answered")
    assert answer["output"]["rows"] == [[3503]]
    assert all(call["input_tokens"] and call["output_tokens"] for call in said.of("model_called"))
    assert said.of("tool_called")


async def test_a_conversation_that_is_too_long_is_told_as_a_limit(models: ResolvedModels) -> None:
    """What is refused is not billed."""
    model = models.get(PROVIDER)
    known = {each.model: each.context for each in listed(model.system)}
    context = known.get(model.model_name)
    if context is None or context > LONGEST:
        pytest.skip(f"how much {model.model_name} reads is not known, or too much to send")
    told = await ask(model, streams=False, question="Say yes. " + "word " * int(context * 1.3))
    assert told.error is not None
    ours = friendly(told.error)
    assert isinstance(ours, LimitReached), ours
    assert "Start a new thread" in ours.next_step


def test_a_key_that_is_wrong_is_told_and_not_shown(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in KEYS_OF.get(PROVIDER, ()) if os.environ.get(name)]
    if not names:
        pytest.skip(f"{PROVIDER} was given no key")
    for name in names:
        monkeypatch.setenv(name, "sk-wrong-0123456789-wrong")
    said = chat("How many tracks are there?", "--model", PROVIDER)
    assert said.code == 1
    assert "refused the key" in said.err
    assert "sk-wrong-0123456789-wrong" not in said.err + str(said.events)
    assert_no_key(said.err + str(said.events))


def test_a_model_that_is_not_there_is_told(chat: Any) -> None:
    said = chat("How many tracks are there?", "--model", f"{PROVIDER}:no-such-model-anywhere")
    assert said.code == 1
    assert "no model" in said.err or "rejected the request" in said.err
    assert_no_key(said.err + str(said.events))


def test_a_budget_of_money_ends_the_turn(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYCEUM_BUDGET__DOLLARS", "0.0000001")
    said = chat("How many tracks are there?", "--model", PROVIDER)
    assert (said.code, "dollars" in said.err) in ((4, True), (1, True)), said.err  # 1: its price is not known
