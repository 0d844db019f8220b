"""An empty cell is an answer like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_rows_with_empty_cells_pass_the_output_schema(wired: Callable[..., Any]) -> None:
    async with wired() as app:
        query = {"database": "chinook", "sql": "SELECT DISTINCT Company FROM Customer WHERE Company IS NULL"}
        assert (await app.runtime.tools.call("sql", "sql_query", query))["rows"] == [[None]]
