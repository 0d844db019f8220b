"""A frame in one plain sentence."""

from __future__ import annotations

from models.offline.tables.frame import Aggregate, Frame
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
    names = {"=": "is", "like": "matches", "null": "is missing", "true": "is true", "between": "is between"}
    where = [
        f"{_noun(each.of)} {'not ' if each.negated else ''}{names.get(each.op, each.op)} {' or '.join(map(str, each.values))}".strip()
        for each in frame.filters
    ]
    where += [f"the date is {each.op} {each.start} up to {each.end} (exclusive)" for each in frame.periods]
    where += [f"there is no {tables[-1]}" for tables in frame.anti]
    where += [f"the figure is {each.op} {each.number:g}" for each in frame.having]
    text += f", where {' and '.join(where)}" if where else ""
    if frame.order and frame.limit:
        text += f", and kept the {'largest' if frame.order.descending else 'smallest'}{f' {frame.limit}' if frame.limit > 1 else ''}"
        text += f" by {_noun(frame.order.of)}" if isinstance(frame.order.of, Candidate) else ""
    elif frame.order:
        text += ", in order"
    return f"{text}."
