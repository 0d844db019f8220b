"""Precision, recall and F1 of entities and relations, counted over all sentences (micro averages)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from mcp_servers.text.annotated import Entity, Extracted


class Score(BaseModel):
    precision: float
    recall: float
    f1: float


class Scores(BaseModel):
    """`entities` asks for the very span and label, `overlapping` for the label and a character in common; a relation
    must have both of its ends and its name right.
    """

    entities: Score
    overlapping: Score
    relations: Score


def scored(wanted: Sequence[Extracted], got: Sequence[Extracted]) -> Scores:
    pairs = list(zip(wanted, got, strict=True))
    return Scores(
        entities=_score([(_spans(right.entities), _spans(said.entities)) for right, said in pairs]),
        overlapping=_counted(
            sum(_overlaps(right.entities, said.entities) for right, said in pairs),
            sum(len(said.entities) for _, said in pairs),
            sum(len(right.entities) for right, _ in pairs),
        ),
        relations=_score([(_facts(right), _facts(said)) for right, said in pairs]),
    )


def _spans(entities: Sequence[Entity]) -> set[tuple[str, ...]]:
    # What does not stand in the text has no place; its words keep it apart from the next such.
    return {(entity.label, str(entity.start), str(entity.end), entity.text) for entity in entities}


def _facts(extracted: Extracted) -> set[tuple[str, ...]]:
    return {(fact.subject, fact.relation, fact.object) for fact in extracted.relations}


def _overlaps(wanted: Sequence[Entity], got: Sequence[Entity]) -> int:
    """Count pairs of the same label that share a character; an entity is in one pair at most."""
    free = list(got)
    pairs = 0
    for entity in wanted:
        for other in free:
            if other.label == entity.label and other.start < entity.end and entity.start < other.end:
                free.remove(other)
                pairs += 1
                break
    return pairs


def _score(pairs: Sequence[tuple[set[tuple[str, ...]], set[tuple[str, ...]]]]) -> Score:
    right = sum(len(wanted & got) for wanted, got in pairs)
    return _counted(right, sum(len(got) for _, got in pairs), sum(len(wanted) for wanted, _ in pairs))


def _counted(right: int, said: int, wanted: int) -> Score:
    precision = right / said if said else 0.0
    recall = right / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return Score(precision=round(precision, 4), recall=round(recall, 4), f1=round(f1, 4))
