"""Which words of a question mean which tables, columns and values of a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from lyceum.tables import Cell, Column, Schema, Table
from models.tables.graph import display_of, graph, keys_of
from models.tables.words import ABBREVIATIONS, MEANINGS, SOFT, STOP, Token, lemma, name_words, stem, synonyms, tokenize

Kind = Literal["table", "column", "name", "measure", "value"]
LONGEST = 6
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
class ValueHit:
    """A phrase of the question that was found as a real value of a column."""

    phrase: str
    table: str
    column: str
    value: Cell


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


@dataclass(frozen=True)
class Link:
    """Tokens `start` to `end` (exclusive) of the question and what they may mean, best first."""

    start: int
    end: int
    phrase: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Links:
    """The linked spans, the content words left over, and the share of content words linked (0 to 1)."""

    tokens: tuple[Token, ...]
    links: tuple[Link, ...]
    unlinked: tuple[str, ...]
    coverage: float


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
def _entries(schema: Schema) -> tuple[Entry, ...]:
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
            penalty = (
                (0.6 if words == name_words(refers.parent) else 0.3) if refers and refers.parent != table.name else 0.0
            )
            if refers and refers.parent == table.name and short[-1:] == ("id",):
                short = short[:-1]
            candidate = Candidate("column", table.name, (column.name,), score=1 - penalty)
            entries.append(Entry(candidate, short, own))
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


def _named(words: tuple[str, ...], entry: Entry) -> float:
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
    """Whether a column holds dates, by its type or as ISO text."""
    samples = [value for value in column.values if value is not None]
    iso = bool(samples) and all(isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value) for value in samples)
    return column.affinity in ("date", "time") or (column.affinity in ("text", "other") and iso)


def _columns(schema: Schema) -> list[tuple[Table, Column]]:
    return [(table, column) for table in schema.tables for column in table.columns]


def hinted(concept: str, schema: Schema) -> list[Candidate]:
    """Columns which an adjective is about: `longest` asks about a length, `cheapest` about a price."""
    wanted = {
        stem(word) for word in (("birth", "age", "founded") if concept == "birth" else HINTS.get(concept, (concept,)))
    }
    named = [
        entry.candidate
        for entry in _entries(schema)
        if entry.candidate.kind == "column" and {stem(word) for word in entry.words} & wanted
    ]
    dates = [
        Candidate(
            "column",
            table.name,
            (column.name,),
            score=1.0 if set(name_words(column.name)) <= {*name_words(table.name), "date"} else 0.8,
        )
        for table, column in _columns(schema)
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


@lru_cache(maxsize=32)
def _values(schema: Schema) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for table, column in _columns(schema):
        for value in column.values:
            if (
                isinstance(value, str)
                and re.search(r"[^\W\d]", value)
                and len(value) <= 80
                and column.affinity not in ("date", "time")
            ):
                candidate = Candidate("value", table.name, (column.name,), value)
                found.setdefault(value.casefold(), []).append(candidate)
    return found


def _value_candidates(text: str, schema: Schema, hits: Sequence[ValueHit], certain: bool) -> list[Candidate]:
    """Values that read like `text`; a lone small word (not `certain`) must be of a column whose values are all known."""
    key = text.casefold()
    found = dict.fromkeys(_values(schema).get(key, []))
    found |= {
        Candidate("value", hit.table, (hit.column,), hit.value): None for hit in hits if hit.phrase.casefold() == key
    }
    normal = _normal(key)
    if not found and len(normal) >= 3:
        same = (each for value, options in _values(schema).items() if _normal(value) == normal for each in options)
        found = {replace(each, score=0.85): None for each in same}
    if not found:
        meant = [each for word in MEANINGS.get(key, ()) for each in _values(schema).get(word, [])]
        return [replace(each, score=0.85) for each in meant]
    return [each for each in found if certain or _listed(each, schema)]


def _normal(text: str) -> str:
    return " ".join(stem(word) for word in re.split(r"[\W_]+", text.casefold()) if word)


def _listed(candidate: Candidate, schema: Schema) -> bool:
    return any(
        table.name == candidate.table and column.name == candidate.column and column.complete
        for table, column in _columns(schema)
    )


def span_candidates(
    tokens: Sequence[Token], start: int, end: int, schema: Schema, hits: Sequence[ValueHit]
) -> list[Candidate]:
    """Everything tokens `start:end` may mean, best first."""
    part = tokens[start:end]
    text = " ".join(token.text for token in part)
    lowers = [token.lower for token in part]
    if (
        len(part) == 1
        and not part[0].quoted
        and ((lowers[0] in STOP and len(lowers[0]) < 6) or part[0].number is not None)
    ):
        exact = [each for each in _value_candidates(text, schema, hits, True) if each.value == text]
        return exact if text[:1].isupper() and start and text != "I" else []
    certain = len(part) > 1 or part[0].quoted or (text[:1].isupper() and start > 0)
    candidates = (
        _value_candidates(text, schema, hits, certain)
        if lowers[0] not in STOP or len(part) > 1 or part[0].quoted
        else []
    )
    if (not any(token.quoted for token in part) and lowers[0] not in STOP and lowers[-1] not in STOP) or lowers == [
        "name"
    ]:
        words = tuple(lemma(word) for lower in lowers for word in re.split(r"[-_/&.]", lower) if word and word != "of")
        for entry in _entries(schema) if len(words) <= LONGEST else ():
            score = _named(words, entry) * entry.candidate.score
            if score >= 0.38:
                base = entry.candidate
                candidates.append(replace(base, score=round(score, 3)))
    best: dict[tuple[str, str, tuple[str, ...], Cell], Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: -each.score):
        best.setdefault((candidate.kind, candidate.table, candidate.columns, candidate.value), candidate)
    return list(best.values())


def link_tokens(
    tokens: Sequence[Token],
    schema: Schema,
    hits: Sequence[ValueHit] = (),
    taken: Sequence[bool] | None = None,
    similarity: Callable[[str, str], float] | None = None,
) -> list[Link]:
    """Links of all tokens that are not `taken` by another meaning: the longest sure span first, from the left."""
    taken = taken or [False] * len(tokens)
    links: list[Link] = []
    start = 0
    while start < len(tokens):
        for end in range(min(len(tokens), start + LONGEST), start, -1):
            if any(taken[start:end]) or any(token.text in ",;?" for token in tokens[start:end]):
                continue
            found = span_candidates(tokens, start, end, schema, hits)
            if (
                not found
                and end - start == 1
                and similarity
                and tokens[start].lower not in STOP
                and not tokens[start].quoted
            ):
                found = _similar(tokens[start].text, schema, similarity)
            if found and (end - start == 1 or found[0].score >= 0.68):
                kept = tuple(each for each in found if each.score >= found[0].score - 0.42)[:8]
                links.append(Link(start, end, " ".join(token.text for token in tokens[start:end]), kept))
                start = end - 1
                break
        start += 1
    return links


def _similar(text: str, schema: Schema, similarity: Callable[[str, str], float]) -> list[Candidate]:
    scored = [(similarity(text, " ".join(entry.words)), entry.candidate) for entry in _entries(schema)]
    close = sorted(((score, each) for score, each in scored if score >= 0.6), key=lambda pair: -pair[0])[:3]
    return [replace(each, score=round(0.7 * score, 3)) for score, each in close]


def link(
    question: str, schema: Schema, hits: Sequence[ValueHit] = (), similarity: Callable[[str, str], float] | None = None
) -> Links:
    """Link the words of a question to a schema; `similarity` (0 to 1) may propose names for words the lexicon lacks."""
    tokens = tokenize(question)
    links = link_tokens(tokens, schema, hits, similarity=similarity)
    covered = {index for each in links for index in range(each.start, each.end)}
    content = [index for index, token in enumerate(tokens) if is_content(token)]
    unlinked = tuple(tokens[index].text for index in content if index not in covered)
    return Links(tuple(tokens), tuple(links), unlinked, 1 - len(unlinked) / len(content) if content else 0.0)


def is_content(token: Token) -> bool:
    """Whether a token names something: neither a function word, a number nor a mark."""
    return token.quoted or (
        token.lower not in STOP | SOFT and token.number is None and bool(re.search(r"[^\W\d]", token.text))
    )


def phrases_to_find(question: str, schema: Schema) -> list[str]:
    """What to look up in columns too large to list: quoted text, capitalised spans and runs of unlinked content words."""
    tokens = tokenize(question)
    phrases = [token.text for token in tokens if token.quoted]
    named = {
        index
        for each in link_tokens(tokens, schema)
        if each.candidates[0].score >= SURE
        for index in range(each.start, each.end)
    }
    joiners = {"of", "the", "and", "de", "da", "in", "a", "to", "no", "for", "on", "&"}

    def starts(index: int) -> bool:
        token = tokens[index]
        proper = token.text[:1].isupper() and (index > 0 or token.lower not in STOP)
        return not token.quoted and (proper or (is_content(token) and index not in named))

    for start in range(len(tokens)):
        for end in range(min(len(tokens), start + LONGEST), start, -1):
            inner = tokens[start:end]
            whole = all(
                starts(i) or tokens[i].lower in joiners or tokens[i].number is not None for i in range(start, end)
            )
            if whole and starts(start) and (starts(end - 1) or inner[-1].number is not None):
                phrases.append(question[inner[0].start : inner[-1].end])
    return list(dict.fromkeys(phrases))


def prune(schema: Schema, links: Links) -> Schema:
    """The tables a prompt needs: the linked ones and those that join them; all of them when nothing is linked."""
    wanted = {each.candidates[0].table for each in links.links if each.candidates[0].score >= 0.6}
    wanted |= {other.table for each in links.links for other in each.candidates[:3] if other.score >= SURE}
    path = graph(schema).connect(sorted(wanted)) if wanted else None
    kept = wanted | (path.tables if path else frozenset[str]())
    return (
        schema.model_copy(update={"tables": tuple(table for table in schema.tables if table.name in kept)})
        if kept
        else schema
    )


__all__ = [
    "Candidate",
    "Link",
    "Links",
    "ValueHit",
    "hinted",
    "is_content",
    "keys_of",
    "link",
    "link_tokens",
    "phrases_to_find",
    "prune",
    "span_candidates",
]
