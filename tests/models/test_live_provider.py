"""The turns of test_providers.py with a real provider and a real key: `make live PROVIDER=openai`; it costs money."""

from __future__ import annotations

import os
from typing import Any

import pytest

PROVIDER = os.environ.get("LYCEUM_TEST_PROVIDER", "")
KEYS = {name: value for name, value in os.environ.items() if name.endswith("_API_KEY") or name.startswith("LYCEUM_P")}

pytestmark = [pytest.mark.live, pytest.mark.skipif(not PROVIDER, reason="make live PROVIDER=... asks for it")]


@pytest.fixture(autouse=True)
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    for name, value in KEYS.items():  # read before the suite's own fixture took them away
        monkeypatch.setenv(name, value)


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


def test_a_model_that_is_not_there_is_told(chat: Any) -> None:
    said = chat("How many tracks are there?", "--model", f"{PROVIDER}:no-such-model-anywhere")
    assert said.code == 1
    assert "no model" in said.err or "rejected the request" in said.err


def test_a_budget_of_money_ends_the_turn(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYCEUM_BUDGET__DOLLARS", "0.0000001")
    said = chat("How many tracks are there?", "--model", PROVIDER)
    assert (said.code, "dollars" in said.err) in ((4, True), (1, True)), said.err  # 1: its price is not known
