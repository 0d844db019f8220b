"""Answers about dates: how far apart, what date comes out, what is known of a date, what time it is elsewhere."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from lyceum.sources import Source
from mcp_servers.basics.calculation import source_for
from mcp_servers.basics.dates import Distance, Read, distance, moved, read_date
from mcp_servers.basics.zones import in_zone, read_clock, zone

Unit = Literal["business days", "days", "weeks", "months", "years"]


class _Told(BaseModel):
    text: str = Field(description="The answer in a sentence.")
    notes: list[str] = Field(default_factory=list[str], description="How it was read, and what was not considered.")
    sources: list[Source] = Field(default_factory=list[Source])


class Between(_Told):
    """The distance of two dates; negative where the end comes first."""

    start: str = Field(description="ISO date.")
    end: str = Field(description="ISO date.")
    days: int = Field(description="Days from start to end: the start is not counted, the end is.")
    business_days: int = Field(description="Mondays to Fridays less holidays, both ends counted.")
    business_days_after_start: int = Field(description="The same without the first day.")
    weeks: float = Field(description="Days divided by seven.")
    years: int = Field(description="Whole calendar years, with `months` and `rest_days` after them.")
    months: int
    rest_days: int


class Day(_Told):
    """A date and where it stands in its year."""

    date: str = Field(description="ISO date.")
    weekday: str
    iso_week: str = Field(description="ISO 8601 week date, e.g. 2026-W16-5.")
    day_of_year: int
    quarter: int
    leap_year: bool
    days_from_today: int = Field(description="Negative for a date that is past.")


class Clock(_Told):
    """One moment in two zones."""

    from_time: str = Field(description="ISO date and time with its offset from UTC.")
    to_time: str = Field(description="ISO date and time with its offset from UTC.")
    from_zone: str
    to_zone: str


def between(start: str, end: str, unit: Unit, holidays: Sequence[str], today: date) -> Between:
    first, last = _paired(read_date(start, today), read_date(end, today), today)
    free = [read_date(day, today).day for day in holidays]
    apart = distance(first.day, last.day, free)
    notes = [note for note in (first.note, last.note) if note]
    if unit == "business days":
        notes.append(_excluded(free))
    text = f"From {_long(first.day)} to {_long(last.day)}: {_in_unit(apart, unit)}."
    return Between(
        text=text,
        notes=notes,
        sources=[source_for("dates", " ".join([text, *notes]))],
        start=first.day.isoformat(),
        end=last.day.isoformat(),
        days=apart.days,
        business_days=apart.business_days,
        business_days_after_start=apart.business_days_after_start,
        weeks=round(apart.days / 7, 4),
        years=apart.years,
        months=apart.months,
        rest_days=apart.rest_days,
    )


def _excluded(free: Sequence[date]) -> str:
    given = f" and {len(free)} given holiday{'s' if len(free) != 1 else ''}" if free else ""
    left = "" if free else "; public holidays differ by place and are not left out"
    return f"Saturdays, Sundays{given} are left out{left}." if free else f"Saturdays and Sundays are left out{left}."


def _paired(first: Read, last: Read, today: date) -> tuple[Read, Read]:
    """Give a date without a year the year that the other one names, or that makes it follow."""
    if first.yearless and not last.yearless:
        year = last.day.year
        day = _with_year(first.day, year)
        first = Read(day if day <= last.day else _with_year(first.day, year - 1), first.note)
    elif last.yearless:
        note = "" if not first.yearless else f"No year was given: {today.year} is taken."
        day = _with_year(last.day, first.day.year)
        last = Read(day if day >= first.day else _with_year(last.day, first.day.year + 1), last.note or note)
    return first, last


def _with_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        raise ModelRetry(f"{year} has no 29 February.", next_step="Send the year of each date.") from None


def _in_unit(apart: Distance, unit: Unit) -> str:
    match unit:
        case "business days":
            counted = f"**{_plural(apart.business_days, 'business day')}**, counting both ends"
            return f"{counted} ({apart.business_days_after_start} without the first)"
        case "days":
            return f"**{_plural(apart.days, 'day')}**"
        case "weeks":
            weeks, days = divmod(abs(apart.days), 7)
            sign = "-" if apart.days < 0 else ""
            return f"**{sign}{_plural(weeks, 'week')}**" + (f" and {_plural(days, 'day')}" if days else "")
        case "months":
            return _calendar([(12 * apart.years + apart.months, "month"), (apart.rest_days, "day")])
        case _:
            return _calendar([(apart.years, "year"), (apart.months, "month"), (apart.rest_days, "day")])


def _calendar(parts: Sequence[tuple[int, str]]) -> str:
    said = [_plural(count, name) for count, name in parts if count]
    return f"**{', '.join(said) or _plural(0, parts[0][1])}**"


def _plural(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if abs(count) == 1 else 's'}"


def shifted(start: str, by: dict[str, int], holidays: Sequence[str], today: date) -> Day:
    first = read_date(start, today)
    free = [read_date(day, today).day for day in holidays]
    day = moved(first.day, by, free)
    spans = [_plural(abs(count), name.replace("_", " ").rstrip("s")) for name, count in by.items() if count]
    after = "before" if all(count <= 0 for count in by.values()) and spans else "after"
    text = f"{', '.join(spans) or 'No time'} {after} {_long(first.day)} is **{_long(day)}**."
    notes = [first.note] if first.note else []
    if by.get("business_days"):
        notes.append(_excluded(free))
    return _day(day, text, notes, today)


def about(text: str, today: date) -> Day:
    read = read_date(text, today)
    day = read.day
    year, week, _ = day.isocalendar()
    said = f"{text.strip().rstrip('?')}: **{_long(day)}**, ISO week {week} of {year}, day {day.timetuple().tm_yday}."
    return _day(day, said, [read.note] if read.note else [], today)


def _day(day: date, text: str, notes: list[str], today: date) -> Day:
    year, week, weekday = day.isocalendar()
    return Day(
        text=text,
        notes=notes,
        sources=[source_for("dates", " ".join([text, *notes]))],
        date=day.isoformat(),
        weekday=calendar.day_name[day.weekday()],
        iso_week=f"{year}-W{week:02}-{weekday}",
        day_of_year=day.timetuple().tm_yday,
        quarter=(day.month + 2) // 3,
        leap_year=calendar.isleap(day.year),
        days_from_today=(day - today).days,
    )


def _long(day: date) -> str:
    return f"{calendar.day_name[day.weekday()]} {day.day} {calendar.month_name[day.month]} {day.year}"


def time_in(time: str, from_zone: str, to_zone: str, on: str, now: datetime) -> Clock:
    """Convert a wall-clock time, or now where `time` is empty; `on` is the date, today in that zone by default."""
    source_name, source = zone(from_zone or "UTC")
    target_name, target = zone(to_zone)
    note = ""
    if time.strip():
        here = now.astimezone(source)
        day = read_date(on, here.date()).day if on.strip() else here.date()
        placed, note = in_zone(datetime(day.year, day.month, day.day, *read_clock(time)), source)
    else:
        placed = now.astimezone(source)
    try:
        there = placed.astimezone(UTC).astimezone(target)
    except OverflowError:
        raise ModelRetry("That leaves the years 1 to 9999.", next_step="Send another date.") from None
    left = f"{placed:%H:%M} on {_long(placed.date())} in {source_name}"
    text = f"{left} is **{there:%H:%M}** on {_long(there.date())} in {target_name}."
    return Clock(
        text=text,
        notes=[note] if note else [],
        sources=[source_for("times", f"{text} {note}".strip())],
        from_time=placed.isoformat(),
        to_time=there.isoformat(),
        from_zone=source_name,
        to_zone=target_name,
    )
