"""One model request of an agent: admitted by the run's budget, tried again where that helps, kept, priced and told."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai import AgentStreamEvent, PartDeltaEvent, PartStartEvent
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup
from pydantic_ai.messages import (
    ModelMessage,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.settings import ModelSettings

from lyceum.errors import LimitReached, OperatorError, Unavailable
from lyceum.events import ModelCalled, Note, result_hash
from models.budgets import Hold, tokens_of
from models.cache import KEPT
from models.errors import friendly
from models.prices import Tokens
from workflows.context import RetryPolicy
from workflows.engines.draft import Draft
from workflows.engines.retry import retrying

if TYPE_CHECKING:
    from workflows.engines.agent_unit import AgentScope

CLOSE = 16_000  # below so many tokens of room, the provider is told the limit too: it may write what is not streamed


async def model_request(
    scope: AgentScope, model: str, body: Callable[[], Awaitable[object]], messages: list[ModelMessage]
) -> object:
    """Make a request once for its place in the run and return what is kept of it.

    Raises LimitReached where the budget has no room for it, or none left while it is answered.
    """
    scope.model_calls += 1
    key = f"{scope.ctx.scope}model.{scope.model_calls}"
    spent, tries = 0.0, 0

    async def once() -> object:
        nonlocal spent, tries
        tries += 1
        scope.draft = Draft()
        scope.hold = hold = scope.ledger.admit(scope.payees, max(_estimated(messages), scope.context_tokens))
        start = time.perf_counter()
        try:
            payload = await body()
        except (AgentRunError, FallbackExceptionGroup) as error:
            await _broke_off(scope, hold, f"{key}.broke.{tries}")
            failure = friendly(error)
            if hold.written and isinstance(failure, Unavailable):
                # Part of it was read already: a second try would say it twice.
                raise OperatorError(failure.message, next_step=failure.next_step) from None
            raise failure from None
        except BaseException:
            await _broke_off(scope, hold, f"{key}.broke.{tries}")
            raise
        finally:
            scope.ledger.close(hold)
            scope.hold = None
        spent = (time.perf_counter() - start) * 1000
        return payload

    async def told(error: Unavailable, seconds: float, attempt: int) -> None:
        note = Note(level="warning", text=f"{error.message} Trying again in {seconds:g} s.")
        await scope.tell(note, f"{key}.retry.{attempt}")

    async def measured() -> object:
        return await retrying(once, RetryPolicy(), told)

    kept: dict[str, Any] = await scope.ctx.unit(key, conversation_hash(messages), measured)
    response: dict[str, Any] = kept.get("response", kept)
    called = _called(scope, response, model, round(spent, 1))
    scope.context_tokens = called.input_tokens + called.output_tokens
    if await scope.tell(called, key):
        scope.ledger.paid(called)
        if called.after:
            failed = " and ".join(called.after)
            await scope.tell(Note(level="warning", text=f"{failed} failed; {called.model} answered."), f"{key}.after")
    if scope.limited and response.get("finish_reason") == "length":
        raise LimitReached("The budget ended in mid-answer.", next_step="Raise budget.tokens or budget.dollars.")
    return kept


def _called(scope: AgentScope, response: dict[str, Any], asked: str, latency: float) -> ModelCalled:
    usage: dict[str, Any] = response.get("usage") or {}
    model, provider = str(response.get("model_name") or asked), str(response.get("provider_name") or "")
    used = Tokens(
        input=int(usage.get("input_tokens") or 0),
        output=int(usage.get("output_tokens") or 0),
        cached=int(usage.get("cache_read_tokens") or 0),
        written=int(usage.get("cache_write_tokens") or 0),
    )
    attempts = cast("list[dict[str, Any]]", response.get("failed_attempts") or [])
    kept = (cast("dict[str, Any]", response.get("metadata") or {})).get(KEPT, "")
    return ModelCalled(
        model=model,
        provider=provider,
        after=[str(attempt["model_name"]) for attempt in attempts],
        kept=kept,
        input_tokens=used.input,
        output_tokens=used.output,
        cached_tokens=used.cached,
        cost=0.0 if kept else scope.ctx.prices.cost(model, provider, used),
        latency_ms=latency,
    )


async def _broke_off(scope: AgentScope, hold: Hold, key: str) -> None:
    """Count what a provider had begun to write: it is paid for, and nobody will say how much it was."""
    scope.ledger.close(hold)
    if not hold.written:
        return
    payee, used = hold.payees[0], hold.tokens
    called = ModelCalled(
        model=payee.model,
        provider=payee.provider,
        estimated=True,
        input_tokens=used.input,
        output_tokens=used.output,
        cost=scope.ctx.prices.cost(payee.model, payee.provider, used),
    )
    scope.ledger.paid(called)
    await scope.tell(called, key)


def written(event: AgentStreamEvent) -> str:
    """Return the text that a stream event brings, read or not: prose, thoughts and arguments are all paid for."""
    match event:
        case PartStartEvent(part=TextPart(content=text) | ThinkingPart(content=text)):
            return text
        case PartStartEvent(part=ToolCallPart() as call):
            return call.args_as_json_str() if call.args else ""
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(text))):
            return text
        case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=str(text))):
            return text
        case _:
            return ""


def _estimated(messages: list[ModelMessage]) -> int:
    """Estimate the tokens of a conversation; instructions count once, as they are sent."""
    instructions = next((text for each in reversed(messages) if (text := getattr(each, "instructions", None))), "")
    return tokens_of(str(instructions)) + sum(tokens_of(text) for part in _said(messages) for text in part)


def conversation_hash(messages: list[ModelMessage]) -> str:
    """Hash what was said, leaving out times and ids that differ between a run and its resume."""
    return result_hash(_said(messages))


def _said(messages: list[ModelMessage]) -> list[list[str]]:
    parts = [part for message in messages for part in message.parts]
    return [
        [part.part_kind, str(getattr(part, "content", "")), str(getattr(part, "args", None) or "")] for part in parts
    ]


def room_for(scope: AgentScope, messages: list[ModelMessage]) -> ModelSettings:
    """Return the settings that hold a provider to what is left of the budget, where that is little."""
    here = all(payee.provider in ("lyceum", "local") for payee in scope.payees)
    room = scope.ledger.room(scope.payees, max(_estimated(messages), scope.context_tokens))
    scope.limited = room < CLOSE and not here
    return ModelSettings(max_tokens=room) if scope.limited else ModelSettings()
