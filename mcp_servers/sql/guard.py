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
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.simplify import simplify
from sqlglot.tokenizer_core import Token, TokenType

from lyceum.errors import ModelRetry, nearest
from lyceum.tables import Schema
from mcp_servers.sql.allowed import FUNCTIONS, NODES
from mcp_servers.sql.names import function_name, resolve
from mcp_servers.sql.widths import check_width

MOST_NODES = 4000  # of the tree: far above what a question needs, far below what makes checking slow

_ROOTS = (exp.Select, exp.SetOperation)
_EXPLAIN_OPTIONS = frozenset("COSTS OFF ON TRUE FALSE VERBOSE FORMAT TEXT QUERY PLAN ( ) ,".split())


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
        text, explain = _without_explain(sql, schema.dialect)
        tree = _parsed(text, schema.dialect)
        if define is not None:
            define(tree)
        _check_nodes(tree, schema.dialect)
        tables = resolve(tree, schema, qualify=qualify)
        if schema.dialect == "sqlite":
            tree = _without_bare_parentheses(tree)
        checked = Checked(_limited(tree, max_rows), schema.dialect, tables, explain)
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


def _tokens(sql: str, dialect: str) -> list[Token]:
    try:
        return sqlglot.tokenize(sql, dialect=dialect)
    except (SqlglotError, ValueError) as error:
        raise _invalid(error, dialect) from None


def _without_explain(sql: str, dialect: str) -> tuple[str, bool]:
    tokens = _tokens(sql, dialect)
    if not tokens or tokens[0].text.upper() != "EXPLAIN":
        return sql, False
    # The tokenizer takes what follows EXPLAIN for one piece of text.
    rest = sql[tokens[0].end + 1 :]
    after = _tokens(rest, dialect)
    start = next((token.start for token in after if token.text.upper() not in _EXPLAIN_OPTIONS), len(rest))
    if rest[start:].upper().startswith("ANALY"):
        raise ModelRetry("EXPLAIN ANALYZE runs a query; send EXPLAIN SELECT ..., or the SELECT itself.")
    opened = rest[:start].rstrip()
    return rest[start - 1 if opened.endswith("(") and ")" not in opened else start :], True


def _parsed(sql: str, dialect: str) -> exp.Query:
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns, quoting the query, of what is refused below
    tokens = _tokens(sql, dialect)
    _check_numbers(tokens)
    if dialect == "duckdb" and tokens and tokens[0].text.upper() in ("PIVOT", "UNPIVOT"):
        sql = _pivot_as_source(sql, tokens)
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=dialect) if statement is not None]
    except (SqlglotError, ValueError) as error:
        raise _invalid(error, dialect) from None
    if len(statements) != 1:
        raise ModelRetry("Send exactly one statement, a SELECT.")
    tree = statements[0]
    if isinstance(tree, exp.Pivot) and dialect == "duckdb":
        tree = exp.select("*", dialect=dialect).from_(exp.Subquery(this=tree))
    elif isinstance(tree, exp.Values):
        tree = exp.select("*", dialect=dialect).from_(exp.alias_(tree, "v", table=True))
    if not isinstance(tree, _ROOTS) and not (isinstance(tree, exp.Subquery) and isinstance(tree.unnest(), _ROOTS)):
        raise ModelRetry(
            "Only SELECT queries (with CTEs and set operations) may run; nothing is changed, set, attached or "
            "shown here. sql_schema describes the tables."
        )
    return tree


def _invalid(error: Exception, dialect: str) -> ModelRetry:
    message = (str(error).splitlines() or ["it cannot be parsed"])[0].rstrip(".")
    return ModelRetry(f"That is not valid {dialect} SQL: {message}.")


def _check_numbers(tokens: list[Token]) -> None:
    """Refuse `0x1F` where the parser would read it as `0 AS x1F`."""
    for number, after in pairwise(tokens):
        if number.token_type == TokenType.NUMBER and after.start == number.end + 1 and after.text[:1].isalpha():
            raise ModelRetry(f"{number.text}{after.text} is no number here; write it in decimal digits.")


def _pivot_as_source(sql: str, tokens: list[Token]) -> str:
    """Put a PIVOT statement where a table stands, and what orders and limits it behind."""
    depth, end = 0, len(sql)
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0 and token.token_type in (TokenType.ORDER_BY, TokenType.LIMIT, TokenType.SEMICOLON):
            end = token.start
            break
    return f"SELECT * FROM ({sql[:end]}\n) {sql[end:]}"  # noqa: S608 - text to parse and check, never to run


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
        if isinstance(node, exp.DataType) and node.this in (exp.DType.USERDEFINED, exp.DType.UNKNOWN):
            raise ModelRetry(f"{node.sql(dialect=dialect)} is not a type to cast to; use TEXT, INTEGER, REAL or DATE.")
        if isinstance(node, exp.Dot) and dialect != "duckdb":  # to PostgreSQL, `(row).f` may call a function
            raise ModelRetry("Name columns as column or table.column; fields of a row are not read here.")


def _check_select(node: exp.Select, dialect: str) -> None:
    if any(node.args.get(key) for key in ("into", "locks", "hint", "kind")):
        raise ModelRetry("A SELECT may neither write nor lock; leave out INTO and FOR UPDATE.")
    if not node.expressions and not (dialect == "postgres" and isinstance(node.parent, exp.Exists)):
        raise ModelRetry("A SELECT names at least one column; send SELECT column FROM table.")


def _limited(tree: exp.Query, max_rows: int) -> exp.Query:
    """Lower the root LIMIT in the tree (one row more than asked tells whether there were more)."""
    most, limit = max_rows + 1, tree.args.get("limit")
    if limit is None:
        return tree.limit(most, copy=False)
    options = limit.args.get("limit_options")
    if isinstance(options, exp.LimitOptions) and (options.args.get("percent") or options.args.get("with_ties")):
        raise ModelRetry("LIMIT takes a number of rows; leave out PERCENT and WITH TIES.")
    asked = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
    asked = exp.Literal.number(1) if asked is None else simplify(asked.copy())
    if isinstance(asked, exp.Neg):  # to SQLite, any number of rows
        lowered: exp.Expr = exp.Literal.number(most)
    elif isinstance(asked, exp.Literal) and re.fullmatch(r"[0-9.]+", asked.name):
        lowered = exp.Literal.number(min(int(float(asked.name)), most))
    else:
        lowered = exp.Least(this=asked, expressions=[exp.Literal.number(most)])
    return tree.limit(lowered, copy=False)
