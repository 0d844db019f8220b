"""What the SQL server's safety costs and holds: `python -m benchmarks.sql_server [--postgres URL]`.

Milliseconds to check a statement; milliseconds from call to answer through the front door, and of the same statement
in the engine alone; how many attacks were stopped and how many plain statements gave their engine's rows. PostgreSQL
is measured with the address of a role that only reads, on a database made from `mcp_servers/sql/attacked.sql`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from mcp import Client
from pydantic import SecretStr

from lyceum.errors import ModelRetry
from lyceum.settings import Settings
from mcp_servers.services import Services
from mcp_servers.sql.files import Database
from mcp_servers.sql.guard import check
from mcp_servers.sql.introspect import read_schema
from mcp_servers.sql.probes import MADE, MAY_RUN, SECONDS, SHOWN, attack, attacks
from mcp_servers.sql.server import create_server

RESULTS = Path(__file__).parent / "results" / "sql_server.json"
BENIGN = Path(__file__).parents[1] / "tests" / "mcp_servers" / "sql" / "benign.yaml"
SIMPLE = "SELECT a.name, count(*) AS n FROM artist a JOIN album USING (artist_id) GROUP BY a.name ORDER BY n DESC"


def spread(milliseconds: list[float]) -> dict[str, float]:
    cut = statistics.quantiles(milliseconds, n=100)
    return {
        "p50": round(statistics.median(milliseconds), 2),
        "p95": round(cut[94], 2),
        "max": round(max(milliseconds), 2),
    }


def timed(call: Callable[[], Any], times: int) -> list[float]:
    found: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append((time.perf_counter() - start) * 1000)
    return found


async def measure(dialect: str, given: dict[str, Any], database: Database) -> dict[str, Any]:
    groups = yaml.safe_load(BENIGN.read_text(encoding="utf-8"))
    plain = [*groups["all"], *groups[dialect]]
    schema = read_schema("music", database, SHOWN)

    def checked(sql: str) -> None:
        with contextlib.suppress(ModelRetry):
            check(sql, schema, max_rows=100)

    checking = [statistics.median(timed(lambda sql=sql: checked(sql), 3)) for sql in plain]
    refusing = [statistics.median(timed(lambda sql=sql: checked(sql), 3)) for _, sql in attacks(dialect)]
    own = check(SIMPLE, schema, max_rows=100).sql
    engine = timed(lambda: database.run(own), 200)
    section = {"seconds": SECONDS, "databases": {"music": {**given, "tables": SHOWN}}}
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), servers={"sql": section})
        async with Client(create_server(settings, Services(Path(home)))) as client:
            door: list[float] = []
            for _ in range(200):
                start = time.perf_counter()
                await client.call_tool("sql_query", {"database": "music", "sql": SIMPLE})
                door.append((time.perf_counter() - start) * 1000)
            ran = [await client.call_tool("sql_query", {"database": "music", "sql": sql}) for sql in plain]
            found = [await attack(client, dialect, why, sql) for why, sql in attacks(dialect)]
    return {
        "check_benign_ms": spread(checking),
        "check_attack_ms": spread(refusing),
        "engine_process_ms": spread(engine),
        "front_door_ms": spread(door),
        "benign": {"statements": len(plain), "ran": sum(not answer.is_error for answer in ran)},
        "attacks": {
            "statements": len(found),
            "held": sum(probe.held for probe in found),
            "of_these_exhausting": sum(why == MAY_RUN for why, _ in attacks(dialect)),
        },
    }


async def run(postgres: str | None) -> dict[str, Any]:
    engines: dict[str, Any] = {}
    for dialect, make in MADE.items():
        with tempfile.TemporaryDirectory() as folder:
            path = make(Path(folder, "music"))
            engines[dialect] = await measure(dialect, {"path": str(path)}, Database(path))
    if postgres:
        database = Database(url=SecretStr(postgres))
        engines["postgres"] = await measure("postgres", {"url": postgres}, database)
    return engines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", metavar="URL", default=None)
    options = parser.parse_args()
    report = {
        "command": "python -m benchmarks.sql_server --postgres URL",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} shared cores, {platform.system()}",
        "engines": asyncio.run(run(options.postgres)),
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
