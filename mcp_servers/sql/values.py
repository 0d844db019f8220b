"""The values of low-cardinality columns, so that a misspelt one is answered with the nearest that is stored."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlglot import exp

from lyceum.errors import ModelRetry
from lyceum.tables import Schema
from mcp_servers.sql.files import Database
from mcp_servers.sql.introspect import quoted

MOST_VALUES = 2000  # distinct values that a column of the index may have
NEAR = 0.72  # similarity from which on one value may be meant by another
MOST_NOTES = 5


@dataclass(frozen=True)
class Near:
    """A stored value like a phrase; `similarity` is from 0 to 1, and 1 where they differ in case or accents alone."""

    phrase: str
    table: str
    column: str
    value: str
    similarity: float


class ValueIndex:
    """Text columns by table and column, each read when it is first needed and then kept."""

    def __init__(self, database: Database, schema: Schema, source: Callable[[str], str]) -> None:
        self._database, self._source = database, source
        self._columns = [
            (table.name, column.name)
            for table in schema.tables
            for column in table.columns
            if column.affinity == "text"
        ]
        self._read: dict[tuple[str, str], dict[str, list[str]] | None] = {}

    def near(self, phrase: str, *, most: int = 3) -> list[Near]:
        """Return the nearest values of all columns, best first."""
        found = [hit for table, column in self._columns for hit in self._near_in(phrase, table, column)]
        return sorted(found, key=lambda hit: -hit.similarity)[:most]

    def misspelt(self, tree: exp.Expr, tables: list[exp.Table]) -> list[str]:
        """Say of each literal that a query compares with a column where that holds no such value, and what is near."""
        notes: list[str] = []
        for column, literal in _compared(tree):
            owners = {
                table.name.lower()
                for table in tables
                if column.table.lower() in ("", table.alias_or_name.lower(), table.name.lower())
            }
            places = [
                place
                for place in self._columns
                if place[0].rpartition(".")[2].lower() in owners and place[1].lower() == column.name.lower()
            ]
            kept = [values for place in places if (values := self._values(*place)) is not None]
            stored = any(literal in values.get(folded(literal), ()) for values in kept)
            if len(kept) != len(places) or not places or stored:
                continue
            near = [hit for place in places for hit in self._near_in(literal, *place)]
            best = sorted(near, key=lambda hit: -hit.similarity)[:3]
            advice = f"nearest: {', '.join(repr(hit.value) for hit in best)}" if best else "and none is like it"
            notes.append(f"{places[0][0]}.{places[0][1]} holds no {literal!r}; {advice}.")
        return list(dict.fromkeys(notes))[:MOST_NOTES]

    def _near_in(self, phrase: str, table: str, column: str) -> list[Near]:
        values, wanted = self._values(table, column), folded(phrase)
        if not values or not wanted:
            return []
        hits = {key: 1.0 for key in values if key == wanted}
        words = set(wanted.split())
        if len(wanted) >= 4:
            hits |= {key: 0.9 for key in values if key not in hits and words <= set(key.split())}
        hits |= {
            key: difflib.SequenceMatcher(None, wanted, key).ratio()
            for key in difflib.get_close_matches(wanted, values, n=3, cutoff=NEAR)
            if key not in hits
        }
        best = sorted(hits.items(), key=lambda hit: -hit[1])[:3]
        return [Near(phrase, table, column, values[key][0], round(similarity, 2)) for key, similarity in best]

    def _values(self, table: str, column: str) -> dict[str, list[str]] | None:
        """Return stored values by their folded form; None where there are too many, or they cannot be read in time."""
        place = (table, column)
        if place not in self._read:
            self._read[place] = None
            name = quoted(column)
            sql = f"SELECT DISTINCT {name} FROM {self._source(table)} WHERE {name} IS NOT NULL LIMIT {MOST_VALUES + 1}"  # noqa: S608
            with suppress(ModelRetry):
                found = self._database.run(sql, seconds=2.0)
                if len(found.rows) <= MOST_VALUES and not found.cut:
                    values: dict[str, list[str]] = {}
                    for (value,) in found.rows:
                        values.setdefault(folded(str(value)), []).append(str(value))
                    self._read[place] = values
        return self._read[place]


def folded(text: str) -> str:
    """Return a text without case, accents and signs, by which values are alike."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", " ", plain.casefold()).strip()


def _compared(tree: exp.Expr) -> list[tuple[exp.Column, str]]:
    pairs: list[tuple[exp.Column, str]] = []
    for node in tree.find_all(exp.EQ, exp.In):
        sides = [node.this, *(node.expressions if isinstance(node, exp.In) else [node.expression])]
        columns = [side for side in sides if isinstance(side, exp.Column)]
        literals = [side.name for side in sides if isinstance(side, exp.Literal) and side.is_string]
        if len(columns) == 1:
            pairs += [(columns[0], literal) for literal in literals]
    return pairs
