"""Slips around values in a written query: a name compared with a key, a month spelled out, a date against seconds."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from lyceum.tables import Column
from models.tables import Candidate

FindColumn = Callable[[exp.Column], Column | None]
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?([ T].*)?")
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_EPOCH = 100_000_000  # seconds: March 1973; smaller whole numbers are no dates
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def keep_missing_out(tree: exp.Expr) -> None:
    """`NOT IN (a list with a NULL)` is never true: leave the missing out of the list."""
    for inside in tree.find_all(exp.In):
        query = inside.args.get("query")
        listed = query.this if isinstance(query, exp.Subquery) else None
        if not isinstance(inside.parent, exp.Not) or not isinstance(listed, exp.Select) or len(listed.expressions) != 1:
            continue
        column = listed.expressions[0].unalias()
        if isinstance(column, exp.Column):
            listed.where(exp.not_(exp.Is(this=column.copy(), expression=exp.Null())), copy=False)


def read_time(tree: exp.Expr, column_of: FindColumn) -> None:
    """Years and dates as the columns keep them: whole years as they are, seconds since 1970 through the calendar."""
    for call in [*tree.find_all(exp.Year), *tree.find_all(exp.Month)]:
        inner = call.this.this if isinstance(call.this, exp.TsOrDsToDate) else call.this
        column = column_of(inner) if isinstance(inner, exp.Column) else None
        if column is None:
            continue
        part = "%Y" if isinstance(call, exp.Year) else "%m"
        plain = column.affinity == "integer" and not _seconds(column)
        call.replace(inner.copy() if plain else exp.cast(_strftime(part, inner, column), "INTEGER"))
    for call in list(tree.find_all(exp.TimeToStr)):
        inner = next(iter(call.this.find_all(exp.Column)), None)
        column = column_of(inner) if inner is not None else None
        if inner is not None and column is not None and _seconds(column):
            call.replace(_strftime(call.args["format"].name, inner, column))
    for compared in [*tree.find_all(*_COMPARISONS), *tree.find_all(exp.Between)]:
        left = compared.this
        column = column_of(left) if isinstance(left, exp.Column) else None
        bounds = [compared.args.get(key) for key in ("expression", "low", "high")]
        texts = [bound for bound in bounds if isinstance(bound, exp.Literal) and bound.is_string]
        if column is None or column.affinity != "integer" or not texts:
            continue
        if _seconds(column) and all(_DATE.fullmatch(text.name) for text in texts):
            left.replace(exp.func("DATE", left.copy(), exp.Literal.string("unixepoch")))
        for text in texts:
            if (month := _MONTHS.get(text.name.lower())) is not None:
                text.replace(exp.Literal.number(month))


def _strftime(part: str, column: exp.Expr, described: Column) -> exp.Expr:
    seconds = [exp.Literal.string("unixepoch")] if _seconds(described) else []
    return exp.Anonymous(this="STRFTIME", expressions=[exp.Literal.string(part), column.copy(), *seconds])


def _seconds(column: Column) -> bool:
    numbers = [value for value in column.values if isinstance(value, int)]
    return column.affinity == "integer" and bool(numbers) and min(numbers) > _EPOCH


def fixed_columns(select: exp.Select) -> set[str]:
    """Names of the columns that the WHERE holds to one value: listing them says nothing."""
    where = select.args.get("where")
    parts = where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    return {
        part.this.name.casefold()
        for part in parts
        if isinstance(part, exp.EQ)
        and isinstance(part.this, exp.Column)
        and isinstance(part.expression, (exp.Literal, exp.Boolean))
    }


def misplaced(tree: exp.Expr, values: Sequence[Candidate]) -> list[tuple[exp.Binary, Candidate]]:
    """Comparisons with a value that the question's words were found as in one other column, and in no other."""
    homes = _homes(values)
    found: list[tuple[exp.Binary, Candidate]] = []
    for compared in tree.find_all(exp.EQ, exp.Like, exp.ILike):
        text = _text_of(compared)
        known = homes.get(text, []) if text else []
        if len(known) == 1 and known[0].column.casefold() != compared.this.name.casefold():
            found.append((compared, known[0]))
    return found


def keep_one_alternative(select: exp.Select, values: Sequence[Candidate]) -> None:
    """Of `Country = 'Peru' OR BillingCountry = 'Peru'` keep the column that the question means: it named one thing."""
    homes = _homes(values)
    for either in list(select.find_all(exp.Or)):
        if isinstance(either.parent, exp.Or):
            continue
        leaves = [leaf.unnest() for leaf in either.flatten()]
        texts = {_text_of(leaf) for leaf in leaves}
        columns = {(leaf.this.table.casefold(), leaf.this.name.casefold()) for leaf in leaves if _text_of(leaf)}
        text = next(iter(texts))
        if len(texts) > 1 or not text or len(columns) < len(leaves):
            continue
        meant = {value.column.casefold() for value in homes.get(text, [])}
        kept = next((leaf for leaf in leaves if leaf.this.name.casefold() in meant), leaves[0])
        either.replace(kept.copy())


def _homes(values: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    homes: dict[str, list[Candidate]] = {}
    for value in values:
        known = homes.setdefault(str(value.value).casefold(), [])
        if value.place not in [each.place for each in known]:
            known.append(value)
    return homes


def _text_of(compared: exp.Expr) -> str:
    """The text that a column is compared with, in small letters and without wildcards; empty for other conditions."""
    if not isinstance(compared, (exp.EQ, exp.Like, exp.ILike)) or not isinstance(compared.this, exp.Column):
        return ""
    literal = compared.expression
    return literal.name.strip("%").casefold() if isinstance(literal, exp.Literal) and literal.is_string else ""
