"""One task for one model: its answer with time, tokens and cost, or the failure as a person should read it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent, AgentStreamEvent, PartDeltaEvent, PartStartEvent, RunContext
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup
from pydantic_ai.messages import TextPart, TextPartDelta, ThinkingPart, ThinkingPartDelta
from pydantic_ai.settings import ModelSettings

from lyceum.errors import LyceumError, ModelRetry
from lyceum.events import ModelCalled
from mcp_servers.providers.results import Answer, Compared
from models.budgets import Hold, Ledger, Payee, tokens_of
from models.cache import KEPT
from models.errors import friendly
from models.fallback import candidates
from models.prices import Tokens

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from lyceum.settings import Settings
    from models.resolve import ResolvedModels


async def compared(
    models: ResolvedModels, settings: Settings, names: list[str], prompt: str, instructions: str, ledger: Ledger
) -> Compared:
    """Ask one model after the other, so that none waits for another's; a model that cannot be used is told as such."""
    if settings.offline and (paid := [name for name in names if name != "offline"]):
        raise ModelRetry(
            f"Only the offline engine answers here, not {paid[0]!r}.", next_step="Start without --offline."
        )
    answers = [await ask(models, name, prompt, instructions, ledger) for name in names]
    return Compared(answers=answers, dollars=ledger.dollars)


async def ask(models: ResolvedModels, name: str, prompt: str, instructions: str, ledger: Ledger) -> Answer:
    """Ask once: what fails is told, not tried again. `name` may be a chain: `a,b,offline`."""
    start = first = 0.0
    hold: Hold | None = None

    async def listen(_ctx: RunContext[object], events: AsyncIterable[AgentStreamEvent]) -> None:
        nonlocal first
        async for event in events:
            first = first or time.perf_counter()
            if hold is not None:
                hold.more(_written(event))  # money is counted while it is spent

    try:
        model = models.get(name)
        payees = [Payee(each.model_name, each.system) for each in candidates(model)]
        size = tokens_of(prompt) + tokens_of(instructions)
        hold = ledger.admit(payees, size)
        limits = ModelSettings(max_tokens=min(ledger.room(payees, size), 4096)) if ledger.budget.dollars else None
        agent = Agent(model, instructions=instructions or None, output_type=str, retries=0)
        start = time.perf_counter()
        result = await agent.run(prompt, event_stream_handler=listen, model_settings=limits)
    except LyceumError as error:
        return Answer(asked=name, error=error.message, next_step=error.next_step, **_broken_off(hold, ledger))
    except (AgentRunError, FallbackExceptionGroup) as error:
        told = friendly(error)
        spent = round(1000 * (time.perf_counter() - start), 1)
        cut = _broken_off(hold, ledger)
        return Answer(asked=name, error=told.message, next_step=told.next_step, latency_ms=spent, **cut)
    finally:
        if hold is not None:
            ledger.close(hold)
    end = time.perf_counter()
    answer = _answer(name, result.response, result.output, ledger)
    times = {"first_ms": round(1000 * (first - start), 1), "latency_ms": round(1000 * (end - start), 1)}
    return answer.model_copy(update=times)


def _written(event: AgentStreamEvent) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text) | ThinkingPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(text))):
            return text
        case _:
            return ""


def _broken_off(hold: Hold | None, ledger: Ledger) -> dict[str, Any]:
    """Count an answer that had begun by what was seen of it: it is paid for, and nobody will say how much it was."""
    if hold is None or not hold.written:
        return {}
    ledger.close(hold)
    payee, used = hold.payees[0], hold.tokens
    cost = ledger.prices.cost(payee.model, payee.provider, used)
    ledger.paid(ModelCalled(model=payee.model, input_tokens=used.input, output_tokens=used.output, cost=cost))
    return {"input_tokens": used.input, "output_tokens": used.output, "dollars": cost}


def _answer(name: str, response: ModelResponse, text: str, ledger: Ledger) -> Answer:
    usage = response.usage
    used = Tokens(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    model, provider = response.model_name or name, response.provider_name or ""
    kept = str((response.metadata or {}).get(KEPT, ""))
    cost = 0.0 if kept else ledger.prices.cost(model, provider, used)
    ledger.paid(ModelCalled(model=model, input_tokens=used.input, output_tokens=used.output, cost=cost))
    return Answer(
        asked=name,
        model=model,
        after=[str(attempt.model_name) for attempt in response.failed_attempts or []],
        text=text,
        kept=kept,
        input_tokens=used.input,
        output_tokens=used.output,
        cached_tokens=used.cached,
        dollars=cost,
    )
