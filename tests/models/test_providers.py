"""Real chat turns against a provider on loopback: every wire answers a question about tables."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("keys")

QUESTION = "How many tracks are there?"
NOVA = "global.amazon.nova-2-lite-v1:0"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("openai-compatible:stand-in", "/v1/chat/completions"),
        ("ollama:stand-in", "/v1/chat/completions"),
        ("openai-chat:gpt-6-luna", "/v1/chat/completions"),
        ("openai:gpt-6-luna", "/v1/responses"),
        ("azure:our-deployment", "/v1/chat/completions"),
        ("anthropic:claude-sonnet-5-5", "/v1/messages"),
        ("google:gemini-3.5-flash", "/v1/models/gemini-3.5-flash:streamGenerateContent"),
        pytest.param(f"bedrock:{NOVA}", f"/model/{NOVA}/converse-stream", marks=pytest.mark.extra),
    ],
)
def test_a_turn_runs_over_the_wire(chat: Any, provider: Any, model: str, path: str) -> None:
    said = chat(QUESTION, "--model", model)
    assert said.code == 0, said.err
    [answer] = said.of("answered")
    assert answer["output"]["rows"] == [[3503]]
    assert answer["sources"][0]["kind"] == "rows"
    calls = said.of("model_called")
    assert [(call["input_tokens"], call["output_tokens"]) for call in calls] == [(100, 20), (100, 20)]
    assert [asked.path for asked in provider.asked] == [path, path]


def test_what_a_provider_read_from_its_cache_costs_less(chat: Any) -> None:
    [call, _] = chat(QUESTION, "--model", "openai:gpt-6-luna").of("model_called")
    assert call["cached_tokens"] == 60
    from models.prices import Prices, Tokens

    assert call["cost"] == Prices().cost("gpt-6-luna", "openai", Tokens(100, 20, cached=60))
    assert call["cost"] < (Prices().cost("gpt-6-luna", "openai", Tokens(100, 20)) or 0)


def test_what_a_server_of_ones_own_costs_is_not_guessed(chat: Any) -> None:
    [call, _] = chat(QUESTION, "--model", "openai-compatible:gpt-6-luna").of("model_called")
    assert call["cost"] is None
    [call, _] = chat(QUESTION, "--model", "ollama:stand-in").of("model_called")
    assert call["cost"] == 0
