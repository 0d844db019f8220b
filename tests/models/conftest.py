"""A provider on loopback that speaks the real wires, and the command line that asks it.

Its mind is one script for all of them: call `sql_query` once, then hand in the typed output. What goes wrong is
scripted too, one fault a request, in order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from mcp_servers.providers.practice.faults import KEY as SECRET
from mcp_servers.providers.practice.said import Call, Heard, Says
from mcp_servers.providers.practice.serve import StandIn, running

SQL = "SELECT COUNT(*) AS tracks FROM Track"
EXPLANATION = "Every row of the table of tracks was counted, one by one, and nothing was left out."


def reply(heard: Heard) -> Says:
    """The script: which tool is called next, after so many results."""
    if heard.results == 0 and "sql_query" in heard.tools:
        return Says(calls=(Call("sql_query", {"database": "chinook", "sql": SQL}),), cached_tokens=60)
    output = {"declined": "", "sql": SQL, "columns": [], "rows": [], "explanation": EXPLANATION}
    return handed_in(heard, output)


def handed_in(heard: Heard, output: dict[str, Any], **more: Any) -> Says:
    """Hand typed output in as it was asked for: by the tool for it, or else as JSON in the text."""
    if "final_result" in heard.tools:
        return Says(calls=(Call("final_result", output),), **more)
    return Says(json.dumps(output), **more)


@pytest.fixture
def provider() -> Iterator[StandIn]:
    with running(reply) as provider:
        yield provider


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, provider: StandIn) -> None:
    """Point every provider's own variables at the one on loopback, with a key that must never be seen."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    for name, value in {
        "LYCEUM_PROVIDER__BASE_URL": f"{provider.url}/v1",
        "LYCEUM_PROVIDER__OLLAMA_URL": provider.url,
        "LYCEUM_PROVIDER__API_KEY": SECRET,
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_BASE_URL": provider.url,
        "GOOGLE_GEMINI_BASE_URL": provider.url,
        "AZURE_OPENAI_ENDPOINT": f"{provider.url}/v1",
        "OPENAI_API_KEY": SECRET,
        "ANTHROPIC_API_KEY": SECRET,
        "GOOGLE_API_KEY": SECRET,
        "AZURE_OPENAI_API_KEY": SECRET,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": provider.url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED42",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)


@dataclass
class Said:
    """What `lyceum chat --json` did: its exit code, its events and what it wrote to stderr."""

    code: int
    events: list[dict[str, Any]]
    err: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


@pytest.fixture
def chat(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Ask the SQL agent through the real command line, in this process."""

    def chat(question: str, *options: str) -> Said:
        from app.cli import main

        code = main(["chat", "--agent", "sql", "--json", *options, question])
        out, err = capsys.readouterr()
        return Said(code, [json.loads(line) for line in out.splitlines()], err)

    return chat
