"""Who answers when a model cannot: PydanticAI's fallback with our triggers, and no provider's text in what it keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelRequestAttempt, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from lyceum.settings import Trigger
from models.errors import kind_of


class Chain(FallbackModel):
    """Asks its models in order until one answers; `on` says for which failures the next one is asked.

    A stream that has begun belongs to the model that began it: what was read is never said twice.
    """

    def __init__(self, models: Iterable[Model], on: Collection[Trigger]) -> None:
        self.on = frozenset(on)
        first, *others = models
        super().__init__(first, *others, fallback_on=self._moves_on)

    def _moves_on(self, error: Exception) -> bool:
        return kind_of(error) in self.on

    def each(self, change: Callable[[Model], Model]) -> Chain:
        """Return a chain of the same models, each changed."""
        return Chain([change(model) for model in self.models], self.on)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await super().request(messages, model_settings, model_request_parameters)
        return replace(response, failed_attempts=_without_text(response.failed_attempts))

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with super().request_stream(messages, model_settings, model_request_parameters, run_context) as stream:
            stream.failed_attempts = _without_text(stream.failed_attempts)
            yield stream


def _without_text(attempts: list[ModelRequestAttempt] | None) -> list[ModelRequestAttempt] | None:
    """Keep what kind of error it was: its text may quote the request, and with it a key."""
    return [replace(each, error=(each.error or "").partition(":")[0]) for each in attempts] if attempts else attempts


def candidates(model: Model) -> list[Model]:
    """Return the models that may answer for a model, innermost: of a chain all, of a wrapper the wrapped one."""
    if isinstance(model, FallbackModel):
        return [inner for each in model.models for inner in candidates(each)]
    if isinstance(model, WrapperModel):
        return candidates(model.wrapped)
    return [model]
