"""Entities and relations by rules: spaCy's EntityRuler and Matcher on a blank pipeline, and patterns over what they
find. The rules were written from the training sentences alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from mcp_servers.text.annotated import Entity, Extracted, Relation, corpus
from mcp_servers.text.extra import library

_MONTHS = (
    "January February March April May June July August September October November December"
).split()  # fmt: skip
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_UNITS = "euros dollars pounds kroner kronor yen".split()
_YEAR = {"TEXT": {"REGEX": r"^(19|20)\d\d$"}}
_NUMBER = {"LIKE_NUM": True}
_TITLE = {"IS_TITLE": True, "IS_ALPHA": True}

_Pattern = list[dict[str, Any]]

# What an EntityRuler can tell by the words alone; names of the training sentences are its gazetteer.
_BY_WORDS: list[tuple[str, _Pattern]] = [
    ("money", [{"TEXT": {"IN": ["$", "€", "£"]}}, _NUMBER]),
    ("money", [_NUMBER, {"LOWER": {"IN": _UNITS}}]),
    ("date", [{**_NUMBER, "OP": "?"}, {"TEXT": {"IN": _MONTHS}}, {**_YEAR, "OP": "?"}]),
    ("date", [{"TEXT": {"IN": _DAYS}}]),
    ("date", [_YEAR]),
]
# What needs the word before: label, that word, the mention. They are tried in this order, and no token is used twice.
_BY_CONTEXT: list[tuple[str, _Pattern, _Pattern]] = [
    ("product", [{"LOWER": {"IN": ["the", "a", "an", "its"]}}], [_TITLE, {"IS_PUNCT": False, "IS_STOP": False}]),
    ("person", [], [_TITLE, _TITLE]),
    ("place", [{"LOWER": {"IN": ["in", "from", "to", "of"]}}], [_TITLE]),
]

# Over the text with mentions written as «label number»; `gap` may hold no company and no person.
_GAP = r"(?:(?!«(?:company|person)).)*?"
_RELATIONS: list[tuple[str, str, bool]] = [  # relation, pattern of two mentions, whether the object comes first
    ("works_for", rf"«(person \d+)»{_GAP}\b(?:at|for|with|of|by|joined) «(company \d+)»", False),
    ("works_for", rf"«(person \d+)» and «person \d+»{_GAP}\b(?:at|for|with|of|by|joined) «(company \d+)»", False),
    ("based_in", r"«(company \d+)»(?:, (?:a|an|based)\b[^«]{0,15})? (?:in|of) «(place \d+)»", False),
    (
        "based_in",
        rf"«(company \d+)»{_GAP}\b(?:based|headquartered|headquarters|office|comes)\b{_GAP}(?:in|from|to)"
        r" «(place \d+)»",
        False,
    ),
    ("based_in", r"\b(?:office|headquarters) of «(company \d+)» (?:is|are) in «(place \d+)»", False),
    (
        "makes",
        rf"«(company \d+)»{_GAP}\b(?:makes|builds|produces|manufactures|launched|released|designs|sells|offers)\b"
        rf"{_GAP}«(product \d+)»",
        False,
    ),
    ("makes", r"«(product \d+)» (?:from|of) «(company \d+)»", True),
    ("costs", r"«(product \d+)»(?:(?!«product).)*?\b(?:costs|sells at|price of|for|is)\b[^«]*«(money \d+)»", False),
    ("costs", r"\b[Aa]t «(money \d+)» (?:the|a|an) «(product \d+)»", True),
]
_COMPILED = [(name, re.compile(pattern), backwards) for name, pattern, backwards in _RELATIONS]


def extract(text: str) -> Extracted:
    """Return what the rules find; raises OperatorError without the extra."""
    pipeline, matchers = _pipeline()
    read: Any = pipeline(text)
    held: list[tuple[str, int, int]] = [(span.label_, span.start, span.end) for span in read.ents]
    for label, matcher, lead in matchers:
        # The longest first; a mention that overlaps one that is there is none.
        for _, start, end in sorted(matcher(read), key=lambda match: match[1] - match[2]):
            first = start + lead
            if all(end <= before or first >= after for _, before, after in held):
                held.append((label, first, end))
    spans = [read[start:end] for _, start, end in sorted(held, key=lambda each: each[1])]
    labels = [label for label, _, _ in sorted(held, key=lambda each: each[1])]
    entities = [
        Entity(text=words, label=label, start=span.start_char, end=span.start_char + len(words))
        for label, span in zip(labels, spans, strict=True)
        for words in [span.text.rstrip(".")]
    ]
    return Extracted(entities=entities, relations=list(_relations(text, entities)))


def _relations(text: str, entities: Sequence[Entity]) -> Iterator[Relation]:
    marked = text.replace("«", " ").replace("»", " ")  # they mark mentions
    for number, entity in reversed(list(enumerate(entities))):
        marked = f"{marked[: entity.start]}«{entity.label} {number}»{marked[entity.end :]}"
    said: set[tuple[str, str, str]] = set()
    for name, pattern, backwards in _COMPILED:
        for found in pattern.finditer(marked):
            subject, thing = (found[2], found[1]) if backwards else (found[1], found[2])
            first, second = (entities[int(mention.split()[1])].text for mention in (subject, thing))
            if (first, name, second) not in said:
                said.add((first, name, second))
                yield Relation(subject=first, relation=name, object=second)


@lru_cache(maxsize=1)
def _pipeline() -> tuple[Any, list[tuple[str, Any, int]]]:
    """Return the pipeline and its matchers: label, Matcher, and how many tokens before the mention belong to it."""
    blank: Any = library("spacy").blank("en")
    ruler: Any = blank.add_pipe("entity_ruler")
    mentions = {entity.text: entity.label for sentence in corpus().train for entity in sentence.found.entities}
    companies = sorted({text.split()[-1] for text, label in mentions.items() if label == "company"})
    abbreviated = [f"{suffix}." for suffix in companies]  # at a sentence's end spaCy takes the full stop for theirs
    gazetteer = [
        {"label": label, "pattern": text} for text, label in mentions.items() if label not in ("date", "money")
    ]
    by_words = [{"label": label, "pattern": pattern} for label, pattern in _BY_WORDS]
    suffixed = {"label": "company", "pattern": [{**_TITLE, "OP": "+"}, {"TEXT": {"IN": [*companies, *abbreviated]}}]}
    ruler.add_patterns([*gazetteer, *by_words, suffixed])
    matchers: list[tuple[str, Any, int]] = []
    for label, lead, mention in _BY_CONTEXT:
        matcher: Any = library("spacy.matcher").Matcher(blank.vocab)
        matcher.add(label, [[*lead, *mention]])
        matchers.append((label, matcher, len(lead)))
    return blank, matchers
