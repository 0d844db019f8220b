"""A question as a row of items: operators (counting, comparing, ordering), links to the schema, numbers and dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from lyceum.tables import Schema
from models.offline.tables.lexicon import COMPARATIVES, PATTERNS, SUPERLATIVES
from models.tables.entries import Candidate, hinted
from models.tables.link import ValueHit, is_content, link_tokens, span_candidates
from models.tables.words import TIME_UNITS, Token, lemma, name_words, tokenize

_COMPILED = [(tag, re.compile(rf"(?:{pattern})(?=$| )"), detail) for tag, pattern, detail in PATTERNS]
_MONTHS = "january february march april may june july august september october november december".split()
_NUMBERS = {
    word: n for n, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"twenty": 20, "fifty": 50, "hundred": 100}
_YEAR_MARKERS = frozenset(
    "in during since before after until through from for year of between than to and throughout".split()
)
FIRST_LAST = {"first": "earliest", "last": "latest"}
CURRENCIES = {"dollar", "dollars", "usd", "euro", "euros", "eur", "$", "€", "£", "pounds"}


@dataclass(frozen=True)
class Item:
    """One meaningful piece of the question. A reading keeps a single candidate of `candidates`."""

    tag: str
    text: str
    detail: str = ""
    concept: str = ""
    candidates: tuple[Candidate, ...] = ()
    number: float = 0
    quoted: bool = False
    period: tuple[str, str] = ("", "")

    @property
    def lower(self) -> str:
        return self.text.casefold()

    @property
    def chosen(self) -> Candidate:
        return self.candidates[0]

    @property
    def is_value(self) -> bool:
        return self.tag == "link" and self.chosen.kind == "value"

    @property
    def names_something(self) -> bool:
        return self.tag == "link" and self.chosen.kind in ("table", "column", "measure")

    @property
    def names_table(self) -> bool:
        return self.tag == "link" and self.chosen.kind == "table"

    def starts_with(self, table: str) -> bool:
        words = self.lower.split()
        return len(words) > 1 and lemma(words[0]) in name_words(table)

    def choose(self, candidate: Candidate) -> Item:
        return replace(self, candidates=(candidate,))


def _operator(text: str, offset: int) -> tuple[int, Item] | None:
    best: tuple[int, Item] | None = None
    for tag, pattern, detail in _COMPILED:
        if (match := pattern.match(text, offset)) and (best is None or match.end() > best[0]):
            best = (match.end(), Item(tag, match.group(), detail))
    for tag, lexicon in (("super", SUPERLATIVES), ("compare", COMPARATIVES)):
        for phrase, (detail, concept) in lexicon.items():
            begin = offset + 4 if text.startswith("the ", offset) else offset
            end = begin + len(phrase)
            if text.startswith(phrase, begin) and text[end : end + 1] in ("", " ") and (best is None or end > best[0]):
                best = (end, Item(tag, phrase, detail, concept))
    return best


def _period(tokens: Sequence[Token], index: int) -> tuple[int, Item] | None:
    """A date, month or year starting at `index`: how many tokens it takes, and its first day and the day after its last."""
    text = tokens[index].lower
    following = [token.number for token in tokens[index + 1 : index + 4] if token.text != ","]
    try:
        if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text):
            day = date.fromisoformat(match.group())
            return 1, Item(
                "date", text, "day", number=day.year, period=(day.isoformat(), (day + timedelta(1)).isoformat())
            )
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return 1, _month(int(match[1]), int(match[2]), text)
        if text in _MONTHS and following and following[0] and 1900 <= following[0] <= 2100:
            return 2, _month(int(following[0]), _MONTHS.index(text) + 1, f"{text} {int(following[0])}")
        if text in _MONTHS and text != "may":
            return 1, Item("unsupported", text)
    except ValueError:
        return 1, Item("unsupported", text)
    rest = [token.lower for token in tokens[index : index + 4]]
    if match := re.match(r"(?:q([1-4])|(first|second|third|fourth) quarter)(?: of)? ((?:19|20)\d\d)", " ".join(rest)):
        quarter = int(match[1]) if match[1] else ["first", "second", "third", "fourth"].index(str(match[2])) + 1
        first, last = (_month(int(match[3]), month, match.group()) for month in (quarter * 3 - 2, quarter * 3))
        return match.group().count(" ") + 1, replace(first, period=(first.period[0], last.period[1]))
    year = tokens[index].number
    if year and re.fullmatch(r"(19|20)\d\d", text) and index and tokens[index - 1].lower in _YEAR_MARKERS:
        return 1, Item("date", text, "year", number=year, period=(f"{text}-01-01", f"{int(year) + 1}-01-01"))
    return None


def _month(year: int, month: int, text: str) -> Item:
    first = date(year, month, 1)
    return Item(
        "date",
        text,
        "month",
        number=year,
        period=(first.isoformat(), (first + timedelta(32)).replace(day=1).isoformat()),
    )


def read_items(question: str, schema: Schema, hits: Sequence[ValueHit] = ()) -> tuple[list[Item], tuple[str, ...]]:
    """The items of a question in order, and the content words that mean nothing here."""
    tokens = tokenize(re.sub(r"^\s*name (?=(?:the|all|every|each)\b)", "list ", question, flags=re.IGNORECASE))
    if tokens and tokens[0].lower == "when":  # "when was the first order" asks for its date
        tokens = [replace(token, text=FIRST_LAST.get(token.lower, token.text)) for token in tokens]
    words = ["\x01" if token.quoted else token.lower for token in tokens]
    text = " ".join(words)
    found: dict[int, tuple[int, Item]] = {}
    taken = [False] * len(tokens)
    offset = index = 0
    while index < len(tokens):
        size = 0
        if (match := _period(tokens, index)) is not None:
            size, item = match
            found[index] = (size, item)
        elif (operator := _operator(text, offset)) and not _names_something(tokens, index, operator[1], schema, hits):
            size = text[offset : operator[0]].count(" ") + 1
            found[index] = (size, operator[1])
        for step in range(size or 1):
            taken[index + step] = bool(size)
            offset += len(words[index + step]) + 1
        index += size or 1
    for each in link_tokens(tokens, schema, hits, taken):
        if lemma(each.phrase) in ("year", "month", "day", "week") and each.candidates[0].score < 0.95:
            continue
        found[each.start] = (
            each.end - each.start,
            Item("link", each.phrase, candidates=each.candidates, quoted=tokens[each.start].quoted),
        )
    items: list[Item] = []
    unlinked: list[str] = []
    index = 0
    while index < len(tokens):
        size, item = found.get(index, (1, _plain(tokens[index])))
        if item.tag == "unlinked":
            unlinked.append(item.text)
        if item.concept:
            item = replace(item, candidates=tuple(hinted(item.concept, schema)))
        items.append(item)
        index += size
    return items, tuple(unlinked)


def _plain(token: Token) -> Item:
    if token.number is not None:
        return Item("number", token.text, number=token.number)
    if token.lower in _NUMBERS:
        return Item("number", token.text, number=_NUMBERS[token.lower])
    if lemma(token.lower) in (*TIME_UNITS, "year", "month", "day", "quarter") or token.lower in CURRENCIES:
        return Item("unit", token.lower, "money" if token.lower in CURRENCIES else lemma(token.lower))
    return Item("unlinked" if is_content(token) else "word", token.text, quoted=token.quoted)


def _names_something(
    tokens: Sequence[Token], index: int, operator: Item, schema: Schema, hits: Sequence[ValueHit]
) -> bool:
    """Whether the words of an operator are better read as a name: a column `average_rating`, a table `orders`."""
    for start in (index, index - 1, index - 2):
        for end in range(index + 1, min(len(tokens), index + 4) + 1):
            if start >= 0 and end - start > 1 and not any(token.quoted for token in tokens[start:end]):
                best = span_candidates(tokens, start, end, schema, hits)
                if best and best[0].score >= 0.95 and end - start >= len(operator.text.split()):
                    return True
    if operator.tag == "noise":
        parts = range(index, min(len(tokens), index + operator.text.count(" ") + 1))
        return any(
            found[0].score >= 0.95 for part in parts if (found := span_candidates(tokens, part, part + 1, schema, hits))
        )
    single = span_candidates(tokens, index, index + 1, schema, hits) if " " not in operator.text else []
    exact = bool(single) and single[0].score >= 0.95 and single[0].kind in ("column", "table")
    if exact and operator.text == "total":
        following = tokens[index + 1 : index + 2]
        return not (
            following and (following[0].lower == "of" or span_candidates(tokens, index + 1, index + 2, schema, hits))
        )
    return exact and operator.tag in ("unsupported", "count", "share", "top", "missing")
