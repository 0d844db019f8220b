"""The provider tools through MCP: what is paid needs approval and stays within its money; the rest costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings, load_settings
from mcp_servers.catalogue import make
from mcp_servers.providers.practice import faults
from mcp_servers.providers.practice.said import Says
from mcp_servers.providers.practice.serve import StandIn, running
from mcp_servers.services import Services

TASK = "What does the warranty cover? The warranty covers parts and labour for two years."
PAIR = ["openai:gpt-6-luna", "anthropic:claude-sonnet-5-5"]


class Refused(Exception):
    """The tool's own words about a call that it did not carry out."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    with running(lambda _heard: Says("Parts and labour.", input_tokens=1000, output_tokens=100)) as provider:
        for name in ("OPENAI", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_API_KEY", faults.KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        yield provider


async def call(tool: str, *, home: Path, offline: bool = False, **arguments: Any) -> Any:
    settings = load_settings(offline=offline) if not offline else Settings(home=home, offline=True)
    async with Client(make("providers", settings, Services(home))) as client:
        result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise Refused(result.content[0].text)  # type: ignore[union-attr]
    return result.structured_content


async def test_only_what_is_paid_reaches_out_and_so_needs_approval(tmp_path: Path) -> None:
    async with Client(make("providers", Settings(home=tmp_path), Services(tmp_path))) as client:
        tools = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    asks = {name for name, hints in tools.items() if hints and not hints.read_only_hint and hints.open_world_hint}
    assert asks == {"providers_compare"}
    assert all(hints and hints.read_only_hint for name, hints in tools.items() if name != "providers_compare")


async def test_the_same_task_is_compared_by_answer_time_tokens_and_cost(provider: StandIn, tmp_path: Path) -> None:
    compared = await call("providers_compare", home=tmp_path, prompt=TASK, models=PAIR, instructions="Be brief.")
    luna, claude = compared["answers"]
    assert (luna["text"], claude["text"]) == ("Parts and labour.", "Parts and labour.")
    assert (luna["input_tokens"], claude["output_tokens"]) == (1000, 100)
    assert luna["dollars"] == pytest.approx(1000 * 0.1e-6 + 100 * 0.5e-6)
    assert 0 < luna["first_ms"] <= luna["latency_ms"]
    assert compared["dollars"] == pytest.approx(luna["dollars"] + claude["dollars"])
    assert [asked.path for asked in provider.asked] == ["/v1/responses", "/v1/messages"]


async def test_a_provider_that_fails_is_told_beside_the_others_and_its_text_is_not(
    provider: StandIn, tmp_path: Path
) -> None:
    provider.faults = [faults.RESPONSES["key"]]
    compared = await call("providers_compare", home=tmp_path, prompt=TASK, models=[*PAIR, "google:gemini-3.5-flash"])
    refused, answered, lacking = compared["answers"]
    assert "refused the key" in refused["error"]
    assert "Set a valid key" in refused["next_step"]
    assert answered["text"] == "Parts and labour."
    assert "GOOGLE_API_KEY" in lacking["next_step"]
    assert faults.KEY not in str(compared)


async def test_money_ends_a_comparison_before_the_request_that_would_exceed_it(
    provider: StandIn, tmp_path: Path
) -> None:
    long = "word " * 5000  # some 8,000 tokens: $0.0009 at the first model, $0.018 at the second
    compared = await call("providers_compare", home=tmp_path, prompt=long, models=PAIR, dollars=0.01)
    first, second = compared["answers"]
    assert first["error"] == ""
    assert "used its budget" in second["error"]
    assert len(provider.asked) == 1
    unpriced = await call("providers_compare", home=tmp_path, prompt=TASK, models=["openai:gpt-unheard-of"])
    assert "No price is known" in unpriced["answers"][0]["error"]
    assert len(provider.asked) == 1


async def test_offline_means_offline(provider: StandIn, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Only the offline engine"):
        await call("providers_compare", home=tmp_path, offline=True, prompt=TASK, models=PAIR)
    assert provider.asked == []


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("providers_prices", {"provider": "anthropik"}, "'anthropic'"),
        ("providers_estimate", {"models": ["opnai:gpt-6-luna"], "text": "x"}, "'openai'"),
        ("providers_estimate", {"models": ["openai:gpt-6-luna"]}, "Send text or input_tokens"),
        ("providers_practice", {"models": ["bedrock:x"], "prompt": "x"}, "practice provider is not"),
    ],
)
async def test_what_is_not_known_is_answered_with_what_is(
    tmp_path: Path, tool: str, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        await call(tool, home=tmp_path, offline=True, **arguments)
