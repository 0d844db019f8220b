"""What the team's writer is given of a specialist's work, and what becomes of what it writes."""

from __future__ import annotations

from agents.writer import Brief, Quoted, Section
from workflows.steps.chat_turn import Piece

LONGEST_EVIDENCE = 4000


def brief_of(piece: Piece) -> Brief:
    """Quote a piece's claims, each under the source that carries it; what no source carries under the step's id."""
    known = {source.id: source for source in piece.sources}
    quoted: list[Quoted] = []
    for claim in piece.claims:
        cited = [each for each in claim.citations if each in known]
        title = known[cited[0]].title if cited else piece.task
        own = cited[0] if cited else piece.id
        quoted.append(Quoted(id=own, title=title[:200], text=claim.text[:LONGEST_EVIDENCE], also=cited[1:]))
    return Brief(question=piece.task, evidence=quoted)


def written(piece: Piece, section: Section) -> Piece:
    """Return the piece in the writer's words; it stays as it was where the writer has none."""
    known = {source.id for source in piece.sources}
    claims = [
        claim.model_copy(update={"citations": [each for each in claim.citations if each in known]})
        for claim in section.claims
        if not claim.citations or known & {*claim.citations} or piece.id in claim.citations
    ]
    return piece.model_copy(update={"claims": claims}) if claims and not section.declined else piece
