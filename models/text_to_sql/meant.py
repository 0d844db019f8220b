"""What a question's words mean where a schema leaves a choice: `tracks by Queen` names an artist, not a composer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lyceum.tables import Schema
from models.tables import Candidate, Link, Links
from models.tables.graph import display_of, graph, many_sided
from models.tables.words import CREATORS, NAMING, lemma, name_words, stem

_CLEAR = 0.25  # by how much the best reading of a value must lead
_PARTIAL = frozenset("contain include word start begin end letter like similar".split())
_SURE = 0.8
_SUPERLATIVE = r"(?:single |very )?(?:most \w+|least \w+|best \w+|best|worst|top|(?!interest|latest)\w+est)"
_ASKING = re.compile(rf"(?:in |from |on |at |by |to )?which|what (?:is|are|was|were) the {_SUPERLATIVE}")


@dataclass(frozen=True)
class Asked:
    """What a question settles about its query: the values it speaks of, the table it counts, the column it lists."""

    values: Sequence[Candidate] = ()
    counted: str = ""
    listed: str = ""


def asked_of(links: Links, schema: Schema) -> Asked:
    """Read a question for what is certain; of several columns that hold a value the one that is meant, if one is."""
    values: list[Candidate] = []
    for link in links.links:
        one = value_meant(link, links, schema)
        values += [one] if one else [each for each in link.candidates if each.kind == "value"]
    thing = asked_thing(links)
    return Asked(values, _counted(links), thing.column if thing and thing.kind == "column" else "")


def value_meant(link: Link, links: Links, schema: Schema) -> Candidate | None:
    """The one column that holds a value and is meant; None where two are as likely, or part of a text is asked for."""
    before = {lemma(token.lower) for token in links.tokens[: link.start]}
    values = [each for each in link.candidates if each.kind == "value"]
    if not values or before & _PARTIAL:
        return None
    ranked = sorted(((_fit(each, link, links, schema), each) for each in values), key=lambda pair: -pair[0])
    clear = len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= _CLEAR
    return ranked[0][1] if clear else None


def likely(link: Link, links: Links, schema: Schema) -> list[Candidate]:
    """What a span may mean, best first: columns of the tables that the question is about, figures that add up."""
    floor = max(0.55, link.candidates[0].score - 0.12)
    found = [each for each in link.candidates[:3] if each.score >= floor]
    kind = found[0].kind if found else ""
    if kind == "value":
        one = value_meant(link, links, schema)
        return [one] if one else found
    if kind in ("column", "name"):  # the price of a track is that of tracks, not of sales
        about = tables_said(links) | {each.table for each in _values_said(links, schema)}
        return [each for each in found if each.kind in ("table", "value") or each.table in about] or found
    if kind == "measure":
        return [each for each in found if not _repeated(each, tables_said(links), schema)][:1] or found
    return found


def _values_said(links: Links, schema: Schema) -> list[Candidate]:
    return [one for link in links.links if (one := value_meant(link, links, schema))]


def _repeated(measure: Candidate, said: set[str], schema: Schema) -> bool:
    """Whether joining the tables that a question names sums a figure twice: an invoice's total across its lines."""
    path = graph(schema).connect([measure.table, *sorted(said)])
    return path is not None and bool(many_sided(path, measure.table))


def _counted(links: Links) -> str:
    """The table whose rows `how many ...` or `the number of ...` counts; empty when none is asked for."""
    words = [token.lower for token in links.tokens]
    for index in range(len(words) - 1):
        if words[index : index + 2] in (["how", "many"], ["number", "of"]):
            top = _top_at(_skip(words, index + 2), links)
            return top.table if top and top.kind == "table" and top.score >= _SURE else ""
    return ""


def asked_thing(links: Links) -> Candidate | None:
    """The table or column of which `which ...` or `what is the longest ...` asks for rows or values.

    `Which rep's customers ...` may ask for either: what follows an owner is not taken for the thing asked for.
    """
    said = " ".join(token.lower for token in links.tokens)
    asking = _ASKING.match(said)
    start = len(asking.group().split()) if asking else len(links.tokens)
    near = [link for link in links.links if start <= link.start <= start + 1]
    tops = [link.candidates[0] for link in near if not _owned(link, links)]
    return next((top for top in tops if top.kind in ("table", "column") and top.score >= _SURE), None)


def _owned(link: Link, links: Links) -> bool:
    """Whether a possessive 's, which is no token but leaves its room, stands before a span."""
    before, first = links.tokens[link.start - 1], links.tokens[link.start]
    return link.start > 0 and first.start - before.end > len("'s")


def _skip(words: list[str], start: int) -> int:
    while start < len(words) and words[start] in ("different", "distinct", "unique", "of", "our", "the"):
        start += 1
    return start


def _top_at(start: int, links: Links) -> Candidate | None:
    return next((each.candidates[0] for each in links.links if each.start == start), None)


def tables_said(links: Links) -> set[str]:
    """Tables that the question calls by their names."""
    tops = [link.candidates[0] for link in links.links]
    return {top.table for top in tops if top.kind == "table" and top.score >= _SURE}


def _fit(value: Candidate, link: Link, links: Links, schema: Schema) -> float:
    """How well a column that holds the value fits the words around it."""
    table = next(each for each in schema.tables if each.name == value.table)
    named = value.column in display_of(table)
    beside = _beside(value, link, links)
    if beside:
        return beside
    own = value.table in tables_said(links)
    fit = (-0.3 if own else 0.5) if named else (0.3 if own else 0.0)
    words = {stem(word) for word in name_words(value.column)} - {stem(word) for word in name_words(value.table)}
    said = {stem(token.lower) for token in links.tokens}
    fit += 0.6 if not named and words & said else 0.0
    # A first name goes with the last name beside it.
    near = [other for other in links.links if other.end == link.start or other.start == link.end]
    same = any(each.kind == "value" and each.table == value.table for other in near for each in other.candidates)
    fit += 0.8 if named and same else 0.0
    by = "by" in [token.lower for token in links.tokens[max(0, link.start - 2) : link.start]]
    creator = CREATORS & {*name_words(value.table), *name_words(value.column)}
    return fit + (0.0 if not named or not creator else 0.5 if by else 0.3)


def _beside(value: Candidate, link: Link, links: Links) -> float:
    """`the album Facelift` and `the Grunge playlist` say what kind of thing they name."""
    start = link.start
    while start and links.tokens[start - 1].lower in NAMING:
        start -= 1
    for other in links.links:
        of = [each for each in other.candidates[:3] if each.kind != "value" and each.table == value.table]
        if not any(each.kind == "table" or value.column in each.columns for each in of):
            continue
        singular = lemma(last := links.tokens[other.end - 1].lower) == last
        if other.end == start and singular:
            return 1.2
        if other.start == link.end and singular:
            return 1.0
    return 0.0
