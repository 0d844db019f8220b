"""Word2Vec (Mikolov et al. 2013, arXiv:1301.3781) trained on a corpus with gensim, and asked for neighbours and
analogies. The example corpus is made by rules, so that what its vectors should know is known.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from itertools import permutations
from typing import Any

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, nearest
from mcp_servers.text.extra import library

COUNTRIES = {
    "france": ("paris", "french"), "italy": ("rome", "italian"), "spain": ("madrid", "spanish"),
    "germany": ("berlin", "german"), "poland": ("warsaw", "polish"), "norway": ("oslo", "norwegian"),
    "greece": ("athens", "greek"), "japan": ("tokyo", "japanese"),
}  # fmt: skip
_FRAMES = (
    "{capital} is the capital of {country}", "the government of {country} sits in {capital}",
    "most people in {country} speak {language}", "she flew from {capital} home to {country}",
    "he learned {language} while he lived in {capital}", "the {language} border of {country} was closed",
    "the embassy of {country} is not in {capital} but abroad", "a {language} newspaper is printed in {capital}",
    "in {capital} you hear {language} everywhere", "{country} exports wine and machines",
    "the mayor of {capital} spoke about traffic", "a teacher of {language} writes poems",
)  # fmt: skip


class Neighbour(BaseModel):
    word: str
    similarity: float = Field(description="Cosine, -1 to 1.")


class Trained(BaseModel):
    """What training gave; `analogies_right` is of all capital-country analogies, for the example corpus only."""

    sentences: int
    vocabulary: int
    seconds: float
    neighbours: list[Neighbour]
    analogy: list[Neighbour] = Field(description="The nearest words to b - a + c, those three left out.")
    analogies_right: float | None = None
    analogies_asked: int = 0


def example_corpus(sentences: int = 6_000) -> list[list[str]]:
    """Return sentences of twelve frames about eight countries, the same ones each time."""
    chosen = random.Random(1)  # noqa: S311 - not for secrets
    made: list[list[str]] = []
    for _ in range(sentences):
        country, (capital, language) = chosen.choice(list(COUNTRIES.items()))
        made.append(chosen.choice(_FRAMES).format(country=country, capital=capital, language=language).split())
    return made


def train(text: str, word: str, analogy: Sequence[str], epochs: int) -> Trained:
    """Train skip-gram with negative sampling, one worker and a fixed seed: the same text gives the same vectors."""
    corpus = [re.findall(r"\w+", line.lower()) for line in re.split(r"[.!?\n]+", text)] if text else example_corpus()
    corpus = [sentence for sentence in corpus if len(sentence) > 1]
    if len(corpus) < 50:
        raise ModelRetry(f"{len(corpus)} sentences are too few.", next_step="Send 50 or more; thousands teach more.")
    if analogy and len(analogy) != 3:
        raise ModelRetry("An analogy has three words.", next_step="Send a, b, c for `a is to b as c is to ...`.")
    started = time.perf_counter()
    made = library("gensim.models").Word2Vec(
        corpus, vector_size=40, window=5, min_count=3, sg=1, negative=8, epochs=epochs, seed=1, workers=1
    )
    seconds = time.perf_counter() - started
    vectors = made.wv
    for asked in [word, *analogy]:
        if asked and asked not in vectors:
            known = nearest(asked, list(vectors.key_to_index)[:5000], what="words")
            raise ModelRetry(f"{asked!r} is not in the vocabulary.", next_step=known[:300])
    right, count = (None, 0) if text else _all_analogies(vectors)
    return Trained(
        sentences=len(corpus),
        vocabulary=len(vectors),
        seconds=round(seconds, 2),
        neighbours=_told(vectors.most_similar(word, topn=5)) if word else [],
        analogy=_told(vectors.most_similar([analogy[1], analogy[2]], [analogy[0]], topn=5)) if analogy else [],
        analogies_right=right,
        analogies_asked=count,
    )


def _all_analogies(vectors: Any) -> tuple[float, int]:
    pairs = [(country, capital) for country, (capital, _) in COUNTRIES.items()]
    asked = list(permutations(pairs, 2))
    right = sum(vectors.most_similar([b, c], [a], topn=1)[0][0] == d for (a, b), (c, d) in asked)
    return round(right / len(asked), 4), len(asked)


def _told(found: Sequence[tuple[str, float]]) -> list[Neighbour]:
    return [Neighbour(word=word, similarity=round(float(similarity), 4)) for word, similarity in found]
