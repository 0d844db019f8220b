"""Deny by default: what may run is a SELECT over known tables with known functions, regenerated from its tree.

The text that a model wrote is never executed. It is parsed, every node is checked against allow-lists and every name
against the schema (`names.py`), the root LIMIT is lowered, and fresh SQL without comments is generated from the
checked tree. The engine's own locks (`engine.py`) stand behind all this.
"""

from __future__ import annotations

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.simplify import simplify

from lyceum.errors import ModelRetry, nearest
from lyceum.tables import Schema
from mcp_servers.sql.allowed import FUNCTIONS, NODES
from mcp_servers.sql.names import function_name, resolve

MOST_NODES = 4000  # of the tree: far above what a question needs, far below what makes checking slow
WIDEST = 1000  # characters that a format or a padding may add

_ROOTS = (exp.Select, exp.SetOperation)


def check(sql: str, schema: Schema, *, max_rows: int) -> str:
    """Return safe SQL for one read-only query; raises ModelRetry that says what to send instead."""
    try:
        tree = _parsed(sql, schema.dialect)
        _check_nodes(tree, schema.dialect)
        resolve(tree, schema)
        return _limited(tree, max_rows).sql(dialect=schema.dialect, comments=False, unsupported_level=ErrorLevel.IGNORE)
    except RecursionError:
        raise ModelRetry("The query is nested too deeply; send a flatter one, with CTEs.") from None


def _parsed(sql: str, dialect: str) -> exp.Query:
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns, quoting the query, of what is refused below
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=dialect) if statement is not None]
    except (SqlglotError, ValueError) as error:
        message = (str(error).splitlines() or ["it cannot be parsed"])[0].rstrip(".")
        raise ModelRetry(f"That is not valid {dialect} SQL: {message}.") from None
    if len(statements) != 1:
        raise ModelRetry("Send exactly one statement, a SELECT.")
    tree = statements[0]
    if not isinstance(tree, _ROOTS):
        raise ModelRetry(
            "Only SELECT queries (with CTEs and set operations) may run; nothing is changed, set, attached or "
            "explained here. sql_schema describes the tables."
        )
    return tree


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
            _check_width(node, name)
        elif kind not in NODES:
            raise ModelRetry(f"{kind.upper()} may not be used; send a plain SELECT.")
        if isinstance(node, exp.Select) and any(node.args.get(key) for key in ("into", "locks", "hint", "kind")):
            raise ModelRetry("A SELECT may neither write nor lock; leave out INTO and FOR UPDATE.")
        if isinstance(node, exp.Select) and not node.expressions:
            raise ModelRetry("A SELECT names at least one column; send SELECT column FROM table.")
        if isinstance(node, exp.DataType) and node.this in (exp.DType.USERDEFINED, exp.DType.UNKNOWN):
            raise ModelRetry(f"{node.sql(dialect=dialect)} is not a type to cast to; use TEXT, INTEGER, REAL or DATE.")


def _check_width(node: exp.Func, name: str) -> None:
    """A format, a padding or a repetition makes short texts long: how long has to be written, and be short."""
    if name in ("printf", "format"):
        given = next(iter(node.expressions), None) if name == "printf" else node.this
        text = given.name if isinstance(given, exp.Literal) and given.is_string else "*"
        wide = any(int(digits) > WIDEST for digits in re.findall(r"\d+", text)) or re.search(r"\*|\{[^}]*\{", text)
    elif name in ("pad", "repeat"):
        times = node.args["times" if name == "repeat" else "expression"]
        wide = not (isinstance(times, exp.Literal) and times.is_int and int(times.name) <= WIDEST)
    else:
        return
    if wide:
        raise ModelRetry(f"{name} takes a plain text or number here, and no width above {WIDEST}.")


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
