"""Sentences whose entities and relations are known: the form in which they are written, and those of the repository.

A mention is marked in its place, `[Mara Lindt](person)`; a relation is a line, `Mara Lindt works_for Corva Labs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from lyceum.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = Path(__file__).parent / "data" / "relations.yaml"
_MENTION = re.compile(r"\[([^\]]+)\]\(([a-z_]+)\)")


class Entity(BaseModel):
    """A mention: the characters `start` to `end` of the text, -1 where the words do not stand in it."""

    text: str
    label: str
    start: int = -1
    end: int = -1


class Relation(BaseModel):
    """`subject` and `object` are the words of two entities."""

    subject: str
    relation: str
    object: str


class Extracted(BaseModel):
    entities: list[Entity] = Field(default_factory=list[Entity])
    relations: list[Relation] = Field(default_factory=list[Relation])


@dataclass(frozen=True)
class Scheme:
    """What can be said: the labels of entities and, by relation, the labels of its subject and its object."""

    labels: tuple[str, ...]
    relations: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Annotated:
    """A sentence with what is to be found in it."""

    text: str
    found: Extracted


@dataclass(frozen=True)
class Corpus:
    scheme: Scheme
    train: tuple[Annotated, ...]
    test: tuple[Annotated, ...]


@lru_cache(maxsize=1)
def corpus() -> Corpus:
    """Return the sentences of this repository; raises UserError that names a line that does not fit the scheme."""
    import yaml

    raw: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    scheme = Scheme(tuple(raw["labels"]), {name: (pair[0], pair[1]) for name, pair in raw["relations"].items()})
    train, test = (
        tuple(parsed(each["text"], each["relations"], scheme) for each in raw[part]) for part in ("train", "test")
    )
    return Corpus(scheme, train, test)


def parsed(marked: str, relations: list[str], scheme: Scheme) -> Annotated:
    """Read one marked sentence; raises UserError for an unknown label or relation, or words that are no mention."""
    entities: list[Entity] = []
    text, at = "", 0
    for found in _MENTION.finditer(marked):
        text += marked[at : found.start()]
        words, label = found[1], found[2]
        if label not in scheme.labels:
            raise UserError(f"{label!r} is no label.", next_step=nearest(label, scheme.labels, what="labels"))
        entities.append(Entity(text=words, label=label, start=len(text), end=len(text) + len(words)))
        text, at = text + words, found.end()
    text += marked[at:]
    return Annotated(text, Extracted(entities=entities, relations=[_relation(r, entities, scheme) for r in relations]))


def _relation(line: str, entities: list[Entity], scheme: Scheme) -> Relation:
    name = next((name for name in scheme.relations if f" {name} " in line), "")
    subject, _, thing = line.partition(f" {name} ")
    wanted = scheme.relations.get(name)
    if wanted is None:
        raise UserError(f"{line!r} names no relation.", next_step=f"They are: {', '.join(scheme.relations)}.")
    if not {(subject, wanted[0]), (thing, wanted[1])} <= {(entity.text, entity.label) for entity in entities}:
        raise UserError(
            f"{line!r} is not between a {wanted[0]} and a {wanted[1]} of its sentence.",
            next_step="Write the words of the mentions.",
        )
    return Relation(subject=subject, relation=name, object=thing)


def located(text: str, entities: list[Entity]) -> list[Entity]:
    """Give entities their places, each the first that no earlier entity of the same words has taken."""
    taken: set[tuple[int, int]] = set()
    placed: list[Entity] = []
    for entity in entities:
        places = [(found.start(), found.end()) for found in re.finditer(re.escape(entity.text), text)]
        start, end = next((place for place in places if place not in taken), (-1, -1))
        taken.add((start, end))
        placed.append(entity.model_copy(update={"start": start, "end": end}))
    return placed
