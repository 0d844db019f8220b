"""A small language model trained here: word n-grams, interpolated from the longest context to the single word.

Witten-Bell smoothing: a context trusts its own counts the more, the more often it was seen and the fewer words
followed it (Witten and Bell 1991; the formula is in Chen and Goodman 1998).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from lyceum.errors import ModelRetry
from mcp_servers.decoding.distribution import Distribution, Floats

BEGIN, END = "<s>", "</s>"
MOST_CHARACTERS, MOST_WORDS = 1_000_000, 20_000
_TOKEN = re.compile(r" ?\w+(?:['’]\w+)?| ?[^\w\s]")


class NGram:
    """Lines are texts; a token is a word or a sign with the space before it."""

    def __init__(self, name: str, text: str, order: int) -> None:
        self.name = name
        self.order = order
        lines = [tokens for line in text.splitlines() if (tokens := split(line))]
        if not lines:
            raise ModelRetry("The text is empty.", next_step="Send text to learn from, one text a line.")
        words = Counter(token for line in lines for token in line)
        if len(words) > MOST_WORDS:
            raise ModelRetry(f"{len(words):,} different words.", next_step=f"Send text of at most {MOST_WORDS:,}.")
        self.words = [END, *sorted(words)]
        self.tokens = sum(words.values()) + len(lines)
        self._number = {word: place for place, word in enumerate(self.words)}
        self._after: defaultdict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
        for line in lines:
            self._count(line)

    def _count(self, line: Sequence[str]) -> None:
        whole = [BEGIN] * (self.order - 1) + [*line, END]
        for place in range(self.order - 1, len(whole)):
            for length in range(self.order):
                self._after[tuple(whole[place - length : place])][self._number[whole[place]]] += 1

    def next(self, prompt: str, written: Sequence[int]) -> Distribution:
        history = [*([BEGIN] * (self.order - 1)), *split(prompt), *(self.words[token] for token in written)]
        return Distribution.of(np.arange(len(self.words)), np.log(self.probabilities(history)))

    def probabilities(self, history: Sequence[str]) -> Floats:
        """Return the probability of every word after a history, interpolated upwards from the uniform one."""
        known = np.full(len(self.words), 1 / len(self.words))
        for length in range(self.order):
            seen = self._after.get(tuple(history[len(history) - length :]))
            if not seen:
                continue
            total, kinds = seen.total(), len(seen)
            own = np.zeros(len(self.words))
            own[list(seen)] = list(seen.values())
            known = (own + kinds * known) / (total + kinds)
        return known

    def perplexity(self, text: str) -> float:
        """Return e to the average surprise of a token of other text; words never seen share one more, unlikely."""
        surprise, count = 0.0, 0
        for line in text.splitlines():
            history = [BEGIN] * (self.order - 1)
            for token in [*split(line), END]:
                number = self._number.get(token)
                known = self.probabilities(history)
                surprise -= float(np.log(known[number] if number is not None else 1 / (len(self.words) + 1)))
                history.append(token)
                count += 1
        return float(np.exp(surprise / max(1, count)))

    def text(self, ids: Sequence[int]) -> str:
        return "".join(self.words[token] for token in ids)

    def ends(self, token: int) -> bool:
        return token == 0


def split(line: str) -> list[str]:
    return _TOKEN.findall(" " + " ".join(line.split())) if line.strip() else []
