"""A table is described by what it holds, and drawn only as its columns allow."""

from __future__ import annotations

from typing import Any

import pytest

VISITS = "day,city,visitors,open\n" + "\n".join(
    f"2026-03-{day:02},{'Oslo' if day % 2 else 'Rome'},{visitors},yes"
    for day, visitors in enumerate([10, 12, 11, 13, 12, 900, 11, 10, 12, ""], 1)
)


async def test_types_gaps_and_outliers_are_found(call: Any) -> None:
    told = await call("basics_table_describe", csv=VISITS)
    assert told["rows"] == 10
    day, city, visitors, open_ = told["columns"]
    assert (day["kind"], day["earliest"], day["latest"]) == ("date", "2026-03-01", "2026-03-10")
    assert (city["kind"], city["top"][0]) == ("text", ["Oslo", 5])
    assert (visitors["kind"], visitors["missing"]) == ("integer", 1)
    assert (visitors["spread"]["median"], visitors["spread"]["outlier_values"]) == (12, [900])
    assert open_["kind"] == "boolean"


async def test_a_value_that_spoils_a_column_of_numbers_is_named(call: Any) -> None:
    told = await call("basics_table_describe", csv="n\n1\n2\n3\nfour\n")
    assert told["columns"][0]["note"] == "All but 1 of its values are numbers; the first that is none: 'four'."


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("a,b\n1,2\n3\n", "Line 3 has 1 cells, the header has 2"),
        ("a,a\n1,2\n", "Two columns are called 'a'"),
        ("   ", "The table is empty"),
    ],
)
async def test_a_broken_table_is_refused_with_the_place(call: Any, csv: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        await call("basics_table_describe", csv=csv)


async def test_bars_add_up_what_belongs_together(call: Any) -> None:
    drawn = await call("basics_table_plot", csv=VISITS, kind="bar", x="city", y="visitors", aggregate="sum")
    assert drawn["spec"]["data"]["values"] == [
        {"city": "Oslo", "sum of visitors": 56},
        {"city": "Rome", "sum of visitors": 935},
    ]


async def test_a_column_that_cannot_be_drawn_is_answered_with_those_that_can(call: Any) -> None:
    with pytest.raises(Exception, match=r"'city' holds no numbers\. Columns of numbers: visitors"):
        await call("basics_table_plot", csv=VISITS, kind="histogram", x="city")
    with pytest.raises(Exception, match="Did you mean 'visitors'"):
        await call("basics_table_plot", csv=VISITS, kind="histogram", x="visitor")


@pytest.mark.extra
@pytest.mark.parametrize(
    "chart",
    [
        {"kind": "histogram", "x": "visitors"},
        {"kind": "line", "x": "day", "y": "visitors"},
        {"kind": "bar", "x": "city"},
        {"kind": "scatter", "x": "visitors", "y": "visitors"},
    ],
)
async def test_every_kind_of_chart_becomes_a_picture(call: Any, chart: dict[str, str]) -> None:
    drawn = await call("basics_table_plot", csv=VISITS, **chart)
    assert drawn["png"]["size"] > 2000
    assert drawn["png"]["media_type"] == "image/png"
