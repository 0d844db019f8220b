"""From a query that somebody wrote to rows: checked, expanded over the semantic layer, run within limits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator
from contextlib import contextmanager

from lyceum.errors import ModelRetry
from lyceum.sources import Source
from lyceum.tables import Affinity
from mcp_servers.sql.guard import Checked, check, written
from mcp_servers.sql.introspect import affinity_of
from mcp_servers.sql.result import Plan, QueryResult
from mcp_servers.sql.settings import SqlSettings
from mcp_servers.sql.shelf import Opened


def run(opened: Opened, sql: str, limits: SqlSettings, *, most: int) -> QueryResult:
    """Run one query and return at most so many rows; raises ModelRetry that says what to send instead."""
    checked, executed = _checked(opened, sql, most)
    found = opened.database.run(
        executed, seconds=limits.seconds, most=most + 1, most_bytes=limits.max_bytes, explain=checked.explain
    )
    rows = found.rows[:most]
    shown = _shown(checked, most)
    notes = opened.values.misspelt(checked.tree, checked.tables)
    kinds = found.types or [""] * len(found.columns)
    types: list[Affinity] = [
        affinity_of(kind, [row[n] for row in rows if row[n] is not None]) for n, kind in enumerate(kinds)
    ]
    digest = hashlib.sha256(json.dumps([shown, rows], default=str).encode()).hexdigest()[:8]
    source = Source(
        id=f"sql:{opened.schema.database}:{digest}",
        kind="rows",
        title=f"query on {opened.schema.database}",
        uri=opened.database.shown,
        locator=f"{len(rows)} row{'' if len(rows) == 1 else 's'}",
        query=shown,
        columns=tuple(found.columns),
        rows=tuple(tuple(row) for row in rows),
    )
    return QueryResult(
        sql=shown,
        columns=found.columns,
        types=types,
        rows=rows,
        row_count=len(rows),
        truncated=found.cut or len(found.rows) > most,
        notes=notes,
        sources=[source],
    )


@contextmanager
def repairs(attempt: int, most: int) -> Generator[None]:
    """Say with a refusal which try comes next, and after the last that none does.

    The caller carries the count: MCP has no session in which a server could keep it.
    """
    end = "do not send another; read sql_schema again, or say what the tables do not hold."
    if attempt > most:
        raise ModelRetry(f"A question has {most} tries here:", next_step=end)
    try:
        yield
    except ModelRetry as refused:
        step = (
            f"Correct it and send attempt={attempt + 1} of {most}."
            if attempt < most
            else f"This was the last try: {end}"
        )
        raise ModelRetry(refused.message, next_step=f"{refused.next_step} {step}".strip()) from refused


def explain(opened: Opened, sql: str, limits: SqlSettings) -> Plan:
    """Check a query and have its plan; raises ModelRetry as running it would."""
    checked, executed = _checked(opened, sql, limits.max_rows)
    found = opened.database.run(executed, seconds=limits.seconds, most=500, explain=True)
    lines = [line for row in found.rows for line in str(row[-1]).splitlines() if line.strip()]
    notes = opened.values.misspelt(checked.tree, checked.tables)
    return Plan(sql=_shown(checked, limits.max_rows), plan=lines, notes=notes)


def _checked(opened: Opened, sql: str, most: int) -> tuple[Checked, str]:
    modelled = opened.modelled
    if modelled is None:
        checked = check(sql, opened.schema, max_rows=most)
        return checked, checked.sql
    try:
        checked = check(sql, opened.schema, max_rows=most, qualify=False, define=modelled.define)
        return checked, written(modelled.expanded(checked.tree, checked.tables), checked.dialect)
    except RecursionError:
        raise ModelRetry("The query is nested too deeply; send a flatter one, with CTEs.") from None


def _shown(checked: Checked, most: int) -> str:
    return ("EXPLAIN " if checked.explain else "") + re.sub(rf"\s+LIMIT {most + 1}$", "", checked.sql)
