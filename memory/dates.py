"""Relative dates made absolute: "yesterday", said on 8 May 2023, is 7 May 2023 for ever."""

from __future__ import annotations

import re
from calendar import day_name, monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "a couple of": 2,
}  # fmt: skip
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_DAYS = [name.lower() for name in day_name]
_RELATIVE = re.compile(
    r"\b(?:(?P<named>the day before yesterday|yesterday|last night|today|tonight|this morning|the day after tomorrow"
    r"|tomorrow)"
    rf"|{_COUNT} (?P<unit>day|week|month|year)s? (?P<ago>ago|from now)"
    rf"|in (?P<ahead>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}) (?P<later>day|week|month|year)s?"
    rf"|(?P<which>last|next|this) (?P<what>week|weekend|month|year|{'|'.join(_DAYS)}))\b",
    re.IGNORECASE,
)
_NAMED = {
    "the day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0,
    "tomorrow": 1, "the day after tomorrow": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A relative date in a text: what it says, the first day that it means, and how people write that."""

    words: str
    day: date
    written: str


def find(text: str, said: datetime) -> list[Found]:
    """Return the relative dates of a text that was said at `said`, in order."""
    return [found for match in _RELATIVE.finditer(text) if (found := _resolve(match, said.date())) is not None]


def absolute(text: str, said: datetime) -> str:
    """Return the text with every relative date followed by the absolute one in parentheses."""

    def add(match: re.Match[str]) -> str:
        found = _resolve(match, said.date())
        return f"{match.group()} ({found.written})" if found else match.group()

    return _RELATIVE.sub(add, text)


def undated(text: str) -> str:
    """Return the text without its relative dates."""
    return _RELATIVE.sub("", text)


def starts(text: str, said: datetime) -> datetime:
    """Return when what a text tells began to hold: the first past date that it names, else when it was said."""
    past = [found.day for found in find(text, said) if found.day < said.date()]
    return datetime.combine(past[0], time(), tzinfo=said.tzinfo) if past else said


def _resolve(match: re.Match[str], today: date) -> Found | None:
    part = {name: value.lower() for name, value in match.groupdict().items() if value}
    try:
        if "named" in part:
            return _day(match.group(), today + timedelta(days=_NAMED[part["named"]]))
        if "what" in part:
            return _period(match.group(), part["which"], part["what"], today)
        count = _count(part.get("count") or part["ahead"])
        unit = part.get("unit") or part["later"]
        return _moved(match.group(), today, unit, -count if part.get("ago") == "ago" else count)
    except (ValueError, OverflowError):  # before year 1 or after 9999
        return None


def _moved(words: str, today: date, unit: str, count: int) -> Found:
    if unit in ("day", "week"):
        moved = today + timedelta(days=count * (7 if unit == "week" else 1))
        return _day(words, moved) if unit == "day" else Found(words, moved, f"about {moved:%-d %B %Y}")
    moved = _month(today, count * (12 if unit == "year" else 1))
    return Found(words, moved, f"{moved:%B %Y}" if unit == "month" else f"{moved:%Y}")


def _period(words: str, which: str, what: str, today: date) -> Found:
    step = {"last": -1, "this": 0, "next": 1}[which]
    monday = today - timedelta(days=today.weekday())
    if what == "week":
        start = monday + timedelta(weeks=step)
        return Found(words, start, f"the week of {start:%-d %B %Y}")
    if what == "weekend":
        start = monday + timedelta(weeks=step, days=5)
        return Found(words, start, f"the weekend of {start:%-d %B %Y}")
    if what in ("month", "year"):
        return _moved(words, today.replace(day=1), what, step)
    ahead = (_DAYS.index(what) - today.weekday()) % 7  # 0: the same day of the week
    return _day(
        words, today + timedelta(days=(ahead or 7) - 7 if which == "last" and ahead else _weekday(ahead, which))
    )


def _weekday(ahead: int, which: str) -> int:
    return {"last": -7, "this": ahead, "next": ahead or 7}[which]


def _day(words: str, day: date) -> Found:
    return Found(words, day, f"{day:%-d %B %Y}")


def _month(today: date, count: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def _count(words: str) -> int:
    return int(words) if words.isdecimal() else _NUMBERS[words]
