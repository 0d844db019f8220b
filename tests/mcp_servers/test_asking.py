"""A tool asks the user before it acts: in both revisions, through the tool that calls others, or not at all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from mcp import Client
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp_types import ElicitRequestParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel, Field

from mcp_servers.asking import sure
from mcp_servers.lean import lean
from mcp_servers.server import ToolServer


class Done(BaseModel):
    name: str


class Reason(BaseModel):
    reason: str


async def why(name: str) -> Elicit[Reason]:
    return Elicit(f"Why {name}?", Reason)


Name = Annotated[str, Field(description="What to remove.", max_length=50)]


def server() -> ToolServer:
    made = ToolServer("test", instructions="")

    @made.expose(title="Remove", effect="destroy")
    async def test_remove(context: Context[Any, Any], name: Name) -> Done | InputRequiredResult:
        """Remove something by its name, if the user agrees."""
        agreed = await sure(context, "remove", f"Remove {name}?")
        if isinstance(agreed, InputRequiredResult):
            return agreed
        return Done(name=name if agreed else "nothing")

    @made.expose(title="Explain", effect="read")
    async def test_explain(name: Name, reason: Annotated[Reason, Resolve(why)]) -> Done:
        """Give back what the user gave as a reason."""
        return Done(name=f"{name}: {reason.reason}")

    return made


Mode = Literal["legacy", "auto"]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_user_is_asked_in_both_revisions(mode: Mode) -> None:
    asked: list[str] = []

    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        if params.message.startswith("Why"):
            return ElicitResult(action="accept", content={"reason": "old"})
        return ElicitResult(action="accept", content={"sure": "a" in params.message})

    async with Client(lean([server()]), mode=mode, elicitation_callback=answer) as client:

        async def call(tool: str, name: str) -> Any:
            given = {"name": tool, "arguments": {"name": name}}
            how = "tools_call_write" if tool == "test_remove" else "tools_call_read"
            result = await client.call_tool(how, given)
            structured: dict[str, Any] = result.structured_content or {}
            return structured["result"]["name"]

        assert await call("test_remove", "a") == "a"
        assert await call("test_remove", "x") == "nothing"
        assert await call("test_explain", "x") == "x: old"
        assert asked == ["Remove a?", "Remove x?", "Why x?"]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_that_cannot_be_asked_confirms_its_calls_itself(mode: Mode) -> None:
    async with Client(server(), mode=mode) as client:
        result = await client.call_tool("test_remove", {"name": "x"})
        assert (result.structured_content or {}) == {"name": "x"}
