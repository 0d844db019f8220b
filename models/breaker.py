"""A circuit breaker: a model that keeps failing is left alone for a while, then tried once (Nygard, Release It!)."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import AgentRunError, ModelUnavailableError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from lyceum.settings import BreakerSettings
from models.errors import kind_of

if TYPE_CHECKING:
    from collections.abc import Generator

COUNTED = frozenset({"server_error", "timeout", "connection", "unreadable"})  # what says that the model is not well


class BrokenModel(ModelUnavailableError):
    """The breaker is open: the model was not asked."""


class BreakerModel(WrapperModel):
    """Asks a model until it has failed so many times in a row; then raises BrokenModel at once until the pause is over.

    After the pause one request goes through: an answer closes the breaker, a failure opens it again.
    """

    def __init__(self, wrapped: Model, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(wrapped)
        self._rules = settings
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._trying = False

    @contextmanager
    def _watched(self) -> Generator[None]:
        trial = self._failures >= self._rules.failures
        wait = self._open_until - self._clock()
        if trial and (wait > 0 or self._trying):
            message = f"{self.model_name} failed {self._failures} times in a row and is left alone."
            raise BrokenModel(self.model_name, message, retry_after=max(wait, 0.1))
        self._trying = trial
        try:
            yield
        except AgentRunError as error:
            if kind_of(error) in COUNTED:
                self._failures += 1
                self._open_until = self._clock() + self._rules.seconds
            else:  # it answered, if only to refuse
                self._failures = 0
            raise
        else:
            self._failures = 0
        finally:
            self._trying = False

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        with self._watched():
            return await super().request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        with self._watched():
            async with super().request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
