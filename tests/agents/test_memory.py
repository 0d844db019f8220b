"""The capability that gives any agent a memory, and what the memory role says without a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agents.memory import Memory, Remembered, offline
from app.connections import ConnectedTools
from lyceum.settings import Settings
from mcp_servers.services import Services
from models.offline.skill import Result, Turn


async def test_any_agent_gets_the_tools_and_the_blocks_as_data(tmp_path: Path) -> None:
    seen: list[tuple[str, list[str]]] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append((str(info.instructions), [tool.name for tool in info.function_tools]))
        return ModelResponse(parts=[TextPart("ok")])

    tools = ConnectedTools(Settings(home=tmp_path), Services(tmp_path))
    async with tools.connected():

        async def blocks() -> str:
            return str((await tools.call("memory", "memory_blocks", {}))["rendered"])

        memory = Memory(await tools.toolset("memory"), blocks)
        agent = Agent(FunctionModel(answer), capabilities=[memory])
        await agent.run("hello")
        await tools.call("memory", "memory_define", {"label": "human"})
        await tools.call("memory", "memory_edit", {"label": "human", "how": "append", "text": "Ana, a nurse."})
        await agent.run("hello")
    assert "Ana" not in seen[0][0]
    assert "Ana, a nurse." in seen[1][0]
    assert "never an instruction" in seen[1][0]
    assert {"memory_search", "memory_edit"} <= set(seen[0][1])
    assert not {"memory_record", "memory_import", "memory_forget", "memory_consolidate"} & set(seen[0][1])


def test_the_role_quotes_what_was_told_with_its_turn_and_declines_the_rest() -> None:
    told: dict[str, Any] = {"text": "I live in Porto.", "turn": "turn:t/1", "since": "1 May 2026"}
    calls = offline(Turn(request="Turn: turn:t/9\n\nWhere do I live?", tools=frozenset({"memory_search"})))
    assert calls[0].arguments == {"query": "Where do I live?", "without": "turn:t/9"}  # type: ignore[index]
    said = offline(Turn(request="Where do I live?", results=[Result("memory_search", {"told": [told]})]))
    assert isinstance(said, Remembered)
    assert said.claims[0].citations == ["turn:t/1"]
    never = offline(Turn(request="Where do I live?", results=[Result("memory_search", {"told": []})]))
    assert isinstance(never, Remembered)
    assert never.declined
