"""A pulled GGUF as a PydanticAI `Model`: the schemas of tools and outputs are the grammar that it writes in."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ModelResponsePart, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from models.local.choose import choose
from models.local.engine import Completion, Engine
from models.local.think import Guide, Think, inlined
from models.offline.messages import read_turn, write_parts
from models.offline.model import FinishedStream
from models.offline.skill import Turn

MOST_CALLS = 6  # in one turn; then it must answer


class LocalModel(Model):
    """Follows a role's guide, which asks the model only what code cannot know; without one, chooses among the tools
    that fit the request and its own answer.

    A small model nearly always calls a tool when it may, so which tools fit is decided before it is asked. Without a
    temperature in its settings it answers greedily, always alike; with one, each time anew unless they give a seed.
    """

    def __init__(
        self, name: str, engine: Engine, guide: Guide | None = None, *, settings: ModelSettings | None = None
    ) -> None:
        super().__init__(settings=settings)
        self._name = name
        self.engine = engine
        self._guide = guide

    def with_guide(self, guide: Guide) -> LocalModel:
        return LocalModel(self._name, self.engine, guide, settings=self.settings)

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return "local"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        turn = read_turn(messages, parameters)
        thought = _thought(self.engine, settings)
        if self._guide is not None:
            parts = write_parts(await self._guide(turn, thought), turn, parameters)
        else:
            parts = await _choose(turn, _instructions(messages), parameters, thought)
        return ModelResponse(
            parts=parts,
            usage=thought.usage,
            model_name=self._name,
            provider_name="local",
            timestamp=datetime.now(UTC),
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
class Thought:
    """`Think` over an engine, adding up what it costs; nothing is asked colder than `temperature`."""

    engine: Engine
    temperature: float = 0.0
    seed: int = 1
    usage: RequestUsage = field(default_factory=RequestUsage)

    async def __call__(
        self,
        system: str,
        user: str,
        *,
        begin: str = "",
        schema: dict[str, Any] | None = None,
        samples: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 400,
        stop: Sequence[str] = (),
    ) -> tuple[str, ...]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        if begin:
            messages.append({"role": "assistant", "content": begin})
        done = await self.engine.complete(
            messages,
            schema=schema,
            samples=samples,
            temperature=max(temperature, self.temperature),
            seed=self.seed,
            max_tokens=max_tokens,
            stop=stop,
        )
        self._count(done)
        return done.texts

    def _count(self, done: Completion) -> None:
        self.usage.input_tokens += done.prompt_tokens
        self.usage.cache_read_tokens += done.cached_tokens
        self.usage.output_tokens += done.completion_tokens


def _thought(engine: Engine, settings: ModelSettings | None) -> Thought:
    given = settings or {}
    warm = given.get("temperature", 0.0)
    return Thought(engine, warm, given.get("seed", secrets.randbelow(2**31) if warm else 1))


async def _choose(
    turn: Turn, instructions: str, parameters: ModelRequestParameters, think: Think
) -> list[ModelResponsePart]:
    """Let the model pick a fitting tool or answer, in one object whose grammar allows nothing else."""
    output = parameters.output_tools[0] if parameters.output_tools else None
    text = {"type": "string", "minLength": 1} if parameters.allow_text_output else None  # None: it must call a tool
    answer = inlined(output.parameters_json_schema) if output else text
    tools = parameters.function_tools if len(turn.results) < MOST_CALLS else []
    chosen = await choose(turn, instructions, tools, think, answer=answer)
    if "tool" in chosen:
        return [ToolCallPart(str(chosen["tool"]), chosen["arguments"], tool_call_id=f"call-{len(turn.results) + 1}")]
    if output is not None:
        return [ToolCallPart(output.name, chosen.get("answer", {}), tool_call_id=f"output-{len(turn.results)}")]
    return [TextPart(str(chosen.get("answer", chosen.get("text", ""))))]


def _instructions(messages: Sequence[ModelMessage]) -> str:
    return next((m.instructions for m in reversed(messages) if isinstance(m, ModelRequest) and m.instructions), "")
