"""The offline engine as a PydanticAI `Model`: deterministic, in milliseconds, for tests and the first minute."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from models.offline.generic import answer_with_tools
from models.offline.messages import read_turn, write_parts
from models.offline.skill import Skill

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
        turn = read_turn(messages, parameters)
        step = self._skill(turn) if self._skill else answer_with_tools(turn, parameters.function_tools)
        return ModelResponse(
            parts=write_parts(step, turn, parameters),
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
        yield FinishedStream(model_request_parameters=model_request_parameters, response=response)


@dataclass
class FinishedStream(StreamedResponse):
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
                    provider_name=part.provider_name,
                    provider_details=part.provider_details,
                )

    @property
    def model_name(self) -> str:
        return self.response.model_name or MODEL_NAME

    @property
    def provider_name(self) -> str:
        return "lyceum"

    @property
    def provider_url(self) -> str | None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self.response.timestamp
