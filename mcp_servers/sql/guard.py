"""Deny by default: what may run is a SELECT over known tables with known functions, regenerated from its tree.

The text that a model wrote is never executed. It is parsed, every node is checked against allow-lists and against the
schema, the root LIMIT is lowered, and fresh SQL without comments is generated from the checked tree.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from lyceum.errors import ModelRetry, nearest
from lyceum.tables import Schema

_ROOTS = (exp.Select, exp.SetOperation)

# Plain functions by their SQL name; everything else that calls is refused, typed or not.
_FUNCTIONS = frozenset(
    """
    abs avg case cast ceil ceiling char_length coalesce concat concat_ws count cume_dist current_date date
    date_add date_diff date_part date_sub date_trunc datetime day day_of_month day_of_week day_of_year
    dayofmonth dayofweek dayofyear dense_rank epoch exists extract first first_value floor greatest group_concat
    hour if ifnull iif instr julianday lag last last_value lead least left length like ln log log10 lower ltrim
    max median min minute mod month nth_value ntile nullif pow power percent_rank percentile_cont quantile
    quantile_cont quarter rank replace right round row_number rtrim second sign sqrt stddev stddev_pop
    stddev_samp stdev str_position strftime string_agg stringagg strpos sub_string substr substring sum time
    time_to_str timestamp total trim trunc try_cast ts_or_ds_to_date ts_or_ds_to_timestamp upper var_pop
    var_samp variance week year array_agg str_to_time date_str_to_date timestamp_trunc datetime_trunc datediff
    dateadd unixepoch typeof and or xor not between in is glob json_extract coalesce current_timestamp make_date
    last_day
    """.split()
)

_FORBIDDEN = (
    exp.Into,
    exp.Lock,
    exp.Command,
    exp.Pragma,
    exp.Parameter,
    exp.Placeholder,
    exp.SessionParameter,
    exp.Lateral,
    exp.Unnest,
    exp.Attach,
    exp.Copy,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TableFromRows,
)
_ROOT_KINDS = (exp.Select, exp.SetOperation, exp.Subquery)


def check(sql: str, schema: Schema, *, max_rows: int) -> str:
    """Return safe SQL for one read-only query; raises ModelRetry that says what to send instead."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=schema.dialect) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        raise ModelRetry(f"That is not valid {schema.dialect} SQL: {_first_line(error)}.") from None
    if len(statements) != 1:
        raise ModelRetry("Send exactly one statement.")
    tree = statements[0]
    if not isinstance(tree, _ROOTS):
        raise ModelRetry("Only SELECT queries (with CTEs and set operations) may run.")
    _check_nodes(tree)
    _check_tables(tree, schema)
    known: dict[str, object] = {
        table.name: {column.name: column.type or "TEXT" for column in table.columns} for table in schema.tables
    }
    try:
        qualify(
            tree.copy(), schema=known, dialect=schema.dialect, quote_identifiers=False, validate_qualify_columns=True
        )
    except (SqlglotError, RecursionError) as error:
        raise ModelRetry(_unknown_column(_first_line(error), schema)) from None
    return _limited(tree, max_rows).sql(dialect=schema.dialect, comments=False)


def _check_nodes(tree: exp.Expr) -> None:
    for node in tree.walk():
        node.pop_comments()
        if isinstance(node, _FORBIDDEN) and not isinstance(node, _ROOT_KINDS):
            raise ModelRetry(f"{type(node).__name__.upper()} may not be used; send a plain SELECT.")
        if isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
            if name not in _FUNCTIONS:
                raise ModelRetry(f"The function {name} is not allowed. {nearest(name, _FUNCTIONS, what='functions')}")


def _check_tables(tree: exp.Expr, schema: Schema) -> None:
    names = {table.name.lower(): table.name for table in schema.tables}
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.args.get("db") or table.args.get("catalog"):
            raise ModelRetry("Name tables plainly, without schema, file or table function.")
        if table.name.lower() not in names and table.name.lower() not in ctes:
            raise ModelRetry(f"There is no table {table.name!r}. {nearest(table.name, names.values(), what='tables')}")


def _limited(tree: exp.Expr, max_rows: int) -> exp.Expr:
    """Lower the root LIMIT in the tree (one row more than asked tells whether there were more)."""
    limit = tree.args.get("limit")
    asked = limit.expression if isinstance(limit, exp.Limit) else None
    if isinstance(asked, exp.Literal) and asked.is_int and int(asked.this) <= max_rows:
        return tree
    if not isinstance(tree, exp.Query):
        raise ModelRetry("Only SELECT queries may run.")
    return tree.limit(max_rows + 1, copy=True)


def _unknown_column(message: str, schema: Schema) -> str:
    columns = sorted({column.name for table in schema.tables for column in table.columns})
    quoted = message.split("'")
    named = quoted[1].split(".")[-1].strip('"') if len(quoted) > 1 else ""
    return f"{message}. {nearest(named, columns, what='columns')}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
