"""A language model as user: it plays the personas of the suite `simulated_users` against the product.

Run: `python -m benchmarks.evals_users --user local:qwen2.5-coder-1.5b [--model offline]`. Whether a persona got what it
came for is decided by its goals' predicates, never by the model that plays it. Prints one line a persona.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.cli.eval_judge import asking
from app.front_door import front_door
from evals.suites.simulated_users.suite import answer, score_ending, suite
from evals.users import NextLine, Persona
from lyceum.settings import load_settings
from models.cache import uncached
from models.resolve import ResolvedModels

PLAY = (
    "You play a person who talks to an assistant. Compare what the person wants with what the assistant has said, "
    "and ask for what is still open, in one short question."
)


class Line(BaseModel):
    """What the person says next; when they have what they came for, the talk is ended for them."""

    say: str = Field(description="The next question of the person.", min_length=3, max_length=300)


def player(model: object) -> NextLine:
    """Return how a model plays a persona: it sees who it is and the talk so far, and not the goals."""
    ask = asking(model)

    async def next_line(persona: Persona, talk: Sequence[tuple[str, str]]) -> str | None:
        said = "\n".join(f"You: {mine}\nAssistant: {theirs[:400]}" for mine, theirs in talk)
        line = await ask(PLAY, f"The person: {persona.told}\n\nThe talk so far:\n{said}", Line)
        return line.say.strip() if isinstance(line, Line) else None

    return next_line


async def play(user: str, model: str) -> None:
    settings = load_settings()
    playing = settings.model_copy(update={"model": user, "offline": False})
    own = settings.model_copy(update={"offline": model == "offline", "model": None if model == "offline" else model})
    models = ResolvedModels(playing, os.environ)
    next_line = player(models.get())
    right = 0
    try:
        with uncached():
            async with front_door(own) as door:
                for case in suite().cases:
                    outcome = await answer(door, case, next_line)
                    score = score_ending(case, outcome)
                    right += score.verdict == "right"
                    print(case.id, score.verdict, score.reason[:100], flush=True)
    finally:
        await models.close()
    print(f"{right} of {len(suite().cases)} ended as they should")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True, help="the model that plays the personas")
    parser.add_argument("--model", default="offline", help="who answers")
    options = parser.parse_args()
    asyncio.run(play(options.user, options.model))


if __name__ == "__main__":
    main()
