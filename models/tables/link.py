"""Which words of a question mean which tables, columns and values of a schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lyceum.tables import Cell, Schema
from models.tables.entries import SURE, Candidate, columns, date_like, entries, named
from models.tables.words import MEANINGS, SOFT, STOP, Token, lemma, stem, tokenize

LONGEST = 6
DETERMINERS = frozenset({"the", "all", "every", "each", "many", "which"})


@dataclass(frozen=True)
class ValueHit:
    """A phrase of the question that was found as a real value of a column."""

    phrase: str
    table: str
    column: str
    value: Cell


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


@lru_cache(maxsize=32)
def _values(schema: Schema) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for table, column in columns(schema):
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
        for table, column in columns(schema)
    )


def span_candidates(
    tokens: Sequence[Token], start: int, end: int, schema: Schema, hits: Sequence[ValueHit]
) -> list[Candidate]:
    """Everything tokens `start:end` may mean, best first."""
    part = tokens[start:end]
    text = " ".join(token.text for token in part)
    lowers = [token.lower for token in part]
    if lowers[-1] in STOP and (own := _named_in_full(lowers, tokens[start - 1].lower if start else "", schema)):
        return own
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
        for entry in entries(schema) if len(words) <= LONGEST else ():
            score = named(words, entry) * entry.candidate.score
            if score >= 0.38:
                base = entry.candidate
                candidates.append(replace(base, score=round(score, 3)))
    tables = {each.table: each.score for each in candidates if each.kind == "table"}
    valued = {each.table for each in candidates if each.kind == "value" and each.score >= 0.85}
    if not part[0].quoted:  # the lecturers of rank Lecturer are lecturers; professors are lecturers of rank Professor
        candidates = [each for each in candidates if each.kind != "value" or tables.get(each.table, 0) < 0.95]
        candidates = [
            each for each in candidates if each.kind != "table" or each.score >= 0.95 or each.table not in valued
        ]
    best: dict[tuple[str, str, tuple[str, ...], Cell], Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: -each.score):
        best.setdefault((candidate.kind, candidate.table, candidate.columns, candidate.value), candidate)
    return list(best.values())


def _named_in_full(words: Sequence[str], before: str, schema: Schema) -> list[Candidate]:
    """What function words name as a whole: `the works` the table of that name, `on display` a flag called on_display."""
    if len(words) == 1 and before not in DETERMINERS:
        return []
    said = tuple(map(lemma, words))
    return [
        entry.candidate
        for entry in entries(schema)
        if entry.words == said
        and (entry.candidate.kind == "table" if len(words) == 1 else _flagged(entry.candidate, schema))
    ]


def _flagged(candidate: Candidate, schema: Schema) -> bool:
    return any(
        candidate.place == (table.name, (column.name,)) and set(column.values) <= {0, 1}
        for table, column in columns(schema)
        if column.values or column.affinity == "boolean"
    )


def link_tokens(
    tokens: Sequence[Token],
    schema: Schema,
    hits: Sequence[ValueHit] = (),
    taken: Sequence[bool] | None = None,
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
            if found and (end - start == 1 or found[0].score >= 0.68):
                kept = tuple(each for each in found if each.score >= found[0].score - 0.42)[:8]
                links.append(Link(start, end, " ".join(token.text for token in tokens[start:end]), kept))
                start = end - 1
                break
        start += 1
    return links


def link(question: str, schema: Schema, hits: Sequence[ValueHit] = ()) -> Links:
    """Link the words of a question to a schema."""
    tokens = tokenize(question)
    links = link_tokens(tokens, schema, hits)
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


__all__ = [
    "Candidate",
    "Link",
    "Links",
    "ValueHit",
    "date_like",
    "is_content",
    "link",
    "link_tokens",
    "phrases_to_find",
    "span_candidates",
]
