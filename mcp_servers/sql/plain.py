"""What can be written in several ways is written in one, before it is checked: what a check reads is what will run.

`x.f(y)` becomes `f(x, y)`, so that no function hides from its limits; an arrow inside a function is the arrow of JSON
where that function takes no lambda; a padding whose width is computed is bounded; VALUES, DESCRIBE and SUMMARIZE
become what a SELECT reads from.
"""

from __future__ import annotations

from typing import cast

import sqlglot
from sqlglot import exp

from lyceum.errors import ModelRetry
from mcp_servers.sql.names import function_name
from mcp_servers.sql.widths import bound_width

_TAKE_LAMBDAS = frozenset(
    """
    apply array_apply array_filter array_reduce array_transform columns filter list_apply list_filter list_reduce
    list_transform reduce transform
    """.split()
)
_DESCRIBING = (exp.Describe, exp.Summarize)
_BEHIND = ("order", "limit", "offset")


def as_query(tree: exp.Expr, dialect: str) -> exp.Expr:
    """Put what lists, describes or turns rows behind SELECT * FROM; any other statement stays as it is."""
    if isinstance(tree, exp.Values):
        around = exp.select("*", dialect=dialect)
        for key in _BEHIND:
            around.set(key, tree.args.pop(key, None))
        return around.from_(exp.alias_(tree, "v", table=True))
    if dialect == "duckdb" and isinstance(tree, (exp.Pivot, *_DESCRIBING)):
        if isinstance(tree.this, exp.Subquery) and not tree.this.alias and isinstance(tree, _DESCRIBING):
            tree.set("this", tree.this.unnest())
        return exp.select("*", dialect=dialect).from_(exp.Subquery(this=tree))
    return tree


def check_describing(node: exp.Expr) -> None:
    """Raise ModelRetry for a DESCRIBE or SUMMARIZE of anything but a table or a query."""
    options = [key for key, value in node.args.items() if key != "this" and value]
    if options or not isinstance(node.this, (exp.Table, exp.Select, exp.SetOperation)):
        raise ModelRetry(f"{type(node).__name__.upper()} takes the name of a table, or a SELECT.")


def rewrite(tree: exp.Query, dialect: str) -> exp.Query:
    """Rewrite a parsed query in place, innermost first."""
    if dialect == "duckdb":
        for dot in reversed(list(tree.find_all(exp.Dot))):
            if isinstance(dot.expression, exp.Func):
                dot.replace(_called(dot))
        for arrow in reversed(list(tree.find_all(exp.Lambda))):
            _read_json(arrow)
    for node in reversed(list(tree.find_all(exp.Repeat, exp.Pad))):
        bound_width(node)
    if dialect == "postgres":
        for node in list(tree.find_all(exp.CurrentTime)):
            if node.this is None:  # it would be written with parentheses
                node.replace(exp.Var(this="CURRENT_TIME"))
        for node in list(tree.find_all(exp.Hex, exp.LowerHex)):
            node.replace(exp.Anonymous(this="to_hex", expressions=[node.this]))
        for node in list(tree.find_all(exp.JSONObjectAgg)):
            pair = node.expressions[0] if node.expressions else None
            if isinstance(pair, exp.JSONKeyValue):
                node.replace(exp.func("json_object_agg", pair.this, pair.expression, dialect=dialect))
    return tree


def _called(dot: exp.Dot) -> exp.Expr:
    function = dot.expression
    if not isinstance(function, exp.Anonymous):
        raise ModelRetry(f"Write {function_name(cast('exp.Func', function))}(x) in place of a call behind a dot.")
    given = [dot.this, *function.expressions]
    text = ", ".join(part.sql(dialect="duckdb", comments=False) for part in given)
    return sqlglot.parse_one(f"{function.name}({text})", dialect="duckdb")


def _read_json(arrow: exp.Lambda) -> None:
    """Make `f(tags -> 'a')` of what the parser takes for a lambda: its text or number is a path then."""
    around = arrow.parent
    first = arrow.arg_key in ("this", "expressions") and not arrow.index
    while isinstance(around, (exp.Order, exp.Ordered, exp.Distinct)):
        around = around.parent
    name = function_name(around) if isinstance(around, exp.Func) else ""
    if name in _TAKE_LAMBDAS and (not first or name == "columns" or arrow.arg_key == "expression"):
        return
    parameter, leaf = arrow.expressions[0], arrow.this
    while isinstance(leaf, (exp.Binary, exp.Cast)):
        leaf = leaf.this
    if len(arrow.expressions) != 1 or not isinstance(leaf, exp.Literal):
        return
    for name in list(arrow.this.find_all(exp.Identifier)):
        if name.name == parameter.name and not isinstance(name.parent, exp.Column):
            name.replace(exp.column(name.copy()))
    path = sqlglot.Dialect.get_or_raise("duckdb").to_json_path(leaf.copy())
    extracted = exp.JSONExtract(this=exp.column(parameter.copy()), expression=path)
    if leaf is arrow.this:
        arrow.replace(extracted)
    else:
        leaf.replace(extracted)
        arrow.replace(arrow.this)
