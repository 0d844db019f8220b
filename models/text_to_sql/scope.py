"""The tables that one SELECT reads, and in which of them a column lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from lyceum.tables import Column, Schema, Table
from models.tables import Candidate
from models.tables.graph import KEY_ENDINGS, Edge, graph, keys_of
from models.tables.words import name_words


@dataclass(frozen=True)
class Source:
    alias: str
    table: Table | None  # None: a derived table or a CTE, whose columns are not checked


class Scope:
    """The tables that one SELECT reads, those of the SELECTs around it included."""

    def __init__(self, select: exp.Select, schema: Schema) -> None:
        self.select = select
        self._schema = schema
        self._tables = {table.name.casefold(): table for table in schema.tables}
        self.sources: list[Source] = []
        self.unknown = False
        ctes = {cte.alias.casefold() for cte in select.root().find_all(exp.CTE)}
        scope: exp.Expr | None = select
        while scope is not None:
            self._read(scope, ctes)
            scope = scope.find_ancestor(exp.Select)

    def _read(self, select: exp.Expr, ctes: set[str]) -> None:
        start: exp.Expr | None = select.args.get("from_")
        joins: list[exp.Expr] = select.args.get("joins") or []
        for clause in [start, *joins] if start else []:
            source: exp.Expr = clause.this
            if not isinstance(source, exp.Table):
                self.sources.append(Source(source.alias_or_name, None))
                continue
            table = self._tables.get(source.name.casefold())
            if table is None and source.name.casefold() not in ctes:
                self.unknown = True
            self.sources.append(Source(source.alias_or_name, table))

    def own_sources(self) -> list[Source]:
        """What this SELECT itself reads, joins that were added included."""
        start: exp.Expr | None = self.select.args.get("from_")
        joins: list[exp.Expr] = self.select.args.get("joins") or []
        names: set[str] = {clause.this.alias_or_name for clause in ([start, *joins] if start else [])}
        return [source for source in self.sources if source.alias in names]

    def repeats(self, source: Source) -> bool:
        """Whether a row of a source can meet several rows of the others that this SELECT itself reads."""
        one, others = {source.alias}, [each for each in self.own_sources() if each.table is not None]
        for _ in others:
            one |= {
                other.alias
                for other in others
                for known in others
                for edge in graph(self._schema).edges
                if known.alias in one and known.table and other.table
                if (edge.child, edge.parent) == (known.table.name, other.table.name)
            }
        return any(each.alias not in one for each in others)

    def own_columns(self) -> Iterator[exp.Column]:
        for column in self.select.find_all(exp.Column):
            if column.find_ancestor(exp.Select) is self.select:
                yield column

    def place(self, column: exp.Column) -> bool:
        """Qualify a column with the one table that has it; true when the column can be read."""
        name, qualifier = column.name.casefold(), column.table.casefold()
        if isinstance(column.this, exp.Star):
            return True
        named = [source for source in self.sources if source.alias.casefold() == qualifier] if qualifier else []
        if any(source.table is None or _has(source.table, name) for source in named):
            return True
        holders = [source for source in self.sources if source.table is not None and _has(source.table, name)]
        if self._computed(name) and (not qualifier or not holders):
            column.set("table", None)
            return True
        if any(source.table is None for source in self.sources) and not named:
            return True
        if qualifier and not named and self._join_for(column, name, qualifier):
            return True
        if holders:
            column.set("table", exp.to_identifier(holders[0].alias))
            return True
        if column.this.quoted and not qualifier:  # a text in the wrong quotes
            column.replace(exp.Literal.string(column.name))
            return True
        return self._join_for(column, name)

    def joins_astray(self) -> bool:
        """Whether a join compares a column with itself, or passes by the reference that there is between two tables."""
        joins: list[exp.Join] = self.select.args.get("joins") or []
        pairs = [equal for join in joins if join.args.get("on") for equal in join.args["on"].find_all(exp.EQ)]
        return any(
            isinstance(pair.this, exp.Column)
            and isinstance(pair.expression, exp.Column)
            and not self._related(pair.this, pair.expression)
            for pair in pairs
        )

    def _related(self, left: exp.Column, right: exp.Column) -> bool:
        if left == right:
            return False
        ends = [self.source_of(left), self.source_of(right)]
        tables = [end.table.name for end in ends if end and end.table]
        between = [edge for edge in graph(self._schema).edges if sorted((edge.child, edge.parent)) == sorted(tables)]
        named = {left.name.casefold(), right.name.casefold()}
        if between:
            return any({edge.column.casefold(), edge.references.casefold()} == named for edge in between)
        # Tables that meet through others share only what is called alike: a city, but no composer and artist's name.
        alike = name_words(left.name)[-1] == name_words(right.name)[-1] not in KEY_ENDINGS
        return alike or len(tables) < 2 or graph(self._schema).connect(tables) is None

    def _computed(self, name: str) -> bool:
        return any(each.alias.casefold() == name for each in self.select.expressions if each.alias)

    def _join_for(self, column: exp.Column, name: str, table: str = "") -> bool:
        """Join the one table next to those of the query that has the column (and the name, where one was written)."""
        near = [
            (source.alias, edge)
            for source in self.sources
            for edge in graph(self._schema).edges
            if source.table is not None
            and edge.child == source.table.name
            and _has(self._tables[edge.parent.casefold()], name)
            and table in ("", edge.parent.casefold())
        ]
        if len(near) != 1:
            return False
        column.set("table", exp.to_identifier(self.join(*near[0]), quoted=True))
        return True

    def join(self, alias: str, edge: Edge) -> str:
        """Join the table that `alias` refers to through `edge`; returns its name in this query."""
        for source in self.sources:
            known = source.table is not None and source.table.name == edge.parent
            if known and source.alias.casefold() != alias.casefold():
                return source.alias
        taken = {source.alias.casefold() for source in self.sources}
        fresh = edge.parent if edge.parent.casefold() not in taken else f"{edge.parent}_2"
        on = exp.EQ(
            this=exp.column(edge.column, table=alias, quoted=True),
            expression=exp.column(edge.references, table=fresh, quoted=True),
        )
        target: exp.Expr = exp.Table(this=exp.to_identifier(edge.parent, quoted=True))
        if fresh != edge.parent:
            target = exp.alias_(target, fresh, table=True, quoted=True)
        self.select.join(target, on=on, copy=False)
        self.sources.append(Source(fresh, self._tables[edge.parent.casefold()]))
        return fresh

    def source_of(self, column: exp.Column) -> Source | None:
        name, qualifier = column.name.casefold(), column.table.casefold()
        for source in self.sources:
            if source.table is not None and _has(source.table, name) and qualifier in ("", source.alias.casefold()):
                return source
        return None

    def described(self, column: exp.Column) -> Column | None:
        source = self.source_of(column)
        columns = source.table.columns if source and source.table else ()
        return next((each for each in columns if each.name.casefold() == column.name.casefold()), None)

    def move(self, compared: exp.Binary, value: Candidate) -> None:
        """Compare the value with the column that holds it: of the same table, or of the one referred to."""
        column = compared.this
        source = self.source_of(column)
        if source is None or source.table is None:
            return
        alias = source.alias
        if source.table.name != value.table:
            paths = graph(self._schema).paths({source.table.name}, value.table)
            if len(paths) != 1:
                return
            here = source.table.name
            for edge in paths[0]:
                if edge.child != here:
                    return
                alias, here = self.join(alias, edge), edge.parent
        elif (column.name,) != keys_of(source.table):
            return
        compared.replace(
            exp.EQ(
                this=exp.column(value.column, table=alias, quoted=True),
                expression=exp.Literal.string(str(value.value)),
            )
        )

    def edge_of(self, source: Source, column: str) -> Edge | None:
        assert source.table is not None
        return next(
            (
                edge
                for edge in graph(self._schema).edges
                if (edge.child, edge.column.casefold()) == (source.table.name, column.casefold())
            ),
            None,
        )

    def table(self, name: str) -> Table:
        return self._tables[name.casefold()]


def _has(table: Table, column: str) -> bool:
    return any(each.name.casefold() == column for each in table.columns)
