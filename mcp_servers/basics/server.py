"""The everyday tools: sums, dates, tables, text, JSON and regular expressions."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import Field

from lyceum.settings import Settings
from mcp_servers.basics.calculation import Calculation
from mcp_servers.basics.timespan import Between, Clock, Day
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

_Date = Annotated[str, Field(description="A date: 2026-04-17, 17 April 2026, next Friday, 3 days ago.", max_length=100)]
_Today = Annotated[str, Field(description="What today is, as an ISO date; empty asks the clock.", max_length=10)]
_Holidays = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(description="Dates that are no business days, beside Saturdays and Sundays.", max_length=400),
]


def create_server(settings: Settings, services: Services) -> ToolServer:
    server = ToolServer("basics", instructions="Exact sums, units and dates; tables, charts, diffs, JSON and regex.")
    _sums(server)
    _dates(server)
    return server


def _sums(server: ToolServer) -> None:
    @server.expose(title="Calculate", effect="read")
    async def basics_calculate(
        expression: Annotated[
            str,
            Field(
                description="A sum in symbols or words: 17.5% of 3,240 kg in pounds; sqrt(2); 5 ft 3 in to cm.",
                max_length=500,
            ),
        ],
    ) -> Calculation:
        """Work out arithmetic exactly: numbers, percentages, powers, functions, units of measure and conversions.
        Money in one currency works too; exchange rates have to be given.
        """
        from mcp_servers.basics.calculation import calculate

        return await asyncio.to_thread(calculate, expression)

    @server.expose(title="Convert units", effect="read")
    async def basics_convert(
        quantity: Annotated[str, Field(description="A number with its unit, e.g. 3.5 kg.", max_length=200)],
        to: Annotated[str, Field(description="The unit wanted, e.g. pounds, km/h, feet and inches.", max_length=100)],
    ) -> Calculation:
        """Convert a quantity to another unit of measure; an unknown unit is answered with the nearest known ones."""
        from mcp_servers.basics.calculation import calculate

        return await asyncio.to_thread(calculate, quantity, to)


def _dates(server: ToolServer) -> None:
    @server.expose(title="Time between dates", effect="read")
    async def basics_days_between(
        start: _Date,
        end: _Date,
        unit: Annotated[
            Literal["business days", "days", "weeks", "months", "years"], Field(description="What to count.")
        ] = "days",
        holidays: _Holidays = [],  # noqa: B006 - a schema default
        today: _Today = "",
    ) -> Between:
        """Count the days, business days, weeks, months or years between two dates."""
        from mcp_servers.basics.timespan import between

        return between(start, end, unit, holidays, _day(today))

    @server.expose(title="Date after a time", effect="read")
    async def basics_date_shift(
        start: _Date,
        days: Annotated[int, Field(description="Days to add; negative goes back.", ge=-4_000_000, le=4_000_000)] = 0,
        weeks: Annotated[int, Field(description="Weeks to add.", ge=-500_000, le=500_000)] = 0,
        months: Annotated[int, Field(description="Calendar months to add.", ge=-120_000, le=120_000)] = 0,
        years: Annotated[int, Field(description="Calendar years to add.", ge=-10_000, le=10_000)] = 0,
        business_days: Annotated[int, Field(description="Business days to add, last.", ge=-500_000, le=500_000)] = 0,
        holidays: _Holidays = [],  # noqa: B006 - a schema default
        today: _Today = "",
    ) -> Day:
        """Add a time to a date, or take it off: calendar months and years, weeks, days and business days."""
        from mcp_servers.basics.timespan import shifted

        by = {"years": years, "months": months, "weeks": weeks, "days": days, "business_days": business_days}
        return shifted(start, by, holidays, _day(today))

    @server.expose(title="Read a date", effect="read")
    async def basics_date(text: _Date, today: _Today = "") -> Day:
        """Find the calendar date that words mean, with its weekday, ISO week, quarter and day of the year."""
        from mcp_servers.basics.timespan import about

        return about(text, _day(today))

    @server.expose(title="Time in another zone", effect="read")
    async def basics_time_zone(
        to_zone: Annotated[str, Field(description="A city or zone: Tokyo, Europe/Paris, UTC+2.", max_length=60)],
        time: Annotated[str, Field(description="A time such as 14:30 or 2:30 pm; empty for now.", max_length=40)] = "",
        from_zone: Annotated[str, Field(description="The city or zone of that time.", max_length=60)] = "UTC",
        on: Annotated[str, Field(description="The date of that time; empty for today.", max_length=100)] = "",
    ) -> Clock:
        """Convert a time of day between time zones, daylight saving included, or tell the time there now."""
        from mcp_servers.basics.timespan import time_in

        return time_in(time, from_zone, to_zone, on, datetime.now(UTC))


def _day(today: str) -> date:
    from mcp_servers.basics.dates import read_date

    return read_date(today, date.today()).day if today else date.today()
