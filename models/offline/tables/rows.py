"""Which rows a frame is about: the tables it joins and the conditions on them, as SQL trees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from lyceum.tables import Cell
from models.offline.tables.catalog import Catalog
from models.offline.tables.frame import Aggregate, Filter, Frame, Missing, Period, Unclear
from models.tables.entries import Candidate
from models.tables.graph import Edge, JoinPath, graph, many_sided

RESERVED = frozenset(
    "order group table select where from to index values default check user end transaction references limit join case when union all "
    "primary key desc asc by as in is on or and not null set between like having distinct create left right full cross natural".split()
)
COMPARE: dict[str, type[exp.Binary]] = {
    ">": exp.GT, "<": exp.LT, ">=": exp.GTE, "<=": exp.LTE, "=": exp.EQ, "!=": exp.NEQ,
}  # fmt: skip


class Rows:
    """The joins and conditions of a frame; raises `Unclear` where a join or a condition is a guess."""

    def __init__(self, frame: Frame, catalog: Catalog) -> None:
        self.frame, self.catalog = frame, catalog
        self.dialect = catalog.schema.dialect
        self.periods = [
            period if period.of else replace(period, of=self.date_near(period.near)) for period in frame.periods
        ]
        grouped = self.date_near("") if frame.group_period else None
        self.grouped = grouped
        dated = [period.of.table for period in self.periods if period.of] + ([grouped.table] if grouped else [])
        tables = list(dict.fromkeys([*frame.named_tables(), *dated]))
        path = graph(catalog.schema).connect(tables, frame.roles)
        if path is None:
            raise Unclear(f"{', '.join(tables)} are not connected by foreign keys")
        if path.ambiguous:
            raise Unclear(f"{', '.join(tables)} can be joined in several ways")
        self.path: JoinPath = path
        self.root = tables[0]
        least = frame.order.of if frame.order and not frame.order.descending else None
        small = [each.aggregate for each in frame.having if each.op in ("<", "<=")]
        small += [least] if isinstance(least, Aggregate) else []
        self.keep_empty = any(each.function == "count" and each.of.kind == "table" for each in small)

    def date_near(self, near: str) -> Candidate:
        path = graph(self.catalog.schema).connect(self.frame.named_tables(), self.frame.roles)
        facts = [table for table in sorted(path.tables) if not many_sided(path, table)] if path else []
        if len(facts) != 1:
            raise Unclear("no date to compare with")
        return self.catalog.date_of(facts[0], near)

    # names

    def name(self, name: str) -> exp.Identifier:
        plain = re.fullmatch(r"[A-Za-z_]\w*", name) and name.casefold() not in RESERVED
        return exp.to_identifier(name, quoted=not plain or (self.dialect == "postgres" and name != name.lower()))

    def table(self, name: str) -> exp.Table:
        return exp.Table(this=self.name(name))

    def column(self, table: str, name: str) -> exp.Column:
        return exp.Column(this=self.name(name), table=self.name(table))

    def value(self, of: Candidate) -> exp.Expr:
        first = self.column(of.table, of.column)
        return (
            first
            if len(of.columns) == 1
            else exp.Mul(this=first, expression=self.column(of.other or of.table, of.columns[1]))
        )

    # conditions

    def literal(self, value: Cell) -> exp.Expr:
        return exp.convert(int(value) if isinstance(value, float) and value.is_integer() else value)

    def condition(self, each: Filter) -> exp.Expr:
        many = many_sided(self.path, self.root)
        if each.of.table in many and (each.negated or each.every):
            raise Unclear("a negation or 'and' about several rows at once")
        if each.op == "like" and (len(each.of.columns) > 1 or re.search(r"[%_]", str(each.values[0]).strip("%"))):
            raise Unclear("cannot match that pattern")
        column = self.value(each.of)
        values = [self.literal(value) for value in each.values]
        if each.op in COMPARE and not values:
            average = exp.select(exp.Avg(this=column.copy())).from_(self.table(each.of.table))
            return COMPARE[each.op](this=column, expression=exp.Subquery(this=average))
        if each.op == "null":
            found: exp.Expr = exp.Is(this=column, expression=exp.Null())
        elif each.op == "true":
            stored = self.catalog.flag(each.of) or (None, None)
            if stored[each.negated] is None:
                raise Unclear(f"{each.of.column} does not say which value means {'no' if each.negated else 'yes'}")
            return exp.EQ(this=column, expression=exp.convert(stored[each.negated]))
        elif each.op == "like":
            found = (exp.Like if self.dialect == "sqlite" else exp.ILike)(this=column, expression=values[0])
        elif each.op == "between":
            found = exp.Between(this=column, low=values[0], high=values[1])
        elif len(values) > 1:
            found = exp.In(this=column, expressions=values)
        elif each.negated and each.op == "=" and not each.through:
            return exp.NEQ(this=column, expression=values[0])
        else:
            found = COMPARE[each.op](this=column, expression=values[0])
        return exp.Not(this=found) if each.negated else found

    def during(self, period: Period) -> exp.Expr:
        of = period.of
        if of is None or (of.table in many_sided(self.path, self.root) and period.op == "!="):
            raise Unclear("cannot place the period")
        start, end = exp.convert(period.start), exp.convert(period.end)
        if self.catalog.is_year(of):
            if not (period.start.endswith("-01-01") and period.end.endswith("-01-01")):
                raise Unclear(f"{of.column} holds years, not days")
            start, end = exp.convert(int(period.start[:4])), exp.convert(int(period.end[:4]))
        column = self.value(of)
        whole = exp.and_(exp.GTE(this=column, expression=start), exp.LT(this=column.copy(), expression=end))
        bounds: dict[str, exp.Expr] = {
            "in": whole, "=": whole, ">": exp.GTE(this=column, expression=end), ">=": exp.GTE(this=column, expression=start),
            "<": exp.LT(this=column, expression=start), "<=": exp.LT(this=column, expression=end),
        }  # fmt: skip
        return bounds[period.op].copy()

    def missing(self, denied: Missing) -> exp.Expr:
        """That no such row belongs to the row at hand."""
        tables = denied.tables
        paths = graph(self.catalog.schema).paths({self.root}, tables[-1])
        met = {name for path in paths for edge in path for name in (edge.child, edge.parent)}
        path = list(paths[0]) if len(paths) == 1 else []
        if not 0 < len(path) <= 4 or not met >= set(tables):
            raise Unclear(f"cannot tell how {tables[-1]} is missing")
        first, *rest = path
        inner = first.child if first.parent == self.root else first.parent
        select = exp.select("1").from_(self.table(inner))
        seen = {inner, self.root}
        for edge in rest:
            other = edge.child if edge.parent in seen else edge.parent
            select = select.join(self.table(other), on=self.on(edge))
            seen.add(other)
        conditions = [self.condition(each) for each in denied.filters] + [self.during(each) for each in denied.periods]
        return exp.Not(this=exp.Exists(this=select.where(self.on(first), *conditions)))

    def on(self, edge: Edge) -> exp.Expr:
        return exp.EQ(this=self.column(edge.child, edge.column), expression=self.column(edge.parent, edge.references))

    def where(self, filters: Iterable[Filter]) -> list[exp.Expr]:
        own = [each for each in filters if not each.through]
        conditions = [self.condition(each) for each in own]
        through = [each for each in filters if each.through]
        if through:
            table, column = through[0].of.table, through[0].through
            references = self.catalog.self_references[(table, column)]
            inner = (
                exp.select(self.column(table, references))
                .from_(self.table(table))
                .where(*(self.condition(each) for each in through))
            )
            conditions.append(exp.In(this=self.column(table, column), query=exp.Subquery(this=inner)))
        return conditions

    def source(self, select: exp.Select, side: str = "") -> exp.Select:
        select = select.from_(self.table(self.root))
        seen = {self.root}
        for _ in self.path.edges:
            for edge in self.path.edges:
                if (edge.child in seen) != (edge.parent in seen):
                    other = edge.child if edge.parent in seen else edge.parent
                    select = select.join(self.table(other), on=self.on(edge), join_type=side)
                    seen.add(other)
        return select
