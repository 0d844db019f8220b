"""Real chat turns against a provider on loopback: every wire answers a question about tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

QUESTION = "How many tracks are there?"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, provider: Any) -> None:
    """Point every provider's own variables at the one on loopback."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    for name, value in {
        "LYCEUM_PROVIDER__BASE_URL": f"{provider.url}/v1",
        "LYCEUM_PROVIDER__OLLAMA_URL": provider.url,
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_BASE_URL": provider.url,
        "GOOGLE_GEMINI_BASE_URL": provider.url,
        "AZURE_OPENAI_ENDPOINT": f"{provider.url}/v1",
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_API_KEY": "k",
        "GOOGLE_API_KEY": "k",
        "AZURE_OPENAI_API_KEY": "k",
    }.items():
        monkeypatch.setenv(name, value)


def chat(capsys: pytest.CaptureFixture[str], model: str) -> tuple[int, list[dict[str, Any]], str]:
    from app.cli import main

    code = main(["chat", "--agent", "sql", "--model", model, "--json", QUESTION])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("openai-compatible:stand-in", "/v1/chat/completions"),
        ("ollama:stand-in", "/v1/chat/completions"),
        ("openai:gpt-6-luna", "/v1/responses"),
        ("azure:our-deployment", "/v1/chat/completions"),
        ("anthropic:claude-sonnet-5-5", "/v1/messages"),
        ("google:gemini-3.5-flash", "/v1/models/gemini-3.5-flash:streamGenerateContent"),
    ],
)
def test_a_turn_runs_over_the_wire(capsys: pytest.CaptureFixture[str], provider: Any, model: str, path: str) -> None:
    code, events, err = chat(capsys, model)
    assert code == 0, err
    [answer] = [event for event in events if event["kind"] == "answered"]
    assert answer["output"]["rows"] == [[3503]]
    assert answer["sources"][0]["kind"] == "rows"
    calls = [event for event in events if event["kind"] == "model_called"]
    assert [(call["input_tokens"], call["output_tokens"]) for call in calls] == [(100, 20), (100, 20)]
    assert [asked["path"] for asked in provider.asked] == [path, path]
