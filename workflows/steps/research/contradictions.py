# ruff: noqa: E501 - a pattern reads best on its line
"""Numbers and dates that two sources give differently for the same thing.

Two sentences of different documents speak of the same thing when they share most of their words apart from numbers;
they contradict each other when a quantity with the same unit, or a date of the same precision, has another value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from pydantic import BaseModel

from models.offline.skill import content_words

ALIKE = 0.5  # share of the shorter sentence's words that both have
FEWEST_SHARED = 2
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join(f"{month}|{month[:3]}" for month in _MONTHS)
_DATE = re.compile(
    rf"\b(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})|(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<month>{_MONTH})\.?(?:,? (?P<year>\d{{4}}))?"
    rf"|(?P<month2>{_MONTH})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year2>\d{{4}}))?)\b",
    re.IGNORECASE,
)
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "k": 1e3, "m": 1e6, "bn": 1e9}
_NUMBER = re.compile(
    r"(?P<sign>[$€£]?)\s?(?<![\w.,-])(?P<value>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<percent>\s?(?:%|percent\b|per cent\b))?"
    r"(?:\s(?P<scale>thousand|million|billion|bn)\b)?(?:[\s-](?P<unit>[A-Za-z][\w-]*))?",
    re.IGNORECASE,
)
_YEAR = re.compile(
    r"(?:\b(?:in|by|since|from|until|year)\s(1[5-9]\d\d|20\d\d)\b)|\b(1[5-9]\d\d|20\d\d)(?=\)|$|[.,;])", re.IGNORECASE
)
_WORDS = {
    word: value
    for value, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_WORDED = re.compile(rf"\b(?P<value>{'|'.join(list(_WORDS)[2:])})[\s-](?P<unit>[a-z]+)\b", re.IGNORECASE)
_NO_UNIT = frozenset("and or of in on at to by for the a an is was are were per from with as than that which".split())
_UNITS = {"euro": "€", "eur": "€", "dollar": "$", "usd": "$", "pound": "£", "gbp": "£"}


@dataclass(frozen=True)
class Quantity:
    """`unit` is the word that follows, a currency or %; "" where none does. Dates: "date" or "year"."""

    value: str
    unit: str
    shown: str


class Statement(NamedTuple):
    """`topic` says what it is about where its own words do not: rows answer the question that was asked."""

    source: str
    document: str
    text: str
    topic: str = ""


class Contradiction(BaseModel):
    """Two statements and the quantities in them that differ."""

    about: str
    source_a: str
    text_a: str
    value_a: str
    source_b: str
    text_b: str
    value_b: str


def numbers_in(text: str) -> list[str]:
    """Return the values of all numbers and dates of a text, sorted."""
    return sorted(each.value for each in quantities(text))


def quantities(text: str) -> list[Quantity]:
    found: list[Quantity] = []
    rest = text
    for match in _DATE.finditer(text):
        found.append(Quantity(_date_value(match), "date", match[0]))
        rest = rest.replace(match[0], " " * len(match[0]), 1)
    for match in _YEAR.finditer(rest):
        year = match[1] or match[2]
        found.append(Quantity(year, "year", year))
    years = [each.value for each in found if each.unit == "year"]
    for match in _NUMBER.finditer(rest):
        if match["value"] in years:
            years.remove(match["value"])
            continue
        value = float(match["value"].replace(",", "")) * _SCALES.get((match["scale"] or "").lower(), 1)
        found.append(Quantity(f"{value:.10g}", _unit(match), match[0].strip()))
    worded = _WORDED.finditer(rest)
    return [*found, *(Quantity(str(_WORDS[each["value"].lower()]), _stem(each["unit"]), each[0]) for each in worded)]


def _unit(match: re.Match[str]) -> str:
    if match["percent"]:
        return "%"
    if match["sign"]:
        return match["sign"]
    word = _stem(match["unit"] or "")
    return "" if word in _NO_UNIT else _UNITS.get(word, word)


def _stem(word: str) -> str:
    lower = word.lower().strip("-")
    words = content_words(lower)
    return words[0] if words else lower


def _date_value(match: re.Match[str]) -> str:
    if match["iso"]:
        return match["iso"]
    month = next(n for n, name in enumerate(_MONTHS, 1) if (match["month"] or match["month2"]).lower()[:3] == name[:3])
    day, year = match["day"] or match["day2"], match["year"] or match["year2"]
    return f"{year or '????'}-{month:02}-{int(day):02}"


def contradictions(question: str, statements: Sequence[Statement]) -> list[Contradiction]:
    """Compare statements of different documents; the question says what they are to be about."""
    asked = list(dict.fromkeys(content_words(question)))
    prepared = [(each, quantities(each.text), _topic(each.topic or each.text)) for each in statements]
    found: list[Contradiction] = []
    for (a, ours, topic), (b, theirs, other) in combinations(prepared, 2):
        if a.document == b.document or not ours or not theirs:
            continue
        clash = _clash(ours, theirs, topic, other, asked)
        if clash is not None:
            left, right = clash
            about = " ".join(word for word in topic if word in other) or " ".join(asked)
            found.append(
                Contradiction(
                    about=about, source_a=a.source, text_a=a.text, value_a=left.shown,
                    source_b=b.source, text_b=b.text, value_b=right.shown,
                )
            )  # fmt: skip
    return found


def _topic(text: str) -> list[str]:
    return [word for word in dict.fromkeys(content_words(text)) if not word[0].isdigit() and word not in _WORDS]


def _clash(
    ours: Sequence[Quantity],
    theirs: Sequence[Quantity],
    topic: Sequence[str],
    other: Sequence[str],
    asked: Sequence[str],
) -> tuple[Quantity, Quantity] | None:
    """Return the two quantities that cannot both be right, where the sentences are about the same thing."""
    shared = [word for word in topic if word in other]
    shorter = min(len(topic), len(other))
    if not shorter or len(shared) < min(FEWEST_SHARED, shorter) or len(shared) < ALIKE * shorter:
        return None
    if asked and not any(word in shared for word in asked):
        return None  # alike in form, but not about what is asked
    for mine in ours:
        same = [each for each in theirs if _comparable(mine, each, shared)]
        # Where one of them agrees there is no contradiction: "28 days, 5 of them later" holds two numbers of days.
        if same and all(_differs(mine, each) for each in same) and not _listed(mine, ours, same):
            return mine, same[0]
    return None


def _comparable(mine: Quantity, other: Quantity, shared: Sequence[str]) -> bool:
    if mine.unit == other.unit:
        return True
    known, open_ = (mine, other) if mine.unit else (other, mine)
    return not open_.unit and known.unit in shared  # "**25**. Counts genres" against "20 genres"


def _differs(mine: Quantity, other: Quantity) -> bool:
    if "????" in mine.value or "????" in other.value:
        return mine.value[4:] != other.value[4:]
    return mine.value != other.value


def _listed(mine: Quantity, ours: Sequence[Quantity], theirs: Sequence[Quantity]) -> bool:
    """Tell whether another quantity of ours, of the same unit, is the one that theirs answers to."""
    return any(not _differs(each, other) for each in ours if each.unit == mine.unit for other in theirs)
