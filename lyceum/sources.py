"""Where a claim comes from: sources that tools return, citations that must resolve to them.

A citation exists only if its source is in the run's registry; `resolve` drops the rest and says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from lyceum.tables import Cell

SourceKind = Literal["passage", "rows", "page", "output", "turn"]


class Source(BaseModel):
    """One citable thing: an exact passage, a query with its rows, a web page, a program's output, a past turn.

    `locator` says where in `uri` it is, for people ("page 3", "heading Rank and alpha", "lines 10-24").
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Stable id to cite, e.g. course:attention#grouped-query-attention.")
    kind: SourceKind
    title: str
    uri: str = ""
    locator: str = ""
    text: str = Field(default="", description="The exact passage; empty for rows.")
    query: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()

    @computed_field
    @property
    def hash(self) -> str:
        """SHA-256 over what is cited, so that a later reader can tell whether it changed."""
        cited = json.dumps([self.text, self.query, self.columns, self.rows], ensure_ascii=False, default=str)
        return hashlib.sha256(cited.encode()).hexdigest()


class Claim(BaseModel):
    """One statement of an answer and the ids of the sources that carry it."""

    text: str = Field(description="One sentence that the cited sources support.")
    citations: list[str] = Field(default_factory=list, description="Ids of the sources, exactly as tools gave them.")


class Resolved(BaseModel):
    """Claims whose citations all exist, the sources in citation order, and what had to be dropped."""

    claims: list[Claim]
    sources: list[Source]
    dropped: list[str]

    def number(self, source_id: str) -> int:
        """Return the `n` of `[n]` for a source: its 1-based place in citation order."""
        return next(n for n, source in enumerate(self.sources, 1) if source.id == source_id)


def resolve(claims: Sequence[Claim], registry: Mapping[str, Source]) -> Resolved:
    """Keep the citations that resolve in `registry`; a claim left without any citation it asked for is dropped."""
    kept: list[Claim] = []
    used: dict[str, Source] = {}
    dropped: list[str] = []
    for claim in claims:
        good = [cited for cited in dict.fromkeys(claim.citations) if cited in registry]
        dropped += [cited for cited in claim.citations if cited not in registry]
        if claim.citations and not good:
            continue
        used |= {cited: registry[cited] for cited in good if cited not in used}
        kept.append(Claim(text=claim.text, citations=good))
    return Resolved(claims=kept, sources=list(used.values()), dropped=list(dict.fromkeys(dropped)))


def by_id(sources: Iterable[Source]) -> dict[str, Source]:
    return {source.id: source for source in sources}
