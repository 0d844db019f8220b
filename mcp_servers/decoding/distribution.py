"""What a language model says comes next: token ids with the logarithms of their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Distribution:
    """Token `ids` and their `logits` (natural logarithms, up to a constant), the likeliest first.

    A model that tells only its likeliest tokens says in `covered` how much of the probability they have.
    """

    ids: Ids
    logits: Floats
    covered: float = 1.0

    @classmethod
    def of(cls, ids: Ids, logits: Floats, covered: float = 1.0) -> Distribution:
        order = np.lexsort((ids, -logits))  # ties by id, so that the same question has one answer
        return cls(ids[order], logits[order], covered)

    @property
    def probabilities(self) -> Floats:
        """Probabilities that sum to 1."""
        shifted = np.exp(self.logits - self.logits.max())
        return shifted / shifted.sum()

    @property
    def entropy(self) -> float:
        """Uncertainty in bits."""
        known = self.probabilities[self.probabilities > 0]
        return float(-(known * np.log2(known)).sum())

    def keep(self, which: NDArray[np.bool_]) -> Distribution:
        return Distribution(self.ids[which], self.logits[which], self.covered)


class LanguageModel(Protocol):
    """Anything that continues a text token by token."""

    name: str

    def next(self, prompt: str, written: Sequence[int]) -> Distribution:
        """Return what may follow the prompt and the tokens written since."""
        ...

    def text(self, ids: Sequence[int]) -> str: ...

    def ends(self, token: int) -> bool:
        """Tell whether a token ends the text."""
        ...


Warp = Callable[[Distribution], Distribution]
