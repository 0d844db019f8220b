"""Sentences that are meant as orders to whoever processes them, by their meaning: what no pattern foresees.

A logistic model over sentence vectors, fitted and measured by benchmarks/injection.py on orders and harmless sentences.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lyceum.errors import LyceumError

LEAST = 0.6  # probability from which a sentence is taken for an order
WEIGHTS = Path(__file__).with_name("likeness.json")


def orders_among(texts: Sequence[str]) -> list[bool]:
    """Tell of each sentence whether it is meant as an order; of none where no embedder is there."""
    from models.embeddings import default_embedder

    if not texts:
        return []
    try:
        vectors: Any = default_embedder().embed(list(texts))
    except LyceumError:
        return [False] * len(texts)
    weights, intercept = _fitted()
    return [bool(total > 0) for total in vectors @ weights + intercept - _LOGIT]


@cache
def _fitted() -> tuple[Any, float]:
    import numpy as np

    held = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return np.array(held["weights"], dtype=np.float32), float(held["intercept"])


_LOGIT = 0.405  # log(LEAST / (1 - LEAST))
