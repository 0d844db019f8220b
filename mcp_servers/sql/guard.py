"""Deny by default: what may run is a SELECT over known tables with known functions, regenerated from its tree.

The text that a model wrote is never executed. It is parsed, every node is checked against allow-lists and every name
against the schema (`names.py`), the root LIMIT is lowered, and fresh SQL without comments is generated from the
checked tree. The engine's own locks (`engine.py`) stand behind all this.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.simplify import simplify

from lyceum.errors import ModelRetry, nearest
from lyceum.tables import Schema
from mcp_servers.sql.allowed import FUNCTIONS, NODES
from mcp_servers.sql.names import function_name, resolve
from mcp_servers.sql.plain import as_query, check_describing, rewrite
from mcp_servers.sql.spelt import invalid, spelt_out, without_explain
from mcp_servers.sql.widths import check_width

MOST_NODES = 4000  # of the tree: far above what a question needs, far below what makes checking slow

_ROOTS = (exp.Select, exp.SetOperation)


@dataclass(frozen=True)
class Checked:
    """A query that may run: its tree, whether only its plan was asked for, and the nodes that name tables in it."""

    tree: exp.Query
    dialect: str
    tables: list[exp.Table]
    explain: bool = False

    @property
    def sql(self) -> str:
        return written(self.tree, self.dialect)


def written(tree: exp.Expr, dialect: str) -> str:
    """Generate SQL from a tree, without comments."""
    return tree.sql(dialect=dialect, comments=False, unsupported_level=ErrorLevel.IGNORE)


def check(
    sql: str, schema: Schema, *, max_rows: int, qualify: bool = True, define: Callable[[exp.Query], None] | None = None
) -> Checked:
    """Check one read-only query; raises ModelRetry that says what to send instead.

    An EXPLAIN in front of it asks for its plan: EXPLAIN ANALYZE would run it and is refused. `qualify` is off where
    the schema is a semantic layer's, whose tables are no database's; `define` puts its definitions in first.
    """
    try:
        text, explain = without_explain(sql, schema.dialect)
        tree = _parsed(text, schema.dialect)
        if define is not None:
            define(tree)
        _check_nodes(tree, schema.dialect)
        tables = resolve(tree, schema, qualify=qualify)
        if schema.dialect == "sqlite":
            tree = _without_bare_parentheses(tree)
        checked = Checked(_limited(tree, max_rows, schema.dialect), schema.dialect, tables, explain)
        assert checked.sql  # generating may recurse too deeply as well
    except RecursionError:
        raise ModelRetry("The query is nested too deeply; send a flatter one, with CTEs.") from None
    return checked


def _without_bare_parentheses(tree: exp.Query) -> exp.Query:
    """Write `(SELECT ...) UNION ...`, which SQLite does not read, as `SELECT * FROM (SELECT ...) UNION ...`."""
    for node in list(tree.find_all(exp.SetOperation)):
        for side in (node.this, node.expression):
            if isinstance(side, exp.Subquery):
                around = exp.select("*")
                side.replace(around)
                around.set("from_", exp.From(this=side))
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree)) if isinstance(tree, exp.Subquery) else tree


def _parsed(sql: str, dialect: str) -> exp.Query:
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns, quoting the query, of what is refused below
    text = spelt_out(sql, dialect)
    try:
        statements = [statement for statement in sqlglot.parse(text, dialect=dialect) if statement is not None]
    except (SqlglotError, ValueError) as error:
        raise invalid(error, dialect) from None
    if len(statements) != 1:
        raise ModelRetry("Send exactly one statement, a SELECT.")
    tree = as_query(statements[0], dialect)
    if not isinstance(tree, _ROOTS) and not (isinstance(tree, exp.Subquery) and isinstance(tree.unnest(), _ROOTS)):
        raise ModelRetry(
            "Only SELECT queries (with CTEs and set operations) may run; nothing is changed, set, attached or "
            "shown here. sql_schema describes the tables."
        )
    return rewrite(tree, dialect)


def _check_nodes(tree: exp.Expr, dialect: str) -> None:
    functions = FUNCTIONS[dialect]
    for count, node in enumerate(tree.walk()):
        node.pop_comments()
        if count > MOST_NODES:
            raise ModelRetry("The query is too long; send a shorter one.")
        kind = type(node).__name__
        if isinstance(node, exp.Func):
            name = function_name(node)
            if name not in functions or kind in ("AnonymousAggFunc", "CombinedAggFunc", "ParameterizedAgg"):
                raise ModelRetry(f"The function {name} is not allowed. {nearest(name, functions, what='functions')}")
            check_width(node, name)
        elif kind not in NODES:
            raise ModelRetry(f"{kind.upper()} may not be used; send a plain SELECT.")
        if isinstance(node, exp.Select):
            _check_select(node, dialect)
        if isinstance(node, (exp.Describe, exp.Summarize)):
            check_describing(node)
        if isinstance(node, exp.PositionalColumn) and not isinstance(node.this, exp.Literal):
            raise ModelRetry("Behind # stands a number; send ORDER BY #1.")
        if isinstance(node, exp.DataType) and node.this in (exp.DType.USERDEFINED, exp.DType.UNKNOWN):
            raise ModelRetry(f"{node.sql(dialect=dialect)} is not a type to cast to; use TEXT, INTEGER, REAL or DATE.")
        if isinstance(node, exp.Dot) and dialect != "duckdb":  # to PostgreSQL, `(row).f` may call a function
            raise ModelRetry("Name columns as column or table.column; fields of a row are not read here.")


def _check_select(node: exp.Select, dialect: str) -> None:
    if any(node.args.get(key) for key in ("into", "locks", "hint", "kind")):
        raise ModelRetry("A SELECT may neither write nor lock; leave out INTO and FOR UPDATE.")
    if not node.expressions and not (dialect == "postgres" and isinstance(node.parent, exp.Exists)):
        raise ModelRetry("A SELECT names at least one column; send SELECT column FROM table.")


def _limited(tree: exp.Query, max_rows: int, dialect: str) -> exp.Query:
    """Lower the root LIMIT in the tree (one row more than asked tells whether there were more)."""
    most, limit = max_rows + 1, tree.args.get("limit")
    if limit is None:
        return tree.limit(most, copy=False)
    options = limit.args.get("limit_options")
    if isinstance(options, exp.LimitOptions) and (options.args.get("percent") or options.args.get("with_ties")):
        alias = exp.TableAlias(this=exp.to_identifier("some_rows"))
        if dialect != ("postgres" if options.args.get("with_ties") else "duckdb"):
            raise ModelRetry("LIMIT takes a number of rows here; leave out PERCENT and WITH TIES.")
        return exp.select("*").from_(exp.Subquery(this=tree, alias=alias)).limit(most)
    if isinstance(limit.expression, exp.Var) and limit.expression.name.upper() == "ALL":
        return tree.limit(most, copy=False)
    asked = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
    asked = exp.Literal.number(1) if asked is None else simplify(asked.copy())
    if isinstance(asked, exp.Neg):  # to SQLite, any number of rows
        lowered: exp.Expr = exp.Literal.number(most)
    elif isinstance(asked, exp.Literal) and re.fullmatch(r"[0-9.]+", asked.name):
        lowered = exp.Literal.number(min(int(float(asked.name)), most))
    else:
        lowered = exp.Least(this=asked, expressions=[exp.Literal.number(most)])
    return tree.limit(lowered, copy=False)
