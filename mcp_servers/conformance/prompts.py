"""Prompts: plain, with arguments that are completed, with a resource, with a picture, and one that asks first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp.server.mcpserver import Context, UserMessage
from mcp_types import ImageContent, InputRequiredResult

from mcp_servers.conformance.asking import accepted, form, question
from mcp_servers.conformance.contents import embedded, png
from mcp_servers.server import ToolServer

CITIES = ("paris", "park", "party")


def add_prompts(server: ToolServer) -> None:
    @server.prompt(description="A prompt without arguments.")
    async def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage("This is a simple prompt for testing.")]

    @server.prompt(description="A prompt with two arguments.")
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]

    @server.complete("test_prompt_with_arguments", "arg1")
    async def cities(typed: str) -> Sequence[str]:  # pyright: ignore[reportUnusedFunction]
        return [city for city in CITIES if city.startswith(typed)]

    @server.prompt(description="A prompt with a resource in it.")
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt(description="A prompt with a picture in it.")
    async def test_prompt_with_image() -> list[UserMessage]:
        picture = ImageContent(type="image", data=png(), mime_type="image/png")
        return [UserMessage(picture), UserMessage("Please analyze the image above.")]

    @server.prompt(description="A prompt that asks what it is about.")
    async def test_input_required_result_prompt(
        context: Context[Any, Any],
    ) -> list[UserMessage] | InputRequiredResult:
        given = accepted(context, "user_context", "context")
        if given is None:
            asked = form("What context should the prompt use?", context={"type": "string"})
            return question(user_context=asked)
        return [UserMessage(f"Use this context: {given}")]
