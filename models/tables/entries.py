"""What the tables and columns of a schema can be called, and how well some words fit a name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from lyceum.tables import Cell, Column, Schema, Table
from models.tables.graph import KEY_ENDINGS, display_of, graph, keys_of
from models.tables.words import ABBREVIATIONS, lemma, name_words, stem, synonyms

Kind = Literal["table", "column", "name", "measure", "value"]
SURE = 0.8
MONEY_WORDS = frozenset({"revenue", "sale", "spend", "spending", "turnover", "earnings", "income", "sell"})
MONEY_COLUMNS = ("revenue", "sale", "total", "amount", "payment", "fare", "fee")
MONEY_TAILS = frozenset({"amount", "price", "value", "paid", "due", "usd", "eur"})
SOLD = frozenset({"quantity", "unit", "sold", "ordered", "order", "item", "line", "purchased"})
# Adjectives and verbs that ask about a column without naming it.
HINTS: dict[str, tuple[str, ...]] = {
    "length": ("length", "duration", "runtime", "milliseconds", "minute"), "duration": ("duration", "length", "runtime", "milliseconds"),
    "price": ("price", "cost", "fee"), "age": ("age", "birth"), "size": ("size", "bytes"),
    "weight": ("weight",), "height": ("height",), "weigh": ("weight",), "hire": ("hire",), "birth": ("birth",),
    "release": ("release",), "earn": ("salary", "wage", "income"), "publish": ("publication", "published"),
    "cost": ("price", "cost", "fee"), "found": ("founded", "foundation", "established"), "join": ("join", "joined"),
}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """One thing a span may mean. `columns` is empty for a table, a first and last name for a person's `name`,
    and quantity and price for a computed `measure`. `via`: the foreign key that the words name (`support rep`).
    `other`: the table of the second column of a measure, where it is not `table`.
    """

    kind: Kind
    table: str
    columns: tuple[str, ...] = ()
    value: Cell = None
    score: float = field(default=1.0, compare=False)
    via: str = ""
    other: str = ""

    @property
    def column(self) -> str:
        return self.columns[0]

    @property
    def place(self) -> tuple[str, tuple[str, ...]]:
        return self.table, self.columns


# Last words of a column's name that say how it is stored, not what it is: seg_cd is the segment.
FORMS = frozenset("code flag amount cent percent cm kg km usd eur".split())


@dataclass(frozen=True)
class Entry:
    candidate: Candidate
    words: tuple[str, ...]
    prefix: tuple[str, ...] = ()


def _money(table: Table, schema: Schema) -> list[Candidate]:
    """What a row of the table earned: a column named so, else quantity times unit price, of the row or of what it refers to."""
    keys = {*keys_of(table), *(key.column for key in table.foreign_keys)}
    words = {column.name: name_words(column.name) for column in _numbers(table) if column.name not in keys}
    for money in MONEY_COLUMNS:
        named = [
            name
            for name, parts in words.items()
            if parts[-1] == money or (parts[0] == money and parts[-1] in MONEY_TAILS)
        ]
        if named:
            return [Candidate("measure", table.name, (name,), score=0.85) for name in named[:2]]
    quantities = [name for name, parts in words.items() if parts[-1] in ("quantity", "unit") and set(parts) <= SOLD]
    parents = {edge.parent for edge in graph(schema).edges if edge.child == table.name}
    priced = [other for other in schema.tables if other.name == table.name and _prices(other)]
    priced = priced or [other for other in schema.tables if other.name in parents and _prices(other)]
    if len(quantities) != 1 or len(priced) != 1 or len(prices := _prices(priced[0])) != 1 or "discount" in str(words):
        return []
    other = priced[0].name if priced[0].name != table.name else ""
    return [Candidate("measure", table.name, (quantities[0], prices[0]), score=0.66 if other else 0.74, other=other)]


def _numbers(table: Table) -> list[Column]:
    return [column for column in table.columns if column.affinity in ("integer", "number")]


def _prices(table: Table) -> list[str]:
    return [column.name for column in _numbers(table) if name_words(column.name)[-1] == "price"]


@lru_cache(maxsize=32)
def entries(schema: Schema) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for table in schema.tables:
        own = name_words(table.name)
        entries.append(Entry(Candidate("table", table.name), own))
        display = display_of(table)
        if len(display) > 1:
            entries.append(Entry(Candidate("name", table.name, display), ("name",), own))
            entries.append(Entry(Candidate("name", table.name, display), ("full", "name"), own))
        for column in table.columns:
            words = name_words(column.name)
            prefixed = len(words) > len(own) and words[: len(own)] == own
            short = words[len(own) :] if prefixed else words
            refers = next(
                (edge for edge in graph(schema).edges if (edge.child, edge.column) == (table.name, column.name)), None
            )
            head = words[:-1] if words[-1] in KEY_ENDINGS else words
            penalty = (
                (0.6 if head == name_words(refers.parent) else 0.3) if refers and refers.parent != table.name else 0.0
            )
            if refers and refers.parent == table.name and short[-1:] == ("id",):
                short = short[:-1]
            candidate = Candidate("column", table.name, (column.name,), score=1 - penalty)
            entries.append(Entry(candidate, short, own))
            plain_key = short[-1] in KEY_ENDINGS and (column.name,) != keys_of(table)
            if len(short) > 1 and not refers and (short[-1] in FORMS or plain_key):
                entries.append(Entry(replace(candidate, score=0.95 * candidate.score), short[:-1], own))
        entries += [Entry(measure, ("revenue",), own) for measure in _money(table, schema)]
        for edge in graph(schema).edges:
            role = tuple(word for word in name_words(edge.column) if word not in ("id", "key"))
            if edge.child == table.name and role and role != name_words(edge.parent) and edge.child != edge.parent:
                entries.append(Entry(Candidate("table", edge.parent, score=0.95, via=edge.column), role))
    return tuple(entries)


def _word_score(asked: str, named: str) -> float:
    if lemma(asked) == named:
        return 1.0
    if stem(asked) == stem(named):
        return 0.9
    if ABBREVIATIONS.get(asked) == named:
        return 0.95
    if 2 <= len(named) <= 5 and re.sub(r"(?<!^)[aeiou]", "", lemma(asked)) == named:
        return 0.85
    if named in synonyms(asked) or stem(named) in {stem(word) for word in synonyms(asked)}:
        return 0.8
    return 0.0


def _phrase_score(asked: tuple[str, ...], named: tuple[str, ...]) -> float:
    """1 for the full name; less for related words, and least for a part of a longer name, its head before its modifier."""
    if len(asked) > len(named):
        return 0.0
    if len(asked) == len(named):
        scores = [_word_score(left, right) for left, right in zip(asked, named, strict=True)]
        return min(scores) * (sum(scores) / len(scores)) ** 0.5
    used = [max((_word_score(word, part), -index) for index, part in enumerate(reversed(named))) for word in asked]
    weakest = min(score for score, _ in used)
    if not weakest or len({index for _, index in used}) < len(used):
        return 0.0
    whole = 0.7 if len(asked) > 1 else 0.62 if used[0][1] == 0 else 0.45
    return whole * weakest


def named(words: tuple[str, ...], entry: Entry) -> float:
    score = _phrase_score(words, entry.words)
    if entry.prefix and len(words) > len(entry.prefix) and words[-1] != entry.prefix[-1]:
        inside = _phrase_score(words[: len(entry.prefix)], entry.prefix)
        rest = _phrase_score(words[len(entry.prefix) :], entry.words)
        if inside >= SURE - 0.05 and rest > 0.5:
            score = max(score, min(1.08, rest + 0.08))
    if len(words) == 1:
        if entry.candidate.kind == "measure":
            return 1.0 if lemma(words[0]) in MONEY_WORDS else 0.0
        if entry.candidate.kind == "column":
            wanted = HINTS.get(words[0], HINTS.get(stem(words[0]), HINTS.get(lemma(words[0]), ())))
            if any(part in wanted or stem(part) in {stem(word) for word in wanted} for part in entry.words):
                score = max(score, 0.8)
    return score


def date_like(column: Column) -> bool:
    """Whether a column holds ISO dates: by its values, or by its type where there are none."""
    samples = [value for value in column.values if value is not None]
    if not samples:
        return column.affinity in ("date", "time")
    return all(isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value) for value in samples)


def columns(schema: Schema) -> list[tuple[Table, Column]]:
    return [(table, column) for table in schema.tables for column in table.columns]


def hinted(concept: str, schema: Schema) -> list[Candidate]:
    """Columns which an adjective is about: `longest` asks about a length, `cheapest` about a price."""
    wanted = {
        stem(word) for word in (("birth", "age", "founded") if concept == "birth" else HINTS.get(concept, (concept,)))
    }
    named = [
        entry.candidate
        for entry in entries(schema)
        if entry.candidate.kind == "column" and {stem(word) for word in entry.words} & wanted
    ]
    dates = [
        Candidate(
            "column",
            table.name,
            (column.name,),
            score=1.0 if set(name_words(column.name)) <= {*name_words(table.name), "date"} else 0.8,
        )
        for table, column in columns(schema)
        if date_like(column)
    ]
    found = {
        "date": dates,
        "birth": [
            *named,
            *(replace(each, score=0.5) for each in dates if each.columns not in {n.columns for n in named}),
        ],
    }
    return [replace(each, score=0.9 * each.score) for each in found.get(concept, named)]
