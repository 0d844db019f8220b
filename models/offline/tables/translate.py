"""Every reading of a question, best first; the first that holds together is the answer unless another comes close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from lyceum.tables import Schema
from models.offline.tables.build import Builder, Built
from models.offline.tables.catalog import Catalog
from models.offline.tables.explain import explain
from models.offline.tables.frame import Unclear
from models.offline.tables.items import Item, read_items
from models.offline.tables.parse import parse
from models.tables.entries import Candidate
from models.tables.graph import display_of, graph
from models.tables.link import ValueHit
from models.tables.words import CREATORS, NAMING, name_words

READINGS = 600
JOIN_COST = 0.12
MARGIN = 0.08
DISTANCE = 0.5
OWNING = frozenset({"have", "has", "had"})  # "how many albums does Queen have": of several Queens, the artist


@dataclass(frozen=True)
class Query:
    """One SELECT that answers the question, what it does in a plain sentence, and how sure the words were (0 to 1)."""

    sql: str
    explanation: str
    confidence: float
    answer_columns: tuple[str, ...]


@dataclass(frozen=True)
class Decline:
    """Why there is no query; `unlinked` are the words that name nothing in the schema."""

    reason: str
    unlinked: tuple[str, ...] = ()


def translate(question: str, schema: Schema, hits: Sequence[ValueHit] = ()) -> Query | Decline:
    """Translate a question into one SELECT in `schema.dialect`, or say why not. No database is touched."""
    items, unlinked = read_items(question[:2000], schema, hits)
    if len(question) > 2000:
        return Decline("The question is too long to be one question about tables.")
    if unlinked and not any(item.tag == "like" for item in items):
        return Decline(f"Nothing in the database is called {', '.join(repr(word) for word in unlinked[:4])}.", unlinked)
    if refused := next((item for item in items if item.tag == "unsupported"), None):
        return Decline(f"'{refused.text}' asks for more than counting, filtering, grouping and ordering.")
    catalog = Catalog(schema)
    best: tuple[float, Built, str, float] | None = None
    reason = ""
    readings = sorted(_readings(items, schema), key=lambda reading: -reading[0])
    for score, chosen in readings:
        if (best and score < best[0] - MARGIN) or score < readings[0][0] - DISTANCE:
            break
        try:
            frame = parse(chosen, catalog)
            explanation = explain(frame)
            built = Builder(frame, catalog).build()
        except Unclear as problem:
            reason = reason or str(problem)
            continue
        if best and best[1].sql != built.sql:
            return Decline(f"Two readings are equally likely: {best[2]} Or: {explanation}")
        best = best or (score, built, explanation, _confidence(chosen))
    if best is None:
        return Decline(
            f"The question could not be read as one query: {reason or 'nothing in it names a table'}.", unlinked
        )
    return Query(best[1].sql, best[2], best[3], best[1].columns)


def _readings(items: Sequence[Item], schema: Schema) -> Iterator[tuple[float, list[Item]]]:
    open_ones = {index: list(item.candidates) for index, item in enumerate(items) if item.candidates}
    while open_ones and _size(open_ones) > READINGS:
        longest = max((options for options in open_ones.values() if len(options) > 1), key=len)
        longest.pop()
    for combination in islice(product(*open_ones.values()), READINGS):
        chosen = dict(zip(open_ones, combination, strict=True))
        yield (
            _score(chosen, items, schema),
            [item.choose(chosen[index]) if index in chosen else item for index, item in enumerate(items)],
        )


def _size(options: dict[int, list[Candidate]]) -> int:
    size = 1
    for each in options.values():
        size *= len(each)
    return size


def _score(chosen: dict[int, Candidate], items: Sequence[Item], schema: Schema) -> float:
    """How well the words fit, plus columns and values close to the name of their table, less the joins."""
    score = sum(candidate.score for candidate in chosen.values())
    named = [(index, candidate.table) for index, candidate in chosen.items() if candidate.kind == "table"]
    for index, candidate in chosen.items():
        near = [abs(index - other) for other, table in named if candidate.kind != "table" and table == candidate.table]
        score += 0.3 / (0.8 + 0.2 * min(near)) if near else 0.0
    score += sum(_value_bonus(index, chosen, items, schema) for index in chosen)
    path = graph(schema).connect(dict.fromkeys(candidate.table for candidate in chosen.values())) if chosen else None
    return score - JOIN_COST * (len(path.tables) - 1) if path else score - 1


def _value_bonus(index: int, chosen: dict[int, Candidate], items: Sequence[Item], schema: Schema) -> float:
    """A name found among the names of another table is more telling than the same words in a free-text column."""
    value = chosen[index]
    if value.kind != "value":
        return 0.0
    table = next(table for table in schema.tables if table.name == value.table)
    own = any(each.kind == "table" and each.table == value.table for each in chosen.values())
    beside = any(
        each.kind != "value" and each.table == value.table and abs(other - index) == 1 for other, each in chosen.items()
    )
    if beside or (
        index > 1
        and index - 2 in chosen
        and chosen[index - 2].table == value.table
        and items[index - 1].text.casefold() in NAMING
    ):
        return 0.6
    bonus = 0.0 if value.column not in display_of(table) else -0.3 if own else 0.5
    before = [item.text.casefold() for item in items[max(0, index - 2) : index]]
    creator = CREATORS & {*name_words(value.table), *name_words(value.column)}
    made = "by" in before or (items[index + 1 : index + 2] and items[index + 1].text.casefold() in OWNING)
    return bonus + (0.4 if made and creator and value.column in display_of(table) else 0.0)


def _confidence(items: Sequence[Item]) -> float:
    scores = [min(1.0, item.chosen.score) for item in items if item.candidates]
    return round(min(scores, default=0.0) * 0.5 + sum(scores) / max(1, len(scores)) * 0.5, 3)
