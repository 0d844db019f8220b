"""Queries over a semantic layer: metrics become their definitions, and models the part of their table they show."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from lyceum.errors import LyceumError, ModelRetry, UserError, nearest
from lyceum.tables import Column, ForeignKey, Metric, Schema, Table
from mcp_servers.sql.files import Database
from mcp_servers.sql.guard import check, written
from mcp_servers.sql.introspect import describe_column, quoted
from mcp_servers.sql.semantic import Layer, Model

_ALL_ROWS = 2**31


class Modelled:
    """A layer bound to a database: `schema` is what agents see; raises UserError where the two do not agree."""

    def __init__(self, layer: Layer, database: Database, physical: Schema) -> None:
        self.layer = layer
        self._dialect = physical.dialect
        self._bodies = {model.name.lower(): self._body(model, physical) for model in layer.models}
        self.schema = Schema(
            database=physical.database,
            dialect=physical.dialect,
            tables=tuple(self._table(model, database, physical) for model in layer.models),
        )
        self._metrics = {
            (model.name.lower(), metric.name.lower()): self._metric(model, metric.name, metric.expression)
            for model in layer.models
            for metric in model.metrics
        }

    def source(self, model: str) -> str:
        """Return what stands after FROM for a model."""
        return f"({written(self._bodies[model.lower()], self._dialect)}) AS {quoted(model)}"

    def _body(self, model: Model, physical: Schema) -> exp.Query:
        columns = ", ".join(f"{d.expression or quoted(d.name)} AS {quoted(d.name)}" for d in model.dimensions)
        for dimension in model.dimensions:  # one by one first, so that an error names its place
            alone = dimension.expression or quoted(dimension.name)
            self._checked(f"SELECT {alone} FROM {model.table}", physical, f"{model.name}.dimensions.{dimension.name}")  # noqa: S608
        where = f" WHERE {model.where}" if model.where else ""
        return self._checked(f"SELECT {columns} FROM {model.table}{where}", physical, model.name)  # noqa: S608

    def _checked(self, sql: str, schema: Schema, place: str, *, qualify: bool = True) -> exp.Query:
        try:
            tree = check(sql, schema, max_rows=_ALL_ROWS, qualify=schema is not getattr(self, "schema", None)).tree
        except ModelRetry as error:
            raise UserError(
                f"The semantic layer and the database disagree at models.{place}: {error.message}"
            ) from None
        tree.set("limit", None)
        return tree

    def _metric(self, model: Model, name: str, expression: str) -> exp.Expr:
        place = f"{model.name}.metrics.{name}"
        tree = self._checked(f"SELECT {expression} FROM {model.name}", self.schema, place, qualify=False)  # noqa: S608
        found = tree.selects[0]
        if found.find(exp.AggFunc) is None:
            raise UserError(
                f"The metric {name} of models.{model.name} aggregates nothing.",
                next_step="Write an aggregate over its dimensions, such as sum(amount).",
            )
        return found.unalias()

    def _table(self, model: Model, database: Database, physical: Schema) -> Table:
        below = next(table for table in physical.tables if table.name.lower() == model.table.lower())
        known = {column.name.lower(): column for column in below.columns}
        columns: list[Column] = []
        for dimension in model.dimensions:
            column = known.get((dimension.expression or dimension.name).lower())
            if column is None or model.where:
                try:
                    column = describe_column(database, self.source(model.name), dimension.name, "", nullable=True)
                except LyceumError as error:
                    place = f"models.{model.name}.dimensions.{dimension.name}"
                    raise UserError(f"The semantic layer does not work at {place}: {error.message}") from None
            columns.append(
                column.model_copy(
                    update={
                        "name": dimension.name,
                        "description": dimension.description,
                        "synonyms": dimension.synonyms,
                    }
                )
            )
        return Table(
            name=model.name,
            columns=tuple(columns),
            primary_key=model.primary_key,
            foreign_keys=tuple(
                ForeignKey(column=own, table=join.model, references=their)
                for join in model.joins
                if join.kind != "one_to_many"
                for own, their in join.keys.items()
            ),
            rows=None if model.where else below.rows,
            description=model.description,
            synonyms=model.synonyms,
            metrics=tuple(Metric(name=m.name, description=m.description, synonyms=m.synonyms) for m in model.metrics)
            or None,
        )

    def define(self, tree: exp.Query) -> None:
        """Put its definition, in place, where a query says MEASURE(metric)."""
        for call in list(tree.find_all(exp.Anonymous)):
            if call.name.lower() == "measure":
                call.replace(self._definition(call))

    def _definition(self, call: exp.Anonymous) -> exp.Expr:
        given = call.expressions[0] if len(call.expressions) == 1 else None
        if not isinstance(given, exp.Column):
            raise ModelRetry("MEASURE takes the name of one metric, as MEASURE(revenue) or MEASURE(sales.revenue).")
        select = call.find_ancestor(exp.Select)
        sources = _models_in(select, self.layer) if select is not None else {}
        owners = [
            (alias, model)
            for alias, model in sources.items()
            if (model, given.name.lower()) in self._metrics and given.table.lower() in ("", alias)
        ]
        if len(owners) != 1:
            known = [f"{model}.{metric}" for model, metric in self._metrics]
            reason = "is of more than one model here" if owners else "is no metric of a model after FROM or JOIN here"
            raise ModelRetry(f"{given.sql()} {reason}. {nearest(given.name, known, what='metrics')}")
        alias, model = owners[0]
        beside = set(sources.values()) - self.layer.reached_from(model)
        if beside or list(sources.values()).count(model) > 1:
            other = next(iter(beside), model)
            raise ModelRetry(
                f"MEASURE({given.name}) would count rows of {model} several times, because {other} is joined to it; "
                f"group {model} in a CTE first, and join that."
            )
        definition = self._metrics[model, given.name.lower()].copy()
        for column in definition.find_all(exp.Column):
            column.set("table", exp.to_identifier(alias, quoted=alias != alias.lower()))
        return exp.Paren(this=definition)

    def expanded(self, tree: exp.Query, models: list[exp.Table]) -> exp.Query:
        """Put, in a copy, what each model shows of its table where the model stands; `models` are nodes of `tree`."""
        places = {id(table) for table in models}
        marked = [n for n, node in enumerate(tree.walk()) if id(node) in places]
        copy = tree.copy()
        nodes = list(copy.walk())
        for n in marked:
            table = cast("exp.Table", nodes[n])
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
            rest = {key: table.args.get(key) for key in ("joins", "pivots", "sample") if table.args.get(key)}
            table.replace(exp.Subquery(this=self._bodies[table.name.lower()].copy(), alias=alias, **rest))
        return copy


def _models_in(select: exp.Select, layer: Layer) -> dict[str, str]:
    """Models by alias, both in lower case, of the FROM and JOINs of one SELECT."""
    start = select.args.get("from_")
    joins = cast("list[exp.Join]", select.args.get("joins") or [])
    sources = [start.this] if isinstance(start, exp.From) else []
    sources += [join.this for join in joins]
    return {
        source.alias_or_name.lower(): source.name.lower()
        for source in sources
        if isinstance(source, exp.Table) and layer.model(source.name)
    }
