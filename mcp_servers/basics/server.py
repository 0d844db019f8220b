"""The everyday tools: sums, dates, tables, text, JSON and regular expressions."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact
from lyceum.errors import ModelRetry
from lyceum.settings import Settings
from mcp_servers.basics.calculation import Calculation
from mcp_servers.basics.checks import JsonChecked, RegexFlag, RegexTried
from mcp_servers.basics.differences import Difference
from mcp_servers.basics.tables import Aggregate, ChartKind, Description
from mcp_servers.basics.timespan import Between, Clock, Day
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

_Date = Annotated[str, Field(description="A date: 2026-04-17, 17 April 2026, next Friday, 3 days ago.", max_length=100)]
_Today = Annotated[str, Field(description="What today is, as an ISO date; empty asks the clock.", max_length=10)]
_Holidays = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(description="Dates that are no business days, beside Saturdays and Sundays.", max_length=400),
]
_Csv = Annotated[str, Field(description="The table as CSV text with a header line.", max_length=2_000_000)]
_Artifact = Annotated[str, Field(description="The SHA-256 of an artifact that holds such CSV.", max_length=64)]


class Chart(BaseModel):
    """A chart: `spec` is Vega-Lite 5 with its data inside, `png` the picture of it."""

    spec: dict[str, Any]
    png: Artifact | None = None
    note: str = ""


def create_server(settings: Settings, services: Services) -> ToolServer:
    server = ToolServer("basics", instructions="Exact sums, units and dates; tables, charts, diffs, JSON and regex.")
    _sums(server)
    _dates(server)
    _tables(server, services)
    _texts(server, services)
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
        """Convert a quantity from one unit of measure to another: miles to kilometres, pounds to kilograms, and so on.

        An unknown unit is answered with the nearest known ones.
        """
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
        """Tell how long it is from one date to another: days, business days, weeks, months or years between them."""
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
        """Find which date is so many days, business days, weeks, calendar months or years after or before a date."""
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


def _tables(server: ToolServer, services: Services) -> None:
    @server.expose(title="Describe a table", effect="read")
    async def basics_table_describe(csv: _Csv = "", artifact: _Artifact = "") -> Description:
        """Summarise a table: the type of each column, missing and distinct values, spread, outliers, repeated rows."""
        from mcp_servers.basics.tables import describe, read_table

        return await asyncio.to_thread(describe, read_table(await _given(csv, artifact, services)))

    @server.expose(title="Plot a table", effect="run")
    async def basics_table_plot(
        kind: Annotated[ChartKind, Field(description="The kind of chart.")],
        x: Annotated[str, Field(description="The column across.", max_length=200)],
        csv: _Csv = "",
        artifact: _Artifact = "",
        y: Annotated[str, Field(description="The column upwards; empty for counts.", max_length=200)] = "",
        aggregate: Annotated[Aggregate, Field(description="How bars put rows of one x together.")] = "none",
        title: Annotated[str, Field(description="A title.", max_length=200)] = "",
    ) -> Chart:
        """Draw a histogram, line, bar or scatter chart of a table, as a Vega-Lite specification and a picture."""
        from mcp_servers.basics.charts import spec_for
        from mcp_servers.basics.tables import read_table
        from mcp_servers.vega import INSTALL, png_of

        table = read_table(await _given(csv, artifact, services))
        spec = spec_for(table, kind, x, y, aggregate, title)
        picture = await asyncio.to_thread(png_of, spec)
        if picture is None:
            return Chart(spec=spec, note=f"There is no picture: {INSTALL}")
        png = await services.artifacts.put(picture, media_type="image/png", name=f"{kind}.png")
        return Chart(spec=spec, png=png)


def _texts(server: ToolServer, services: Services) -> None:
    @server.expose(title="Compare texts", effect="read")
    async def basics_text_diff(
        before: Annotated[str, Field(description="The old text.", max_length=400_000)],
        after: Annotated[str, Field(description="The new text.", max_length=400_000)],
        context: Annotated[int, Field(description="Unchanged lines shown around a change.", ge=0, le=50)] = 3,
        html: Annotated[bool, Field(description="Also make a page with both texts side by side.")] = False,
    ) -> Difference:
        """Compare two texts and say what differs: a unified diff by line, and the changes word by word."""
        from mcp_servers.basics.differences import compare, page

        found = await asyncio.to_thread(compare, before, after, context)
        if html:
            shown = await asyncio.to_thread(page, before, after)
            found.html = await services.artifacts.put(shown.encode(), media_type="text/html", name="diff.html")
        return found

    @server.expose(title="Check JSON", effect="read")
    async def basics_json(
        text: Annotated[str, Field(description="The JSON document.", max_length=2_000_000)],
        query: Annotated[
            str, Field(description="A JMESPath or simple JSONPath query: orders[?total > `100`].id", max_length=2_000)
        ] = "",
        schema: Annotated[
            str, Field(description="A JSON schema, as JSON text, to check it against.", max_length=200_000)
        ] = "",
    ) -> JsonChecked:
        """Check JSON: the first error with line, column and remedy; the result of a query; what breaks a schema."""
        from mcp_servers.basics.checks import check_json

        return await asyncio.to_thread(check_json, text, query, schema)

    @server.expose(title="Test a regular expression", effect="read")
    async def basics_regex(
        pattern: Annotated[str, Field(description="A Python regular expression.", min_length=1, max_length=2_000)],
        text: Annotated[str, Field(description="The text to search.", max_length=500_000)],
        flags: Annotated[list[RegexFlag], Field(description="How to match.", max_length=5)] = [],  # noqa: B006
        replacement: Annotated[
            str,
            Field(description=r"What to put for each match; \1 is a group.", max_length=2_000),
        ] = "",
        seconds: Annotated[float, Field(description="Give up after this time.", ge=0.1, le=10)] = 2,
    ) -> RegexTried:
        """Try a regular expression on a text: its matches with groups and places, and what each part of it means.
        A pattern that would run for ever is stopped.
        """
        from mcp_servers.basics.checks import try_regex

        return await asyncio.to_thread(try_regex, pattern, text, flags, replacement, seconds)


async def _given(csv: str, artifact: str, services: Services) -> str:
    if bool(csv) == bool(artifact):
        raise ModelRetry("A table is needed once.", next_step="Send either csv or artifact.")
    if csv:
        return csv
    data = await services.artifacts.get(artifact)
    if len(data) > 20 * 1024 * 1024:
        raise ModelRetry("The table is larger than 20 MiB.", next_step="Send a part, or ask the sql server.")
    return data.decode("utf-8", errors="replace")


def _day(today: str) -> date:
    from mcp_servers.basics.dates import read_date

    return read_date(today, date.today()).day if today else date.today()
