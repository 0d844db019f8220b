"""What every invented database is made of: a schema, rows drawn from a fixed seed, and the split it belongs to."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from pathlib import Path

from evals.suite import Split

Row = tuple[object, ...]
Rows = dict[str, Sequence[Row]]

_FIRST = (
    "Ada Ben Carla Diego Emma Farid Greta Hugo Ines Jonas Kemi Lars Maya Noah Olga Pavel Rosa Sami Tara Yusuf".split()
)
_LAST = "Abbott Berg Costa Dahl Evans Fischer Greco Haddad Ito Jansen Keller Lopez Moreau Nowak Okafor Petrov".split()


@dataclass(frozen=True)
class Domain:
    """One invented database; `rows` draws the same rows every time."""

    split: Split
    ddl: str
    rows: Callable[[random.Random], Rows]

    def write(self, path: Path) -> Path:
        """Build the database at `path`, which must not exist yet."""
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(self.ddl)
            for table, rows in self.rows(random.Random(path.stem)).items():  # noqa: S311  the same data every time
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608
        return path


def people(draw: random.Random, count: int) -> list[tuple[str, str]]:
    """Return that many different (first name, last name) pairs."""
    return draw.sample(list(product(_FIRST, _LAST)), count)


def day(draw: random.Random, first: str, last: str) -> str:
    """Return an ISO date between two others, both included."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return str(start + timedelta(days=draw.randrange((end - start).days + 1)))


def later(iso: str, days: int) -> str:
    return str(date.fromisoformat(iso) + timedelta(days=days))
