"""Small mistakes in a written query, corrected against the schema: a column of another table, an id for a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lyceum.tables import Column, Schema, Table
from models.tables import Candidate
from models.tables.graph import Edge, display_of, graph, keys_of
from models.text_to_sql.values import fixed_columns, keep_missing_out, misplaced, read_time

Tree = exp.Select | exp.SetOperation


def read(sql: str, schema: Schema) -> Tree | None:
    """Parse one query; None when it is none."""
    try:
        tree = sqlglot.parse_one(sql, dialect=schema.dialect)
    except SqlglotError:
        return None
    return tree if isinstance(tree, (exp.Select, exp.SetOperation)) else None


def rewrite(tree: Tree, schema: Schema, values: Sequence[Candidate] = ()) -> Tree | None:
    """Place columns in the tables that have them, joining one that is missing; name things and group by their keys.

    `values` are what the question's words were found as. None when a column or table is nowhere to be found, so that
    the query could not run.
    """
    tree = tree.copy()
    for select in list(tree.find_all(exp.Select)):
        scope = _Scope(select, schema)
        if scope.unknown or not all(scope.place(column) for column in scope.own_columns()):
            return None
        read_time(select, scope.described)
        for equal, value in misplaced(select, values):
            scope.move(equal, value)
    keep_missing_out(tree)
    if isinstance(tree, exp.Select):
        scope = _Scope(tree, schema)
        _spell_out_places(tree)
        _name_what_is_listed(tree, scope)
        _group_by_keys(tree, scope)
        _list_once(tree, scope)
    return tree


@dataclass(frozen=True)
class _Source:
    alias: str
    table: Table | None  # None: a derived table or a CTE, whose columns are not checked


class _Scope:
    """The tables that one SELECT reads, those of the SELECTs around it included."""

    def __init__(self, select: exp.Select, schema: Schema) -> None:
        self.select = select
        self._schema = schema
        self._tables = {table.name.casefold(): table for table in schema.tables}
        self.sources: list[_Source] = []
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
                self.sources.append(_Source(source.alias_or_name, None))
                continue
            table = self._tables.get(source.name.casefold())
            if table is None and source.name.casefold() not in ctes:
                self.unknown = True
            self.sources.append(_Source(source.alias_or_name, table))

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
        self.sources.append(_Source(fresh, self._tables[edge.parent.casefold()]))
        return fresh

    def source_of(self, column: exp.Column) -> _Source | None:
        name, qualifier = column.name.casefold(), column.table.casefold()
        for source in self.sources:
            if source.table is not None and _has(source.table, name) and qualifier in ("", source.alias.casefold()):
                return source
        return None

    def described(self, column: exp.Column) -> Column | None:
        source = self.source_of(column)
        columns = source.table.columns if source and source.table else ()
        return next((each for each in columns if each.name.casefold() == column.name.casefold()), None)

    def move(self, equal: exp.EQ, value: Candidate) -> None:
        """Compare the value with the column that holds it: of the table that a reference points to, or of the same."""
        column = equal.this
        source = self.source_of(column)
        if source is None or source.table is None:
            return
        edge = self.edge_of(source, column.name)
        if edge is not None and edge.parent == value.table:
            alias = self.join(source.alias, edge)
        elif source.table.name == value.table and (column.name,) == keys_of(source.table):
            alias = source.alias
        else:
            return
        column.replace(exp.column(value.column, table=alias, quoted=True))

    def edge_of(self, source: _Source, column: str) -> Edge | None:
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


def _spell_out_places(select: exp.Select) -> None:
    """Write `ORDER BY 2` as what stands second, before the list changes."""
    for clause in (select.args.get("order"), select.args.get("group")):
        for each in list(clause.expressions) if clause else []:
            place = each.this if isinstance(each, exp.Ordered) else each
            if isinstance(place, exp.Literal) and place.is_int and 1 <= int(place.name) <= len(select.expressions):
                place.replace(select.expressions[int(place.name) - 1].unalias().copy())


def _name_what_is_listed(select: exp.Select, scope: _Scope) -> None:
    """Put names where a key or a reference is listed: people ask for genres, not for genre ids."""
    listed = {each.name.casefold() for each in select.expressions if isinstance(each, exp.Column)}
    fixed = fixed_columns(select)
    shown: list[exp.Expr] = []
    for projection in select.expressions:
        column = projection.unalias()
        names = _names_for(column, scope, fixed) if isinstance(column, exp.Column) else []
        if not names:
            shown.append(projection)
        elif not any(name.name.casefold() in listed for name in names):
            shown += names
    select.set("expressions", shown)


def _names_for(column: exp.Column, scope: _Scope, fixed: set[str]) -> list[exp.Column]:
    """The name columns of the row that a key stands for, joined where need be; none for other columns.

    A column that the WHERE holds to one value says nothing, so its row's name stands in for it too.
    """
    source = scope.source_of(column)
    if source is None or source.table is None:
        return []
    edge = scope.edge_of(source, column.name)
    owner = scope.table(edge.parent) if edge else source.table
    names = display_of(owner)
    stands_for_row = edge or (column.name,) == keys_of(owner) or column.name.casefold() in fixed
    if not stands_for_row or column.name in names or not names or names == keys_of(owner):
        return []
    alias = scope.join(source.alias, edge) if edge else source.alias
    return [exp.column(name, table=alias, quoted=True) for name in names]


def _group_by_keys(select: exp.Select, scope: _Scope) -> None:
    """Group by the key beside the name: two customers of one name are two customers."""
    group = select.args.get("group")
    if group is None:
        return
    for each in list(group.expressions):
        column = each if isinstance(each, exp.Column) else None
        source = scope.source_of(column) if column is not None else None
        if column is None or source is None or source.table is None:
            continue
        keys = keys_of(source.table)
        if len(keys) == 1 and column.name in display_of(source.table) and column.name not in keys:
            group.append("expressions", exp.column(keys[0], table=source.alias, quoted=True))


def _list_once(select: exp.Select, scope: _Scope) -> None:
    """List each thing once where a join to its many would repeat it."""
    grouped = select.args.get("group") or select.args.get("distinct") or select.find(exp.AggFunc)
    if grouped or not select.args.get("joins"):
        return
    shown = {
        source.alias
        for each in select.expressions
        for column in each.find_all(exp.Column)
        if (source := scope.source_of(column))
    }
    if len(shown) == 1 and not select.args.get("limit"):
        select.distinct(copy=False)
