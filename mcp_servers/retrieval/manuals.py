"""A synthetic collection: notes on the machines of an invented maker, and questions whose passage is known.

Every passage is one topic of one machine. A question names the machine in its own words (words find it) and the topic
in other words (meaning finds it), so that neither search alone is enough.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product

_FIRST = "Alder Birk Corvo Dune Ember Fjord Garnet Heron Isla Juno Krona Larch Mistral Nova Onyx".split()
_SECOND = ["2", "5", "X7", "Pro", "Mini", "40"]
_TOPICS = [
    ("Rinse the filter of the {name} with warm water every {n} days.", "How often must I wash the sieve of my {name}?"),
    ("The {name} draws {n}00 watts when it heats up.", "How much electricity does the {name} take?"),
    ("The tank of the {name} holds {n} litres.", "What amount of water fits into the {name}?"),
    ("A descaling of the {name} is due after {n}0 cups.", "When do I have to remove lime from the {name}?"),
    ("The {name} is guaranteed for {n} years from the day of purchase.", "For how long is my {name} under warranty?"),
    (
        "Hold both buttons of the {name} for {n} seconds to reset it.",
        "How do I restore the {name} to its first state?",
    ),
    ("Error E{n} of the {name} means that the lid is open.", "Which code does the {name} show when its cover is up?"),
    ("The {name} weighs {n} kilograms with its packaging.", "How heavy is the box of the {name}?"),
    ("Replace the seal of the {name} once in {n} months.", "When does the {name} need a new rubber ring?"),
    (
        "The {name} switches itself off after {n} minutes without use.",
        "How long may the {name} idle before it sleeps?",
    ),
    ("The cable of the {name} is {n} metres long.", "How far from the socket can the {name} stand?"),
    ("Keep {n} centimetres of air around the {name}.", "How much space does the {name} need to breathe?"),
]
MOST = len(_FIRST) * len(_SECOND) * len(_TOPICS)


@dataclass(frozen=True)
class Asked:
    """A question and the number of the passage that answers it."""

    question: str
    passage: int


def written(count: int, questions: int) -> tuple[list[str], list[Asked]]:
    """Return `count` passages (at most `MOST`) and questions spread over them; the same every time."""
    chosen = random.Random(5)  # noqa: S311 - not for secrets
    made = [
        (said.format(name=name, n=chosen.randrange(2, 10)), asked.format(name=name))
        for name, (said, asked) in product((f"{a} {b}" for a, b in product(_FIRST, _SECOND)), _TOPICS)
    ][:count]
    rows = chosen.sample(range(len(made)), min(questions, len(made)))
    return [said for said, _ in made], [Asked(made[row][1], row) for row in rows]
