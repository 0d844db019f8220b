"""The offline engine as a PydanticAI `Model`: deterministic, in milliseconds, for tests and the first minute."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import BaseModel
from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from models.offline.generic import answer_with_tools
from models.offline.skill import Call, Result, Skill, Turn

MODEL_NAME = "offline"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class OfflineModel(Model):
    """Follows a role's offline skill; without one, picks a tool by its description and quotes what it returns."""

    def __init__(self, skill: Skill | None = None) -> None:
        super().__init__()
        self._skill = skill

    def with_skill(self, skill: Skill) -> OfflineModel:
        return OfflineModel(skill)

    @property
    def model_name(self) -> str:
        return MODEL_NAME

    @property
    def system(self) -> str:
        return "lyceum"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        turn = _turn(messages, parameters)
        step = self._skill(turn) if self._skill else answer_with_tools(turn, parameters.function_tools)
        return ModelResponse(
            parts=_parts(step, turn, parameters),
            usage=RequestUsage(),  # it reads no tokens, and must not be taken for a language model
            model_name=MODEL_NAME,
            provider_name="lyceum",
            timestamp=EPOCH,
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        response = await self.request(messages, model_settings, model_request_parameters)
        yield _Stream(model_request_parameters=model_request_parameters, response=response)


@dataclass
class _Stream(StreamedResponse):
    """A finished response, streamed word by word, as a language model's would be."""

    response: ModelResponse

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        self._usage = self.response.usage
        for number, part in enumerate(self.response.parts):
            if isinstance(part, TextPart):
                for word in re.findall(r"\S+\s*|\s+", part.content):
                    for event in self._parts_manager.handle_text_delta(vendor_part_id=number, content=word):
                        yield event
            elif isinstance(part, ToolCallPart):
                yield self._parts_manager.handle_tool_call_part(
                    vendor_part_id=number,
                    tool_name=part.tool_name,
                    args=part.args_as_dict(),
                    tool_call_id=part.tool_call_id,
                )

    @property
    def model_name(self) -> str:
        return MODEL_NAME

    @property
    def provider_name(self) -> str:
        return "lyceum"

    @property
    def provider_url(self) -> str | None:
        return None

    @property
    def timestamp(self) -> datetime:
        return EPOCH


def _turn(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Turn:
    """Read the last user prompt and every tool result after it; unknown kinds of parts are passed over."""
    request, results = "", list[Result]()
    for message in messages:
        for part in cast("list[Any]", message.parts) if isinstance(message, ModelRequest) else []:
            if isinstance(part, UserPromptPart):
                request, results = part.content if isinstance(part.content, str) else _text(part.content), []
            elif isinstance(part, ToolReturnPart):
                results.append(Result(part.tool_name, _structured(part.content)))
            elif part.part_kind == "retry-prompt" and part.tool_name:
                results.append(Result(part.tool_name, part.model_response(), ok=False))
    return Turn(request, frozenset(tool.name for tool in parameters.function_tools), results)


def _text(content: Sequence[Any]) -> str:
    return "\n".join(part for part in content if isinstance(part, str))


def _structured(content: Any) -> Any:
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if isinstance(content, str) and content[:1] in "{[":
        try:
            return json.loads(content)
        except ValueError:
            return content
    return content


def _parts(step: Any, turn: Turn, parameters: ModelRequestParameters) -> list[ModelResponsePart]:
    if not isinstance(step, BaseModel):
        calls: list[Call] = list(step)
        done = len(turn.results)
        return [
            ToolCallPart(call.tool, call.arguments, tool_call_id=f"call-{done + number}")
            for number, call in enumerate(calls, 1)
        ]
    if parameters.output_tools:
        tool = parameters.output_tools[0].name
        return [ToolCallPart(tool, step.model_dump(mode="json"), tool_call_id=f"output-{len(turn.results)}")]
    text = getattr(step, "text", None)
    return [TextPart(text if isinstance(text, str) else step.model_dump_json())]
