"""A frame in one plain sentence."""

from __future__ import annotations

from models.offline.tables.comparisons import OPPOSITE
from models.offline.tables.frame import Aggregate, Filter, Frame, Period
from models.tables.entries import Candidate


def _noun(of: Candidate) -> str:
    return (
        of.table
        if of.kind == "table"
        else f"{of.table}.{' * '.join(of.columns)}"
        if of.kind == "measure"
        else f"{of.table}.{' '.join(of.columns)}"
    )


def _figure(aggregate: Aggregate) -> str:
    verb = {
        "count": "Counted",
        "sum": "Added up",
        "avg": "Averaged",
        "min": "Took the lowest",
        "max": "Took the highest",
    }
    return f"{verb[aggregate.function]} {_noun(aggregate.of)}"


def _condition(each: Filter) -> str:
    names = {"=": "is", "like": "matches", "null": "is missing", "true": "is true", "between": "is between"}
    values = " or ".join(map(str, each.values)) or ("the average" if each.op in OPPOSITE else "")
    return f"{_noun(each.of)} {'not ' if each.negated else ''}{names.get(each.op, each.op)} {values}".strip()


def _span(each: Period) -> str:
    return f"the date is {each.op} {each.start} up to {each.end} (exclusive)"


def explain(frame: Frame) -> str:
    """The query in one plain sentence."""
    figures = list(dict.fromkeys([*frame.aggregates, *(each.aggregate for each in frame.having)]))
    if frame.order and isinstance(frame.order.of, Aggregate) and frame.order.of not in figures:
        figures.append(frame.order.of)
    text = (
        " and ".join(_figure(each) for each in figures) or f"Listed {', '.join(_noun(each) for each in frame.select)}"
    )
    text = f"Took the share in percent: {text[0].lower()}{text[1:]}" if frame.share else text
    groups = [*(_noun(each) for each in frame.group), *([frame.group_period] if frame.group_period else [])]
    text += f" per {' and '.join(groups)}" if groups else ""
    where = [*map(_condition, frame.filters), *map(_span, frame.periods)]
    for each in frame.anti:
        limits = " and ".join([*map(_condition, each.filters), *map(_span, each.periods)])
        where.append(f"there is no {each.tables[-1]}" + (f" with {limits}" if limits else ""))
    where += [f"the figure is {each.op} {each.number:g}" for each in frame.having]
    text += f", where {' and '.join(where)}" if where else ""
    if frame.order and frame.limit:
        text += f", and kept the {'largest' if frame.order.descending else 'smallest'}{f' {frame.limit}' if frame.limit > 1 else ''}"
        text += f" by {_noun(frame.order.of)}" if isinstance(frame.order.of, Candidate) else ""
    elif frame.best_of:
        text += f", only the best of each {_noun(frame.best_of)}"
    elif frame.order:
        text += ", in order"
    return f"{text}."
