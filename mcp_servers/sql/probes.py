"""Tries every attack of `attacks.yaml` through the front door: on a SQLite and a DuckDB file, and where given, more.

An attack holds where it was refused; one that `exhausts` may also run, if it ends in time, is small, and the next
question is answered. None may tell what the table `secret` holds or change a byte of the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from lyceum.settings import Settings
from mcp_servers.probes import Probe
from mcp_servers.services import Services

HERE = Path(__file__).parent
SHOWN = ("artist", "genre", "album", "track", "employee", "sale", "Order Details")  # and not secret
SECRET = "xyzzy-do-not-tell"  # noqa: S105 - a word to look for
MAY_RUN = "exhausts"
SECONDS = 0.3  # that a query may take here; and what may pass until it is over
LONGEST = SECONDS + 2.2
MOST_CHARACTERS = 40_000


def attacks(dialect: str) -> list[tuple[str, str]]:
    """Return what each attack is after, and its statement: those in a dialect and those sent to all."""
    groups: dict[str, dict[str, list[str]]] = yaml.safe_load((HERE / "attacks.yaml").read_text(encoding="utf-8"))
    return [(why, sql) for part in ("ansi", "mysql", dialect) for why, found in groups[part].items() for sql in found]


def make_sqlite(path: Path) -> Path:
    """Make the small database that is attacked."""
    with sqlite3.connect(path) as made:
        made.executescript((HERE / "attacked.sql").read_text(encoding="utf-8"))
    made.close()
    return path


def make_duckdb(path: Path) -> Path:
    """Make the same in DuckDB."""
    import duckdb

    with duckdb.connect(str(path)) as made:
        made.execute((HERE / "attacked.sql").read_text(encoding="utf-8"))
    return path


MADE: dict[str, Callable[[Path], Path]] = {"sqlite": make_sqlite, "duckdb": make_duckdb}


async def attack(client: Any, dialect: str, why: str, sql: str) -> Probe:
    """Send one statement to the database `music` and judge what came back."""
    start = time.monotonic()
    answer = await client.call_tool("sql_query", {"database": "music", "sql": sql})
    took = time.monotonic() - start
    text = " ".join(part.text for part in answer.content if hasattr(part, "text"))
    name = f"{dialect}, {why}: {' '.join(sql.split())[:100]}"
    if SECRET in text or "root:" in text:
        return Probe(name, False, "it told what may not be read")
    if took > LONGEST:
        return Probe(name, False, f"it took {took:.1f} s")
    if answer.is_error:
        return Probe(name, True, text)
    if why != MAY_RUN or len(text) > MOST_CHARACTERS:
        return Probe(name, False, f"it ran, and told {len(text)} characters")
    after = await client.call_tool("sql_query", {"database": "music", "sql": "SELECT count(*) FROM genre"})
    held = not after.is_error and after.structured_content["rows"] == [[4]]
    return Probe(
        name, held, f"it ran within its limits, {took:.1f} s" if held else "the next question was not answered"
    )


async def attack_file(dialect: str, folder: Path, chosen: Iterable[tuple[str, str]]) -> list[Probe]:
    """Attack a database file made in an empty folder; the last probe is that nothing in the folder changed."""
    from mcp import Client

    from mcp_servers.sql.server import create_server

    path = MADE[dialect](folder / f"music.{dialect}")
    before = _state(folder)
    section = {"seconds": SECONDS, "databases": {"music": {"path": str(path), "tables": SHOWN}}}
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), servers={"sql": section})
        async with Client(create_server(settings, Services(Path(home)))) as client:
            found = [await attack(client, dialect, why, sql) for why, sql in chosen]
    same = _state(folder) == before
    return [*found, Probe(f"{dialect}, after all: the file", same, "unchanged" if same else "something was written")]


def probes() -> list[Probe]:
    """Attack both kinds of file on this machine; about a minute, most of it queries that run into their limits."""
    found: list[Probe] = []
    for dialect in MADE:
        with tempfile.TemporaryDirectory() as folder:
            found += asyncio.run(attack_file(dialect, Path(folder), attacks(dialect)))
    return found


def _state(folder: Path) -> dict[str, str]:
    return {child.name: hashlib.sha256(child.read_bytes()).hexdigest() for child in sorted(folder.iterdir())}
