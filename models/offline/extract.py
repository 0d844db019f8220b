"""Extractive answers: the sentences of found passages that carry the question's words, quoted as they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lyceum.sources import Claim, Source
from models.offline.skill import content_words

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\d`$(\[*])|\n{2,}|\n(?=[-*|#])")
LONGEST = 420
ALSO = 0.6  # share of the question's words that a second passage must carry to be quoted too


def sentences(text: str) -> list[str]:
    """Split prose into sentences; headings, table rows and code lines stand alone."""
    parts = (re.sub(r"\s+", " ", part).strip() for part in _SENTENCE.split(text))
    return [part for part in parts if len(part) > 20 and not part.startswith(("#", "|", "```", "---"))]


def extract(question: str, sources: Sequence[Source], *, most: int = 3) -> list[Claim]:
    """Return up to `most` claims that quote the best sentences of the best sources, each with its citation.

    A passage's first sentence defines its subject, so it leads; the others follow by how many of the question's
    words they carry. Sources come in order of relevance and keep it.
    """
    wanted = set(content_words(question))
    claims: list[Claim] = []
    for rank, source in enumerate(sources[:2]):
        lines = sentences(source.text)
        if not lines or (rank > 0 and overlap(question, source) < ALSO):
            continue
        scored = sorted(range(len(lines)), key=lambda n: (-len(wanted & set(content_words(lines[n]))) - (n == 0), n))
        chosen = sorted(scored[: most - len(claims) if rank == 0 else 1])
        claims += [Claim(text=lines[n][:LONGEST], citations=[source.id]) for n in chosen]
        if len(claims) >= most:
            break
    return claims[:most]


def overlap(question: str, source: Source) -> float:
    """Return the share of the question's content words that the source's title or text carries (0 to 1)."""
    wanted = set(content_words(question))
    held = set(content_words(f"{source.title} {source.locator} {source.text}"))
    return len(wanted & held) / len(wanted) if wanted else 0.0
