"""What the settings put into a request, wire by wire: prompt caching, modes of typed output, and meaning for cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent

from lyceum.errors import UserError
from lyceum.settings import load_settings
from mcp_servers.providers.practice.said import Call, Heard, Says
from mcp_servers.providers.practice.serve import StandIn, running
from models.resolve import ResolvedModels
from tests.models.wires.places import PLACES

WIRES = [pytest.param(name, marks=[pytest.mark.extra] if name == "bedrock" else []) for name in PLACES]


class City(BaseModel):
    """A city."""

    name: str


def oslo(heard: Heard) -> Says:
    output = {"name": "Oslo"}
    handed_in = Says(calls=(Call("final_result", output),))
    return handed_in if "final_result" in heard.tools else Says(json.dumps(output))


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    with running(oslo) as provider:
        yield provider


Body = Callable[..., Any]


@pytest.fixture
def body(provider: StandIn, monkeypatch: pytest.MonkeyPatch) -> Body:
    """Ask for a city over a wire with these settings and return the request's body; `@` is the provider's name."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)

    async def body(wire: str, **settings: str) -> dict[str, Any]:
        place = PLACES[wire]
        environment = place.variables(provider.url)
        for name, value in environment.items():
            if name.startswith("AWS_"):  # boto3 reads the process's own
                monkeypatch.setenv(name, value)
        name = place.model.partition(":")[0].upper()
        given = {f"LYCEUM_PROVIDER__{key.replace('@', name)}": value for key, value in settings.items()}
        models = ResolvedModels(load_settings(environment={**environment, **given}), environment)
        provider.forget()
        agent = Agent(models.get(place.model), output_type=City, instructions="Be brief.", retries=0)

        @agent.tool_plain
        def look_up(word: str) -> str:
            return word

        result = await agent.run("Name a city.")
        await models.close()
        assert result.output == City(name="Oslo")
        return provider.asked[0].body

    return body


# What a wire is told to keep, and what a prompt cache of one hour becomes on it. The others keep prompts by themselves
# (Google, Azure, vLLM, Ollama) or as their own provider does (LiteLLM): nothing is sent to them.
CACHED = {
    "openai-chat": ('"prompt_cache_breakpoint": {"mode": "explicit"}', '"ttl": "30m"'),
    "openai-responses": ('"prompt_cache_breakpoint": {"mode": "explicit"}', '"ttl": "30m"'),
    "anthropic": ('"cache_control": {"type": "ephemeral"', '"ttl": "1h"'),
    "bedrock": ('{"cachePoint": {"type": "default"', '"ttl": "5m"'),
}
KEYED = {"openai-chat", "openai-responses", "azure"}  # who takes a key that groups requests


@pytest.mark.parametrize("wire", WIRES)
async def test_the_stable_beginning_of_a_prompt_is_marked_where_the_wire_can(body: Body, wire: str) -> None:
    kept = json.dumps(await body(wire, PROMPT_CACHE="1h", PROMPT_CACHE_KEY="team-a"))
    fresh = json.dumps(await body(wire, PROMPT_CACHE="off"))
    for mark in CACHED.get(wire, ()):
        assert mark in kept
        assert mark not in fresh
    assert ('"prompt_cache_key": "team-a"' in kept) is (wire in KEYED)
    if wire not in CACHED:
        assert kept.replace(', "prompt_cache_key": "team-a"', "") == fresh


# Where each wire carries a schema of its own for typed output; None: its model has no such mode and is refused.
NATIVE: dict[str, tuple[str, ...] | None] = {
    "openai-chat": ("response_format", "json_schema", "schema"),
    "openai-responses": ("text", "format", "schema"),
    "anthropic": ("output_config", "format", "schema"),
    "google": ("generationConfig", "responseJsonSchema"),
    "bedrock": None,
    "azure": ("response_format", "json_schema", "schema"),
    "openai-compatible": ("response_format", "json_schema", "schema"),
    "ollama": ("response_format", "json_schema", "schema"),
    "litellm": ("response_format", "json_schema", "schema"),
}


@pytest.mark.parametrize("wire", WIRES)
async def test_typed_output_is_asked_for_in_the_mode_that_is_set(body: Body, wire: str) -> None:
    native = NATIVE[wire]
    if native is None:
        with pytest.raises(UserError, match="has no native output"):
            await body(wire, **{"OUTPUT__@": "native"})
    else:
        asked: Any = await body(wire, **{"OUTPUT__@": "native"})
        assert "final_result" not in json.dumps(asked)
        for field in native:
            asked = asked[field]
        assert asked["properties"] == {"name": {"type": "string"}}
    by_tool = json.dumps(await body(wire, **{"OUTPUT__@": "tool"}))
    # A Claude that always thinks cannot be made to call a tool: it is asked natively instead.
    assert ('"final_result"' in by_tool) is (wire != "anthropic")
    prompted = json.dumps(await body(wire, **{"OUTPUT__@": "prompted"}))
    assert "final_result" not in prompted
    assert r"\"properties\": {\"name\": {\"type\": \"string\"}}" in prompted, "the schema is part of the instructions"


async def test_a_question_that_means_the_same_is_not_sent_again(provider: StandIn, tmp_path: Any) -> None:
    from pydantic_ai.models import override_allow_model_requests

    place = PLACES["openai-responses"]
    environment = place.variables(provider.url)
    cache = {"ENABLED": "true", "SAMPLED": "true", "SEMANTIC": "0.9"}
    given = {f"LYCEUM_CACHE__{name}": value for name, value in cache.items()} | {"LYCEUM_HOME": str(tmp_path)}
    models = ResolvedModels(load_settings(environment={**environment, **given}), environment)
    provider.forget()
    provider.says = [Says("Paris."), Says("Madrid.")]
    agent = Agent(models.get(place.model))
    answers: list[str] = []
    with override_allow_model_requests(True):
        for country in ("the capital of France", "the capital city of France", "the capital of Spain"):
            answers.append((await agent.run(f"What is {country}?")).output)  # noqa: PERF401
    await models.close()
    assert (answers, len(provider.asked)) == (["Paris.", "Paris.", "Madrid."], 2)
