"""Dates as people write them, and the distances between them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lyceum.errors import ModelRetry, nearest

WEEKDAYS = [name.lower() for name in calendar.day_name]
MONTHS = [name.lower() for name in calendar.month_name][1:]
_DAY = "|".join(f"{name}|{name[:3]}|{name[:4]}" for name in WEEKDAYS)
_MONTH = "|".join(f"{name}|{name[:3]}" for name in MONTHS) + "|sept"
_SMALL = {"a": 1, "an": 1} | {
    word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}
_ORDER = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1} | {
    f"{n}{ending}": n for n, ending in enumerate(("st", "nd", "rd", "th", "th"), 1)
}
_COUNT = rf"(\d{{1,6}}|{'|'.join(_SMALL)})"
_SPAN = r"(business days?|working days?|weekdays?|days?|weeks?|fortnights?|months?|quarters?|years?)"
EXAMPLES = "Send a date such as 2026-04-17, 17 April 2026, next Friday, in 3 weeks or 2026-W16-5."
YEARS = (1, 9999)


@dataclass(frozen=True)
class Read:
    """A date, what it was read as where that was a choice, and whether its year was left out."""

    day: date
    note: str = ""
    yearless: bool = False


def read_date(text: str, today: date) -> Read:
    """Read one date; raises ModelRetry where it is none, does not exist, or can be read in two ways."""
    plain = re.sub(r"\s+", " ", text.strip().lower().replace(",", " ")).strip(" .?")
    plain = re.sub(rf"^(?:on |the |({_DAY}) (?=\d|the ))", "", plain)
    plain = re.sub(r"\b(\d{1,2})(?:st|nd|rd|th)\b(?! [a-z]+ (?:of|in)\b)", r"\1", plain)
    try:
        found = _absolute(plain, today) or _relative(plain, today)
    except (ValueError, OverflowError):
        raise ModelRetry(f"There is no such day as {text.strip()!r}.", next_step="Check day, month and year.") from None
    if found is None:
        raise ModelRetry(f"{text.strip()[:60]!r} is no date I can read.", next_step=EXAMPLES)
    return found


def _absolute(text: str, today: date) -> Read | None:
    if m := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ].*)?", text):
        return Read(date(int(m[1]), int(m[2]), int(m[3])))
    if m := re.fullmatch(r"(\d{4})-?w(\d{1,2})(?:-?([1-7]))?", text):
        return _iso_week(int(m[1]), int(m[2]), int(m[3] or 1), monday=not m[3])
    if m := re.fullmatch(r"(?:iso )?week (\d{1,2})(?: of| in)? (\d{4})", text):
        return _iso_week(int(m[2]), int(m[1]), 1, monday=True)
    if m := re.fullmatch(rf"(\d{{1,2}})(?: of)?[ -]?({_MONTH})[ -]?(\d{{4}})?", text):
        return _in_year(int(m[1]), m[2], m[3], today)
    if m := re.fullmatch(rf"({_MONTH}) (\d{{1,2}})(?: (\d{{4}}))?", text):
        return _in_year(int(m[2]), m[1], m[3], today)
    if m := re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", text):
        return _numeric(int(m[1]), int(m[2]), int(m[3]), dotted="." in text)
    if m := re.fullmatch(rf"({'|'.join(_ORDER)}) ({_DAY}) (?:of|in) ({_MONTH})(?: (\d{{4}}))?", text):
        return _nth(_ORDER[m[1]], _weekday(m[2]), _month(m[3]), int(m[4] or today.year), yearless=not m[4])
    if m := re.fullmatch(rf"(?:the )?(first|last|end|beginning|start)(?: day)? of ({_MONTH})(?: (\d{{4}}))?", text):
        year, month = int(m[3] or today.year), _month(m[2])
        last = calendar.monthrange(year, month)[1]
        return Read(date(year, month, last if m[1] in ("last", "end") else 1), yearless=not m[3])
    holidays = {"christmas": (12, 25), "christmas day": (12, 25), "christmas eve": (12, 24), "new year": (1, 1)}
    holidays |= {"new year's day": (1, 1), "new years day": (1, 1), "new year's eve": (12, 31), "halloween": (10, 31)}
    if (m := re.fullmatch(r"([a-z' ]+?)(?: (?:of )?(\d{4}))?", text)) and m[1] in holidays:
        month, day = holidays[m[1]]
        coming = date(today.year, month, day)
        year = int(m[2]) if m[2] else today.year + (coming < today)
        return Read(date(year, month, day), yearless=not m[2])
    return None


def _relative(text: str, today: date) -> Read | None:
    near = {"today": 0, "now": 0, "tomorrow": 1, "yesterday": -1, "the day after tomorrow": 2, "day after tomorrow": 2}
    near |= {"the day before yesterday": -2, "day before yesterday": -2}
    if text in near:
        return Read(today + timedelta(days=near[text]))
    if m := re.fullmatch(rf"(?:(next|this|last|coming|previous) )?({_DAY})", text):
        return _weekday_near(m[1] or "this", _weekday(m[2]), today)
    if m := re.fullmatch(rf"in {_COUNT} {_SPAN}(?: time)?|{_COUNT} {_SPAN} (?:from (?:now|today)|hence)", text):
        return Read(moved(today, {_span(m[2] or m[4]): _count(m[1] or m[3])}))
    if m := re.fullmatch(rf"{_COUNT} {_SPAN} ago", text):
        return Read(moved(today, {_span(m[2]): -_count(m[1])}))
    if m := re.fullmatch(rf"{_COUNT} {_SPAN} (after|from|before) (.+)", text):
        start = read_date(m[4], today)
        return Read(moved(start.day, {_span(m[2]): _count(m[1]) * (-1 if m[3] == "before" else 1)}), start.note)
    if m := re.fullmatch(r"(next|last) (week|month|year)", text):
        return Read(moved(today, {f"{m[2]}s": 1 if m[1] == "next" else -1}))
    return None


def _numeric(first: int, second: int, year: int, *, dotted: bool) -> Read:
    """Day or month first? Only one reading may exist, save with points, which put the day first."""
    if dotted or first > 12 or first == second:
        return Read(date(year, second, first))
    if second > 12:
        return Read(date(year, first, second))
    one, other = date(year, second, first), date(year, first, second)
    raise ModelRetry(
        f"{first}/{second}/{year} can be {one.isoformat()} or {other.isoformat()}.", next_step="Send the one you mean."
    )


def _in_year(day: int, month: str, year: str | None, today: date) -> Read:
    return Read(date(int(year) if year else today.year, _month(month), day), yearless=year is None)


def _iso_week(year: int, week: int, day: int, *, monday: bool) -> Read:
    note = f"Week {week} of {year} begins on this Monday." if monday else ""
    return Read(date.fromisocalendar(year, week, day), note)


def _nth(order: int, weekday: int, month: int, year: int, *, yearless: bool) -> Read:
    days = [week[weekday] for week in calendar.monthcalendar(year, month) if week[weekday]]
    if order > len(days):
        raise ValueError(order)
    return Read(date(year, month, days[order - 1 if order > 0 else -1]), yearless=yearless)


def _weekday_near(which: str, weekday: int, today: date) -> Read:
    """Next and last are the nearest after and before today; "this" one is in this week, Monday to Sunday."""
    name = calendar.day_name[weekday]
    ahead = (weekday - today.weekday()) % 7
    if which in ("next", "coming"):
        day = today + timedelta(days=ahead or 7)
        same_week = day.isocalendar()[:2] == today.isocalendar()[:2]
        other = (day + timedelta(days=7)).isoformat()
        note = f"Next {name} is read as the first one after today; the one of next week is {other}."
        return Read(day, note if which == "next" and same_week else "")
    if which in ("last", "previous"):
        return Read(today - timedelta(days=7 - ahead if ahead else 7))
    return Read(today + timedelta(days=weekday - today.weekday()))


def moved(start: date, by: dict[str, int], holidays: Sequence[date] = ()) -> date:
    """Move a date by calendar spans and then by business days; 31 January plus a month is the last of February."""
    from dateutil.relativedelta import relativedelta

    by = dict(by)
    business = by.pop("business_days", 0)
    by["months"] = by.get("months", 0) + 3 * by.pop("quarters", 0)
    by["weeks"] = by.get("weeks", 0) + 2 * by.pop("fortnights", 0)
    try:
        day = start + relativedelta(**by)  # pyright: ignore[reportArgumentType]
        if business:
            import numpy as np

            # from a weekend, one business day on is Monday and one back is Friday
            roll = "backward" if business > 0 else "forward"
            moved_to = np.busday_offset(np.datetime64(day), business, roll=roll, holidays=list(holidays))
            day = moved_to.astype("O")
        if not isinstance(day, date):
            raise OverflowError
    except (ValueError, OverflowError):
        raise ModelRetry("That leaves the years 1 to 9999.", next_step="Send a shorter span.") from None
    return day


@dataclass(frozen=True)
class Distance:
    """From `start` to `end`: negative numbers where the end comes first; both ends count as business days."""

    days: int
    years: int
    months: int
    rest_days: int
    business_days: int
    business_days_after_start: int


def distance(start: date, end: date, holidays: Sequence[date] = ()) -> Distance:
    import numpy as np
    from dateutil.relativedelta import relativedelta

    delta = relativedelta(end, start)
    first, last, sign = (start, end, 1) if start <= end else (end, start, -1)
    excluded = [np.datetime64(day) for day in holidays]
    after_last = np.datetime64(last) + np.timedelta64(1, "D")
    inclusive = int(np.busday_count(np.datetime64(first), after_last, holidays=excluded))
    exclusive = int(np.busday_count(np.datetime64(first) + np.timedelta64(1, "D"), after_last, holidays=excluded))
    return Distance(
        (end - start).days,
        delta.years,
        delta.months,
        delta.days,
        sign * inclusive,
        sign * exclusive if start != end else 0,
    )


def _count(text: str) -> int:
    return _SMALL.get(text) or int(text)


def _span(text: str) -> str:
    singular = text.rstrip("s")
    return "business_days" if singular in ("business day", "working day", "weekday") else f"{singular}s"


def _weekday(name: str) -> int:
    return next(n for n, each in enumerate(WEEKDAYS) if each[:3] == name[:3])


def _month(name: str) -> int:
    month = next((n for n, each in enumerate(MONTHS, 1) if each[:3] == name[:3]), 0)
    if not month:
        raise ModelRetry(f"There is no month {name!r}.", next_step=nearest(name, MONTHS, what="months"))
    return month
