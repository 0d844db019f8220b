"""From a frame to one SELECT: what is shown of its rows, and whether counting or summing them stays true."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp

from models.offline.tables.frame import Aggregate, Unclear
from models.offline.tables.rows import COMPARE, Rows
from models.tables.entries import Candidate
from models.tables.graph import display_of, keys_of, many_sided
from models.tables.words import name_words

PERIODS = {
    ("sqlite", "year"): "STRFTIME('%Y', x)", ("sqlite", "month"): "STRFTIME('%Y-%m', x)",
    ("duckdb", "year"): "EXTRACT(YEAR FROM CAST(x AS DATE))", ("duckdb", "month"): "STRFTIME(CAST(x AS DATE), '%Y-%m')",
    ("postgres", "year"): "EXTRACT(YEAR FROM CAST(x AS DATE))", ("postgres", "month"): "TO_CHAR(CAST(x AS DATE), 'YYYY-MM')",
}  # fmt: skip


@dataclass(frozen=True)
class Built:
    sql: str
    columns: tuple[str, ...]


class Builder(Rows):
    """Builds the SELECT of a frame; raises `Unclear` where rows would be counted twice."""

    def figure(self, aggregate: Aggregate) -> exp.Expr:
        """The aggregate as an expression; summing a table whose rows the joins repeat is refused."""
        of = aggregate.of
        repeated = many_sided(self.path, of.table)
        if aggregate.function == "count" and of.kind == "table":
            keys = keys_of(self.catalog.tables[of.table])
            if not repeated and not self.keep_empty:
                return exp.Count(this=exp.Star())
            if len(keys) != 1:
                raise Unclear(f"{of.table} has no single key to count")
            key = self.column(of.table, keys[0])
            return exp.Count(this=exp.Distinct(expressions=[key]) if repeated else key)
        if aggregate.function == "count":
            columns: list[exp.Expr] = [self.column(of.table, name) for name in of.columns]
            if len(columns) > 1:
                raise Unclear("cannot count names")
            return exp.Count(this=exp.Distinct(expressions=columns))
        if repeated and aggregate.function in ("sum", "avg"):
            raise Unclear(f"joining {', '.join(sorted(repeated))} would repeat rows of {of.table}")
        function = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}[aggregate.function]
        if "cent" in name_words(of.column) and aggregate.unit == 1 and not self.frame.cents:
            raise Unclear(f"{of.column} holds cents: say in dollars, in euros or in cents")
        figure = function(this=self.value(of))
        return exp.Div(this=figure, expression=exp.Literal.number(aggregate.unit)) if aggregate.unit != 1 else figure

    def shown(self, of: Candidate) -> list[exp.Expr]:
        names = of.columns if of.columns else display_of(self.catalog.tables[of.table])
        return [self.column(of.table, name) for name in names]

    def keyed(self, of: Candidate) -> list[exp.Expr]:
        keys = keys_of(self.catalog.tables[of.table]) if of.kind in ("table", "name") else ()
        shown = self.shown(of)
        extra: list[exp.Expr] = [self.column(of.table, name) for name in keys]
        return [*(key for key in extra if key not in shown), *shown]

    def build(self) -> Built:
        frame = self.frame
        if frame.share:
            return self.share()
        if frame.having and frame.aggregates and not frame.group and not frame.select and not frame.order:
            return self.count_groups()
        if frame.aggregates and frame.aggregates[0].each:
            return self.average_group()
        if frame.group or frame.aggregates or frame.group_period:
            return self.finished(self.grouped_select())
        return self.finished(self.listed())

    def filtered(self, select: exp.Select, side: str = "") -> exp.Select:
        conditions = [*self.where(self.frame.filters), *(self.during(period) for period in self.periods)]
        conditions += [self.missing(each) for each in self.frame.anti]
        if self.frame.having or (self.frame.order and self.frame.limit):
            nullable = [
                each for each in self.frame.group if each.kind == "column" and self.catalog.column(each).nullable
            ]
            conditions += [exp.Not(this=exp.Is(this=self.value(each), expression=exp.Null())) for each in nullable]
        select = self.source(select, side)
        return select.where(*conditions) if conditions else select

    def listed(self) -> exp.Select:
        frame = self.frame
        self.root = frame.select[0].table
        many = many_sided(self.path, self.root)
        if len(frame.select) == 1 and not frame.order and self.names_itself(frame.select[0]):
            raise Unclear("the question already names what it asks for")
        shown = [column for each in frame.select for column in self.shown(each)]
        if frame.order and isinstance(frame.order.of, Candidate):
            if frame.order.of.table in many:
                raise Unclear(f"each {self.root} has several {frame.order.of.column}")
            extra = self.value(frame.order.of)
            shown += [extra] if extra not in shown else []
        plain = all(each.kind == "column" and not self.catalog.is_key(each) for each in frame.select)
        plain = plain and not any(
            self.catalog.is_number(each)
            or self.catalog.is_date(each)
            or each.column in display_of(self.catalog.tables[each.table])
            for each in frame.select
        )
        select = self.filtered(exp.select(*shown))
        if frame.best_of and frame.order and isinstance(frame.order.of, Candidate):
            return select.where(self.best(frame.order.of, frame.best_of, descending=frame.order.descending))
        if frame.order and isinstance(frame.order.of, Candidate):
            select = select.order_by(
                exp.Ordered(this=self.value(frame.order.of), desc=frame.order.descending, nulls_first=False)
            )
        return select.distinct() if frame.distinct or many or (plain and not frame.order) else select

    def best(self, of: Candidate, group: Candidate, *, descending: bool) -> exp.Expr:
        """That a row has the best value of its group, a column of the same table."""
        edge = next((each for each in self.path.edges if (each.child, each.parent) == (of.table, group.table)), None)
        by = edge.column if edge and group.kind in ("table", "name") else group.column if group.kind == "column" else ""
        if not by or (not edge and group.table != of.table) or of.table != self.root:
            raise Unclear("cannot tell what is best in each group")
        if self.frame.filters or self.periods or self.frame.anti:
            raise Unclear("cannot tell whether the conditions hold for the whole group")
        rival = exp.to_identifier("rival")
        best = (exp.Max if descending else exp.Min)(this=exp.Column(this=self.name(of.column), table=rival))
        same = exp.EQ(this=exp.Column(this=self.name(by), table=rival.copy()), expression=self.column(of.table, by))
        inner = exp.select(best).from_(exp.alias_(self.table(of.table), "rival", table=True)).where(same)
        return exp.EQ(this=self.value(of), expression=exp.Subquery(this=inner))

    def names_itself(self, of: Candidate) -> bool:
        """Whether a condition fixes the very name that would be shown."""
        fixed = {
            name
            for each in self.frame.filters
            if each.of.table == of.table and each.op == "=" and not (each.negated or each.through)
            for name in each.of.columns
        }
        return of.kind in ("table", "name") and fixed >= set(of.columns or display_of(self.catalog.tables[of.table]))

    def grouped_select(self) -> exp.Select:
        frame = self.frame
        keep = self.keep_empty and bool(frame.group)
        if keep:
            self.root = frame.group[0].table
            if frame.filters or self.periods or frame.anti or len(frame.group) > 1:
                raise Unclear("cannot tell whether groups without rows count")
        figures = list(dict.fromkeys([*frame.aggregates, *(each.aggregate for each in frame.having)]))
        order = frame.order
        if order and isinstance(order.of, Aggregate) and order.of not in figures:
            figures.append(order.of)
        groups = [column for each in frame.group for column in self.keyed(each)]
        shown = [column for each in frame.group for column in self.shown(each)]
        if self.grouped:
            period = self.part_of_date(self.grouped)
            groups.append(period)
            shown.append(exp.alias_(period, frame.group_period))
        if not groups and len({each.of.table for each in figures}) > 1:
            raise Unclear("figures of different tables")
        names = {each: self.alias(each) for each in figures}
        shown += [exp.alias_(self.figure(each), self.name(names[each])) for each in figures]
        shown += [
            column for each in frame.select for column in self.shown(each) if column in groups and column not in shown
        ]
        select = self.filtered(exp.select(*shown), "left" if keep else "")
        select = select.group_by(*groups) if groups else select
        if frame.having:
            select = select.having(
                *(
                    COMPARE[each.op](this=self.figure(each.aggregate), expression=self.literal(each.number))
                    for each in frame.having
                )
            )
        if order and isinstance(order.of, Aggregate):
            select = select.order_by(
                exp.Ordered(this=exp.Column(this=self.name(names[order.of])), desc=order.descending, nulls_first=False)
            )
        elif order and isinstance(order.of, Candidate):
            if not any(self.value(order.of) == group for group in groups):
                raise Unclear("orders groups by something they do not have")
            select = select.order_by(exp.Ordered(this=self.value(order.of), desc=order.descending, nulls_first=False))
        return select

    def part_of_date(self, of: Candidate) -> exp.Expr:
        if self.catalog.is_year(of):
            return self.value(of)
        tree = sqlglot.parse_one(PERIODS[self.dialect, self.frame.group_period], read=self.dialect)

        def filled(node: exp.Expr) -> exp.Expr:
            return self.value(of) if isinstance(node, exp.Column) else node

        return tree.transform(filled)

    def count_groups(self) -> Built:
        """How many rows of a table meet a condition on a count: `how many artists have more than 10 albums`."""
        counted = self.frame.aggregates[0]
        if counted.function != "count" or counted.of.kind != "table":
            raise Unclear("cannot count those groups")
        self.frame.aggregates, self.frame.group = [], [counted.of]
        inner = self.grouped_select()
        outer = exp.select(exp.alias_(exp.Count(this=exp.Star()), self.alias(counted))).from_(inner.subquery("counted"))
        return self.finished(outer)

    def average_group(self) -> Built:
        counted = self.frame.aggregates[0]
        if not self.frame.group or self.frame.order or self.frame.having or len(self.frame.aggregates) > 1:
            raise Unclear("an average of counts needs to say per what")
        self.frame.aggregates = [replace(counted, each=False)]
        inner = self.grouped_select()
        average = exp.Avg(this=exp.Column(this=self.name(self.alias(counted))))
        return self.finished(
            exp.select(exp.alias_(average, f"average_{self.alias(counted)}")).from_(inner.subquery("counted"))
        )

    def share(self) -> Built:
        frame = self.frame
        parts = [each for each in frame.filters if not each.base]
        if (
            frame.group
            or frame.group_period
            or frame.having
            or frame.order
            or frame.anti
            or len(frame.aggregates) != 1
            or not (parts or self.periods)
        ):
            raise Unclear("cannot tell what the share is of")
        of = frame.aggregates[0]
        self.root = of.of.table
        if (
            many_sided(self.path, self.root)
            or of.function not in ("count", "sum")
            or (of.function == "count" and of.of.kind != "table")
        ):
            raise Unclear("the share would count rows twice")
        whole = exp.convert(1) if of.function == "count" else self.value(of.of)
        condition = exp.and_(*self.where(parts), *(self.during(period) for period in self.periods))
        part = exp.Sum(this=exp.Case().when(condition, whole).else_(exp.convert(0)))
        total = exp.Count(this=exp.Star()) if of.function == "count" else exp.Sum(this=whole.copy())
        ratio = exp.Div(this=exp.Mul(this=exp.Literal.number("100.0"), expression=part), expression=total)
        select = self.source(exp.select(exp.alias_(ratio, "percentage")), "left")
        base = self.where([each for each in frame.filters if each.base])
        return self.finished(select.where(*base) if base else select)

    def alias(self, aggregate: Aggregate) -> str:
        words = name_words(aggregate.of.table) if aggregate.of.kind == "table" else name_words(aggregate.of.columns[-1])
        if aggregate.of.kind == "measure":
            words = ("total",) if len(aggregate.of.columns) > 1 else words
        noun = "_".join(words)
        form = {"count": "{}_count", "sum": "total_{}", "avg": "average_{}", "min": "lowest_{}", "max": "highest_{}"}
        return form[aggregate.function].format(noun).replace("total_total", "total")

    def finished(self, select: exp.Select) -> Built:
        if self.frame.limit and select.args.get("order"):
            select = select.limit(self.frame.limit)
        return Built(select.sql(self.dialect, pretty=False), tuple(select.named_selects))
