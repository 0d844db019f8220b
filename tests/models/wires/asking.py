"""One question to a model about the weather, by an agent with one tool: what came of it, or how it failed."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from pydantic_ai import Agent, AgentStreamEvent, RunContext
from pydantic_ai.models import Model

QUESTION = "How is the weather?"


@dataclass
class Told:
    """What came of one question: its text, in how many pieces, the days that were asked for, and how it failed."""

    text: str = ""
    pieces: int = 0
    days: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    most_at_once: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    error: Exception | None = None


async def ask(model: Model, *, streams: bool, question: str = QUESTION) -> Told:
    """Ask as our engine does (streamed) or as our tools do (whole)."""
    told = Told()

    def weather(city: str, day: int) -> str:
        """Say how the weather is in a city on a day."""
        told.days.append((city, day))
        return f"{city} on day {day}: rain"

    async def listen(_ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        async for event in events:
            told.pieces += type(event).__name__ in ("PartDeltaEvent", "PartStartEvent")

    try:
        agent = Agent(model, tools=[weather])
        result = await agent.run(question, event_stream_handler=listen if streams else None)
    except Exception as error:  # noqa: BLE001 - what came of it is the point
        told.error = error
        return told
    told.text = result.output
    told.input_tokens, told.output_tokens = result.usage.input_tokens, result.usage.output_tokens
    calls = [sum(part.part_kind == "tool-call" for part in message.parts) for message in result.all_messages()]
    told.most_at_once = max(calls)
    return told
