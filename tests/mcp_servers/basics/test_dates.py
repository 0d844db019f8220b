"""Dates are read as people write them, counted as calendars do, and refused where they could mean two days."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_servers.basics.dates import distance, moved, read_date

TODAY = date(2026, 11, 25)  # a Wednesday

READ = {
    "3 March": "2026-03-03",
    "April 17th, 2026": "2026-04-17",
    "next Friday": "2026-11-27",
    "next Monday": "2026-11-30",
    "last Monday": "2026-11-23",
    "this Sunday": "2026-11-29",
    "in 3 weeks": "2026-12-16",
    "10 business days from now": "2026-12-09",
    "2026-W16-5": "2026-04-17",
    "week 14 of 2026": "2026-03-30",
    "13/4/2026": "2026-04-13",
    "31.12.2026": "2026-12-31",
    "the first Monday of September 2026": "2026-09-07",
    "the last Friday in March": "2026-03-27",
    "1 month after 31 January 2026": "2026-02-28",
    "the day after tomorrow": "2026-11-27",
    "Christmas": "2026-12-25",
}


@pytest.mark.parametrize(("text", "day"), READ.items())
def test_a_date_is_read_as_it_is_meant(text: str, day: str) -> None:
    assert read_date(text, TODAY).day.isoformat() == day


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3/4/2026", "can be 2026-04-03 or 2026-03-04"),
        ("30 February 2026", "no such day"),
        ("29 February 2027", "no such day"),
        ("soonish", "no date I can read"),
        ("9 years after 2 January 9998", "years 1 to 9999"),
    ],
)
async def test_a_date_that_is_none_or_two_is_refused(call: Any, text: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        await call("basics_date", text=text, today="2026-11-25")


async def test_business_days_are_counted_with_both_ends_and_given_holidays(call: Any) -> None:
    answer = await call("basics_days_between", start="3 March", end="17 April 2026", unit="business days")
    assert (answer["business_days"], answer["business_days_after_start"], answer["days"]) == (34, 33, 45)
    assert "public holidays differ by place" in answer["notes"][0]
    easter = ["2026-04-03", "2026-04-06"]
    answer = await call(
        "basics_days_between", start="2026-03-03", end="2026-04-17", unit="business days", holidays=easter
    )
    assert "**32 business days**" in answer["text"]


async def test_a_date_without_a_year_takes_it_from_the_other_one(call: Any) -> None:
    over = await call("basics_days_between", start="20 December 2026", end="5 January", today="2026-11-25")
    assert (over["start"], over["end"], over["days"]) == ("2026-12-20", "2027-01-05", 16)


async def test_an_hour_that_clocks_skip_or_repeat_is_named(call: Any) -> None:
    skipped = await call("basics_time_zone", time="2:30", from_zone="Berlin", to_zone="UTC", on="29 March 2026")
    assert skipped["notes"] == ["Clocks skip 02:30 on 2026-03-29 there; 03:30 is what they show instead."]
    twice = await call("basics_time_zone", time="2:30", from_zone="Berlin", to_zone="UTC", on="25 October 2026")
    assert "twice" in twice["notes"][0]
    assert twice["to_time"] == "2026-10-25T00:30:00+00:00"


async def test_summer_time_counts_on_either_side(call: Any) -> None:
    answer = await call("basics_time_zone", time="9am", from_zone="London", to_zone="New York", on="20 March 2026")
    assert answer["to_time"] == "2026-03-20T05:00:00-04:00"  # America has changed its clocks by then, Europe has not


async def test_an_abbreviation_of_two_zones_is_asked_back(call: Any) -> None:
    with pytest.raises(Exception, match=r"Asia/Kolkata.*Europe/Dublin"):
        await call("basics_time_zone", time="9:00", from_zone="IST", to_zone="UTC")


_DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1))


@given(_DAYS, _DAYS)
def test_a_distance_leads_from_its_start_to_its_end(start: date, end: date) -> None:
    apart = distance(start, end)
    parts = {"years": apart.years, "months": apart.months, "days": apart.rest_days}
    assert moved(start, parts) == end
    assert moved(start, {"days": apart.days}) == end


@given(_DAYS, st.integers(min_value=1, max_value=400))
def test_business_days_added_are_business_days_counted(start: date, count: int) -> None:
    assert distance(start, moved(start, {"business_days": count})).business_days_after_start == count
