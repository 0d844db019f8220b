"""How fast a provider is asked: requests and tokens a minute, and the pause that the provider itself asks for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelRateLimitError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from lyceum.settings import LimitSettings
from models.budgets import tokens_of
from models.refusals import wait_of

MINUTE = 60.0
SHORT_PAUSE = 1.0  # seconds that are slept through; a longer pause is told, so that another model can be asked


class Gate:
    """What a provider was asked in the last minute; every model of that provider in this process goes through it.

    `clock` returns seconds. A pause that the provider asked for with Retry-After holds for all of them.
    """

    def __init__(self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._asked: deque[list[float]] = deque()  # [when, tokens], oldest first
        self._turn = asyncio.Lock()
        self._closed_until = 0.0

    def pause(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def enter(self, tokens: int, model: str) -> list[float]:
        """Wait for a turn and return its entry, for `correct`; raises ModelRateLimitError where it is too far off."""
        async with self._turn:
            while wait := self._wait(tokens):
                longest = SHORT_PAUSE if self._clock() < self._closed_until else self._settings.wait
                if wait > longest:
                    raise ModelRateLimitError(model, "Held back by the limits of this process.", retry_after=wait)
                await asyncio.sleep(wait)
            entry = [self._clock(), float(tokens)]
            self._asked.append(entry)
            return entry

    def _wait(self, tokens: int) -> float:
        """Return the seconds until a request of so many tokens may be sent; 0.0 when it may now."""
        now = self._clock()
        while self._asked and self._asked[0][0] <= now - MINUTE:
            self._asked.popleft()
        waits = [self._closed_until - now]
        most, most_tokens = self._settings.requests_per_minute, self._settings.tokens_per_minute
        if most is not None and len(self._asked) >= most:
            waits.append(self._asked[len(self._asked) - most][0] + MINUTE - now)
        if most_tokens is not None:
            over = sum(used for _, used in self._asked) + min(tokens, most_tokens) - most_tokens
            for when, used in self._asked:
                if over <= 0:
                    break
                over -= used
                waits.append(when + MINUTE - now)
        return max(0.0, *waits)


class LimitedModel(WrapperModel):
    """Asks a model through its provider's gate."""

    def __init__(self, wrapped: Model, gate: Gate) -> None:
        super().__init__(wrapped)
        self._gate = gate

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        entry = await self._gate.enter(_size(messages), self.model_name)
        try:
            response = await super().request(messages, model_settings, model_request_parameters)
        except ModelRateLimitError as error:
            self._gate.pause(wait_of(error) or 0.0)
            raise
        _correct(entry, response.usage)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        entry = await self._gate.enter(_size(messages), self.model_name)
        try:
            async with super().request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
                _correct(entry, stream.usage)
        except ModelRateLimitError as error:
            self._gate.pause(wait_of(error) or 0.0)
            raise


def _size(messages: list[ModelMessage]) -> int:
    return sum(tokens_of(str(getattr(part, "content", ""))) for message in messages for part in message.parts)


def _correct(entry: list[float], usage: RequestUsage) -> None:
    """Replace the estimate by what the provider counted, where it did."""
    entry[1] = float(usage.input_tokens + usage.output_tokens) or entry[1]
