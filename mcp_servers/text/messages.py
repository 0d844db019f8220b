"""Labelled messages to the support of an invented shop: those to learn from, to try prompts on, and to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

Part = Literal["training", "development", "test"]
TRAINING, DEVELOPMENT = 20, 6  # messages of each label; the last of the training ones are the development part
MESSAGES = Path(__file__).parent / "data" / "messages.yaml"
_PARTS: dict[Part, slice] = {
    "training": slice(None, TRAINING),
    "development": slice(TRAINING - DEVELOPMENT, TRAINING),
    "test": slice(TRAINING, None),
}


@dataclass(frozen=True)
class Labelled:
    texts: list[str]
    labels: list[str]


class Mistake(BaseModel):
    text: str
    expected: str
    predicted: str


def messages(part: Part) -> Labelled:
    """Return a part of the messages, as many of each of the five labels: 100, 30 of those, or 50 others."""
    pairs = [(text, label) for label, texts in _by_label().items() for text in texts[_PARTS[part]]]
    return Labelled([text for text, _ in pairs], [label for _, label in pairs])


def macro_f1(right: Sequence[str], said: Sequence[str]) -> float:
    """Return the mean of the labels' F1 scores."""
    scores: list[float] = []
    for label in sorted(set(right)):
        hits = sum(a == b == label for a, b in zip(right, said, strict=True))
        scores.append(2 * hits / (right.count(label) + said.count(label)))
    return round(sum(scores) / len(scores), 4)


@lru_cache(maxsize=1)
def _by_label() -> dict[str, list[str]]:
    import yaml

    return yaml.safe_load(MESSAGES.read_text(encoding="utf-8"))
