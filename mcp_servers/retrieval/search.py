"""One answer to several ways of asking: each question is searched, and every one has its say in the first places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.hybrid import Hit, fuse

if TYPE_CHECKING:
    from mcp_servers.retrieval.index import CollectionIndex
    from models.retriever import Floats, Mask


def found(
    index: CollectionIndex,
    questions: Sequence[str],
    vectors: Sequence[Floats | None] | Floats,
    limit: int,
    allowed: Mask | None,
) -> list[Hit]:
    """Return the best hits over all questions, fused by reciprocal rank where there are several.

    A hit keeps the confidence that the question it answers best gave it.
    """
    rankings = [
        index.search(question, vector, limit, allowed) for question, vector in zip(questions, vectors, strict=True)
    ]
    if len(rankings) == 1:
        return rankings[0]
    best: dict[int, Hit] = {}
    for hit in (hit for ranking in rankings for hit in ranking):
        if hit.id not in best or hit.confidence > best[hit.id].confidence:
            best[hit.id] = hit
    scores = fuse([(1.0, [hit.id for hit in ranking]) for ranking in rankings])
    return [best[key] for key in sorted(scores, key=lambda key: (-scores[key], key))][:limit]
