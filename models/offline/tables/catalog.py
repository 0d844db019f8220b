"""What the columns of a schema can be used for: numbers, dates, flags, people, money."""

from __future__ import annotations

import re
from collections.abc import Callable

from lyceum.tables import Cell, Column, Schema, Table
from models.offline.tables.frame import Unclear
from models.tables.entries import Candidate, date_like
from models.tables.graph import display_of, graph, keys_of
from models.tables.words import name_words

PERSONS = frozenset(
    "person user people student patient guest pilot athlete coach staff author client tenant agent".split()
)
MONEY = frozenset("total amount price cost fee salary budget revenue fare balance payment value wage".split())
YES_NO = (("y", "n"), ("yes", "no"), ("t", "f"), ("true", "false"))


class Catalog:
    """What the columns of a schema can be used for."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.edges = graph(schema).edges
        self.tables: dict[str, Table] = {table.name: table for table in schema.tables}
        self.references = {(edge.child, edge.column) for edge in self.edges}
        self.self_references = {
            (edge.child, edge.column): edge.references for edge in self.edges if edge.child == edge.parent
        }

    def column(self, candidate: Candidate) -> Column:
        return next(column for column in self.tables[candidate.table].columns if column.name == candidate.column)

    def is_key(self, candidate: Candidate) -> bool:
        return (candidate.table, candidate.column) in self.references or candidate.column in keys_of(
            self.tables[candidate.table]
        )

    def is_number(self, candidate: Candidate) -> bool:
        if candidate.kind == "measure":
            return True
        plain = candidate.kind == "column" and self.column(candidate).affinity in ("integer", "number")
        return plain and not self.is_key(candidate) and not self.is_flag(candidate)

    def is_date(self, candidate: Candidate) -> bool:
        return candidate.kind == "column" and date_like(self.column(candidate))

    def is_year(self, candidate: Candidate) -> bool:
        return (
            candidate.kind == "column"
            and self.column(candidate).affinity == "integer"
            and name_words(candidate.column)[-1] == "year"
        )

    def is_flag(self, candidate: Candidate) -> bool:
        return candidate.kind == "column" and self.flag(candidate) is not None

    def flag(self, candidate: Candidate) -> tuple[Cell, Cell] | None:
        """What a column of two values stores for yes and for no; None for other columns."""
        column = self.column(candidate)
        if column.affinity == "boolean":
            return (1, 0) if self.schema.dialect == "sqlite" else (True, False)
        if column.affinity == "integer":
            named = re.match(r"(?:is|has)_|(?:is|has)[A-Z]", column.name)
            return (1, 0) if named or (column.distinct == 2 and set(column.values) == {0, 1}) else None
        if column.affinity == "text" and column.complete and column.values:
            stored = {str(value).casefold(): value for value in column.values}
            found = next((pair for pair in YES_NO if stored.keys() <= set(pair)), None)
            return (stored.get(found[0]), stored.get(found[1])) if found else None
        return None

    def identifies(self, candidate: Candidate) -> bool:
        """Whether the candidate stands for single rows of its table rather than for groups of them."""
        names = (*display_of(self.tables[candidate.table]), *keys_of(self.tables[candidate.table]))
        return candidate.kind in ("table", "name") or candidate.column in names

    def is_person(self, table: str) -> bool:
        """Whether rows of the table are people: they have two names, or the table is called like an occupation."""
        word = name_words(table)[-1]
        return (
            len(display_of(self.tables[table])) > 1
            or word in PERSONS
            or (len(word) > 5 and word.endswith(("ist", "ian", "or", "er", "ee")))
        )

    def money_of(self, table: str) -> list[Candidate]:
        columns = [Candidate("column", table, (column.name,)) for column in self.tables[table].columns]
        return [column for column in columns if self.is_number(column) and set(name_words(column.column)) & MONEY]

    def date_of(self, fact: str, near: str) -> Candidate:
        """The date meant by a bare `in 2010`: that of the event counted or summed, else of what the event belongs to."""
        for accept in (self.is_date, self.is_year):
            level, seen = {fact}, {fact}
            while level:
                dated = {table: dates for table in sorted(level) if (dates := self._dates(table, accept))}
                table = near if near in dated else next(iter(dated), "")
                if len(dated) > 1 and near not in dated:
                    raise Unclear(f"the date could be that of {' or '.join(dated)}")
                if dated and (len(dated[table]) > 1 or self.is_person(table)):
                    raise Unclear(f"say which date of {table} is meant")
                if dated:
                    return dated[table][0]
                level = {edge.parent for edge in self.edges if edge.child in level} - seen
                seen |= level
        raise Unclear("no date to compare with")

    def dates_of(self, table: str) -> list[Candidate]:
        columns = [Candidate("column", table, (column.name,)) for column in self.tables[table].columns]
        return [column for column in columns if self.is_date(column)]

    def _dates(self, table: str, accept: Callable[[Candidate], bool]) -> list[Candidate]:
        columns = [Candidate("column", table, (column.name,)) for column in self.tables[table].columns]
        dated = [column for column in columns if accept(column) and "birth" not in name_words(column.column)]
        own = set(name_words(table)) | {"date"}
        return [column for column in dated if set(name_words(column.column)) <= own] or dated
