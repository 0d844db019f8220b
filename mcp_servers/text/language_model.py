"""The language model that the text tools ask: resolved on first use, with the time, tokens and money of each answer."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lyceum.errors import OperatorError
from lyceum.settings import Settings
from models.errors import friendly
from models.prices import Prices, Tokens

if TYPE_CHECKING:
    from pydantic_ai.models import Model

T = TypeVar("T")

NONE = "The offline engine answers here, and it is no language model."
GET_ONE = "Pull one: lyceum models pull qwen2.5-coder-1.5b; or name one with --model or LYCEUM_MODEL."
LIKE = ("gpt-4o-mini", "openai")  # what the tokens would have cost, where the model that wrote them is free


@dataclass(frozen=True)
class Reply(Generic[T]):
    """`output` is None where the model did not keep to the form that was asked for."""

    output: T | None
    seconds: float
    used: Tokens
    cost: float | None


@dataclass
class Spent:
    """Adds up replies; money is in US dollars, None where a price is not known."""

    replies: int = 0
    failed: int = 0
    seconds: float = 0.0
    input: int = 0
    output: int = 0
    cost: float | None = 0.0

    def add(self, reply: Reply[Any]) -> None:
        self.replies += 1
        self.failed += reply.output is None
        self.seconds += reply.seconds
        self.input += reply.used.input
        self.output += reply.used.output
        self.cost = None if self.cost is None or reply.cost is None else self.cost + reply.cost

    @property
    def hosted(self) -> float | None:
        """What a hosted model would have taken for the same tokens."""
        return Prices().cost(*LIKE, Tokens(self.input, self.output))


@dataclass
class LanguageModel:
    """Raises Unavailable where it does not answer. `async with` it around questions: leaving closes connections."""

    model: Model
    prices: Prices = field(default_factory=Prices)

    @property
    def name(self) -> str:
        return self.model.model_name

    async def __aenter__(self) -> LanguageModel:
        await self.model.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.model.__aexit__(*error)

    async def ask(self, instructions: str, request: str, output: type[T]) -> Reply[T]:
        """Ask once more where the first answer does not fit `output` (`str` for free text)."""
        from pydantic_ai import Agent, UnexpectedModelBehavior, UsageLimits
        from pydantic_ai.usage import RunUsage

        agent: Agent[None, T] = Agent(self.model, instructions=instructions, output_type=output, retries=1)
        usage = RunUsage()
        started = time.perf_counter()
        result = None
        try:
            result = await agent.run(
                request, usage=usage, usage_limits=UsageLimits(request_limit=3), model_settings={"temperature": 0.0}
            )
        except UnexpectedModelBehavior:
            pass
        except Exception as error:  # noqa: BLE001 - whatever a client raises, in our own words
            raise friendly(error) from None
        seconds = time.perf_counter() - started
        used = Tokens(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
        said = result.response if result else None
        provider = (said.provider_name if said else None) or self.model.system
        cost = self.prices.cost((said.model_name if said else None) or self.name, provider, used)
        return Reply(result.output if result else None, seconds, used, cost)


class Models:
    """The one that answers by these settings, without kept answers: they would be no measurement."""

    def __init__(self, settings: Settings) -> None:
        kept = settings.cache.model_copy(update={"enabled": False})
        self._settings = settings.model_copy(update={"cache": kept})

    @cached_property
    def _model(self) -> LanguageModel | None:
        from models.resolve import ResolvedModels

        models = ResolvedModels(self._settings, os.environ)
        if models.default.partition(":")[0] == "offline":
            return None
        return LanguageModel(models.get(), Prices(self._settings.prices))

    def get(self) -> LanguageModel:
        if self._model is None:
            raise OperatorError(NONE, next_step=GET_ONE)
        return self._model
