"""What stays open when the last word is read: what is listed, counted, grouped and ordered."""

from __future__ import annotations

from typing import cast

from models.offline.tables.comparisons import OPPOSITE
from models.offline.tables.figures import set_order
from models.offline.tables.frame import Aggregate, Frame, Function, Order, Unclear
from models.offline.tables.reading import Reading
from models.tables.entries import Candidate


def settle(reading: Reading) -> None:
    """Complete the frame; raises `Unclear` when an operator still waits or nothing says what to show."""
    frame = reading.frame
    _settle_measure(reading)
    if reading.pending == "most" and frame.select and not frame.order and len(set(frame.tables)) == 1:
        _settle_most_often(reading)
    if reading.pending == "common" and frame.select and not frame.order:
        _settle_common(reading)
    if reading.pending in ("sum", "avg") and not frame.aggregates and len(set(frame.tables)) == 1 and not frame.select:
        _settle_plain(reading, frame.tables[0])
    _settle_groups(reading)
    _settle_people(reading)
    if reading.direction and not frame.order and len(frame.aggregates) == 1:
        frame.order = Order(frame.aggregates[0], reading.direction == "desc")
    if reading.pending == "count" and _orders_figure(frame):
        reading.pending = ""
    _refuse_leftovers(reading)
    frame.limit = reading.number or frame.limit
    figured = frame.aggregates or frame.having or _orders_figure(frame)
    if figured and not frame.group:
        frame.group, frame.select = frame.select, []
    elif frame.group and not figured:
        _settle_list(reading)
    elif frame.group and any(not _shown_by(frame.group, each) for each in frame.select):
        raise Unclear("cannot tell what is shown of each group")
    if not frame.select and not frame.aggregates and not frame.group and not frame.group_period:
        raise Unclear("nothing in the question says what to show")


def _shown_by(groups: list[Candidate], of: Candidate) -> bool:
    return any(each.place == of.place or each.place == (of.table, ()) for each in groups)


def _orders_figure(frame: Frame) -> bool:
    return frame.order is not None and isinstance(frame.order.of, Aggregate)


def _settle_measure(reading: Reading) -> None:
    """Revenue named without an operator: what is most, what is summed, or the figure itself."""
    frame, measure = reading.frame, reading.measure
    if measure is None:
        return
    if reading.pending == "most" and (frame.select or frame.group or reading.by_period):
        set_order(reading, Aggregate("sum", measure), descending=reading.descending)
        reading.pending, reading.measure = "", None
    elif reading.pending == "sum":
        reading.pending, reading.measure, frame.aggregates = "", None, [Aggregate("sum", measure)]
    elif not frame.aggregates and not frame.order and (frame.group or frame.group_period or not frame.select):
        frame.aggregates.append(Aggregate("sum", measure))
        reading.measure = None


def _settle_plain(reading: Reading, table: str) -> None:
    """`the average order` means its only amount of money; `average orders per customer` counts them."""
    columns, function = reading.catalog.money_of(table), cast(Function, reading.pending)
    if reading.plural and reading.frame.group and function == "avg":
        reading.frame.aggregates, reading.pending = [Aggregate("count", Candidate("table", table), each=True)], ""
    elif len(columns) == 1 and not reading.frame.group and (function == "sum" or not reading.plural):
        reading.frame.aggregates, reading.pending = [Aggregate(function, columns[0])], ""


def _settle_most_often(reading: Reading) -> None:
    """`the book borrowed most often` has the most loans; `ordered the most` may mean rows or units."""
    table = reading.frame.tables[0]
    if any(item.tag == "most" and item.text.endswith("often") for item in reading.items):
        set_order(reading, Aggregate("count", Candidate("table", table)), descending=reading.descending)
        reading.pending = ""


def _settle_list(reading: Reading) -> None:
    """`the captain of every team` lists both; `the longest book of each genre` keeps the best of each group."""
    frame = reading.frame
    if (reading.universal and not frame.order) or not frame.select or len(frame.group) > 1:
        raise Unclear("groups without a figure")
    if frame.order and frame.limit == 1 and not reading.number:
        frame.limit = None
        frame.best_of = frame.group[0]
    elif frame.order:
        raise Unclear("cannot tell how groups are ordered")
    frame.select, frame.group = [*frame.select, *frame.group], []


def _settle_common(reading: Reading) -> None:
    chosen, others = reading.frame.select[0], list(dict.fromkeys(reading.frame.tables))
    if chosen.kind == "column" and all(other == chosen.table for other in others):
        counted = chosen.table
    elif len(others) == 1:
        counted = others[0]
    else:
        raise Unclear("cannot tell what is counted")
    set_order(reading, Aggregate("count", Candidate("table", counted)), descending=reading.descending)
    reading.pending = ""


def _settle_groups(reading: Reading) -> None:
    frame = reading.frame
    grouped = [each.table for each in frame.group if each.kind == "table"]
    if len(frame.aggregates) == 1 and [frame.aggregates[0].of.table] == grouped:
        if frame.aggregates[0].function != "avg" or len(frame.group) > 1:
            raise Unclear("each row would be its own group")
        frame.group = []
    if frame.aggregates and frame.aggregates[0].each and not frame.group:
        others = list(dict.fromkeys(table for table in frame.tables if table != frame.aggregates[0].of.table))
        frame.group = [Candidate("table", table) for table in others] if len(others) == 1 else []


def _settle_people(reading: Reading) -> None:
    """Conditions alone are about people (`who lives in Paris`); `who recorded the album ...` asks for those it refers to."""
    frame, catalog = reading.frame, reading.catalog
    asked = reading.items[0].lower if reading.items else ""
    tables = {each.of.table for each in frame.filters}
    if len(tables) == 1 and not (frame.select or frame.aggregates or frame.group) and reading.pending in ("", "count"):
        table = tables.pop()
        if catalog.is_person(table) or asked == "who":
            subject = Candidate("table", table)
            frame.aggregates, frame.select = ([Aggregate("count", subject)], []) if reading.pending else ([], [subject])
            reading.pending = ""
    if asked not in ("who", "whom") or not frame.select or frame.select[0].kind != "table":
        return
    table = frame.select[0].table
    if not catalog.is_person(table):
        people = {edge.parent for edge in catalog.edges if edge.child == table and catalog.is_person(edge.parent)}
        if len(people) != 1:
            raise Unclear(f"cannot tell who belongs to {table}")
        frame.select[0] = Candidate("table", people.pop())
        frame.tables.append(table)


def _refuse_leftovers(reading: Reading) -> None:
    frame = reading.frame
    waits = reading.pending or reading.function or reading.negated or reading.ordering or reading.date_op
    if waits or reading.left or reading.when or reading.measure or (reading.grouping and not frame.select):
        raise Unclear("part of the question has no place in the answer")
    averages = [each for each in frame.filters if each.op in OPPOSITE and not each.values]
    if averages and len([*frame.filters, *frame.periods, *frame.anti]) > 1:
        raise Unclear("cannot tell of which rows the average is taken")
    if reading.through and not any(each.through for each in frame.filters):
        raise Unclear("cannot tell who is above whom")
    if frame.group and any(each.function == "avg" and each.of.kind == "measure" for each in frame.aggregates):
        raise Unclear("cannot tell what is averaged: the rows or the total of each group")
    if reading.top and not frame.order:
        raise Unclear("cannot tell what 'top' orders by")
    if reading.number and not frame.order:
        raise Unclear("cannot tell which rows come first")
