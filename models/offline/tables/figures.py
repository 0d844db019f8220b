"""Counts, sums and averages, what is highest or most, groups and order: operators that wait for the name they are about."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from models.offline.tables.comparisons import convert
from models.offline.tables.frame import Aggregate, Function, Order, Unclear
from models.offline.tables.items import Item
from models.offline.tables.reading import Reading
from models.tables.entries import Candidate
from models.tables.words import TIME_UNITS, lemma, name_words

COUNTABLE = ("quantity", "unit", "point")  # "how many units" adds up a column
SUMMED = frozenset({"quantity", "unit", "amount", "total", "sale", "sold", "point", "goal"})
CALENDAR = ("year", "month")


def on_count(reading: Reading, item: Item) -> None:
    if reading.pending == "avg":
        reading.pending = "avgcount"
    elif reading.pending in ("super", "most"):
        reading.pending = "most"
    else:
        _aggregate(reading, "count")


def on_sum(reading: Reading, item: Item) -> None:
    closing = item.text in ("in total", "altogether", "overall", "combined")
    if not (closing and (reading.frame.aggregates or reading.measure)):
        _aggregate(reading, "sum")


def on_average(reading: Reading, item: Item) -> None:
    _aggregate(reading, "avg")


def _aggregate(reading: Reading, function: str) -> None:
    if reading.frame.share and reading.pending == "count" and function == "sum":
        return
    if reading.pending in ("super", "most") or reading.ordering:
        reading.function = function
    else:
        reading.wait(function, descending=reading.descending)
        reading.selecting = reading.selecting and bool(reading.frame.select)


def on_share(reading: Reading, item: Item) -> None:
    reading.frame.share, reading.pending = True, "count"


def on_distinct(reading: Reading, item: Item) -> None:
    reading.frame.distinct = True


def on_most(reading: Reading, item: Item) -> None:
    reading.wait(item.tag, descending=item.detail == "desc")


def on_super(reading: Reading, item: Item) -> None:
    following = reading.peek()
    named = following.chosen if following and following.tag == "link" else None
    spelled_out = following is not None and (
        following.tag in ("average", "sum") or (named and item.candidates and named.columns == item.chosen.columns)
    )
    if not item.concept or spelled_out:
        reading.wait("super", descending=item.detail == "desc")
        return
    if not item.candidates:
        raise Unclear(f"no column says what '{item.text}' means")
    of = item.chosen
    if named and (named.table != of.table if named.kind == "table" else reading.catalog.is_date(named)):
        raise Unclear(f"cannot tell what '{item.text}' describes")
    set_order(reading, of, descending=item.detail == "desc")
    if {"age", "experience"} & set(name_words(of.column)):  # the oldest was born first, but has the highest age
        reading.frame.order = Order(of, item.detail == "asc")


def on_top(reading: Reading, item: Item) -> None:
    reading.top, reading.descending = True, item.detail == "desc"


def on_direction(reading: Reading, item: Item) -> None:
    order, select = reading.frame.order, reading.frame.select
    if order is None and "alphabetical" in item.text and select:
        order = Order(select[0], False)
    reading.direction = item.detail
    reading.frame.order = replace(order, descending=item.detail == "desc") if order else None


def on_order(reading: Reading, item: Item) -> None:
    reading.ordering, reading.descending, reading.selecting = True, False, False


def on_group(reading: Reading, item: Item) -> None:
    reading.grouping, reading.after_group = True, False
    reading.universal = item.text in ("each", "every", "in every") and bool(reading.frame.select)


def on_by(reading: Reading, item: Item) -> None:
    following, after, previous = reading.peek(), reading.beside(1), reading.previous()
    reading.selecting = False
    if following and following.tag == "link" and (following.is_value or (after and after.is_value)):
        return  # "albums by Queen", "albums by the artist Queen"
    if (reading.top or reading.pending == "super") and not reading.frame.order:
        reading.ordering = True
        reading.pending = "" if reading.pending == "super" else reading.pending
    elif previous and previous.tag == "direction":
        reading.ordering = True
    elif reading.frame.aggregates or reading.pending in ("sum", "avg") or reading.measure:
        on_group(reading, item)
    else:
        raise Unclear("cannot tell what 'by' groups")


def on_unit(reading: Reading, item: Item) -> None:
    frame, following = reading.frame, reading.peek()
    figure = frame.aggregates[-1] if frame.aggregates else None
    if figure and "in" in reading.before() and item.detail == "money":
        cents = "cent" in name_words(figure.of.columns[-1]) if figure.of.columns else False
        frame.aggregates[-1] = replace(figure, unit=100 if cents else 1)
        return
    if figure and "in" in reading.before() and item.detail in TIME_UNITS and figure.of.kind == "column":
        frame.aggregates[-1] = replace(figure, unit=convert(1, item.detail, figure.of))
    elif item.detail in CALENDAR and (reading.grouping or (reading.ordering and not reading.top)):
        frame.group_period, reading.grouping, reading.after_group = item.detail, False, True
    elif item.detail in CALENDAR and reading.selecting and not (frame.select or figure or reading.pending):
        frame.group_period, reading.selecting, reading.by_period = item.detail, False, True
    elif not (item.text == "year" and following and following.tag == "date") and item.text not in ("$", "€", "£"):
        raise Unclear(f"cannot place '{item.text}'")


def measured(reading: Reading, of: Candidate) -> Aggregate | Candidate:
    """`of`, or the figure of it that the words before asked for."""
    function = reading.function or reading.pending
    reading.function = ""
    if reading.ordering:
        reading.pending = ""
    if function in ("sum", "avg", "count") and (of.kind == "table") == (function == "count"):
        return Aggregate(cast(Function, function), of)
    return Aggregate("sum", of) if of.kind == "measure" else of


def set_order(reading: Reading, of: Aggregate | Candidate, *, descending: bool) -> None:
    frame = reading.frame
    if frame.order:
        raise Unclear("asks for two orders")
    if isinstance(of, Candidate):
        subject = frame.select[0].table if frame.select else ""
        summed = of.kind == "column" and subject not in ("", of.table) and set(name_words(of.column)) <= SUMMED
        shown = next((each for each in frame.aggregates if each.of == of), None)
        of = shown or (Aggregate("sum", of) if summed else of)
    frame.order = Order(of, descending)
    frame.limit = frame.limit or (None if reading.ordering and not reading.top else 1)
    reading.ordering = False


def add_group(reading: Reading, of: Candidate) -> None:
    measured_out = reading.catalog.is_number(of) and not reading.catalog.is_year(of)
    if measured_out or reading.catalog.is_flag(of) or (of.kind == "column" and of.score < 0.5):
        raise Unclear(f"cannot group by {of.columns}")
    reading.frame.group.append(of)
    reading.grouping, reading.after_group = False, True


def take(reading: Reading, item: Item, chosen: Candidate) -> bool:
    """Give `chosen` to the operator that waits; False where it only says where to look."""
    frame, pending, number = reading.frame, reading.pending, reading.catalog.is_number(chosen)
    if pending in ("count", "avgcount"):
        _count(reading, item, chosen)
    elif pending in ("sum", "avg"):
        if chosen.kind == "table":
            frame.tables.append(chosen.table)
            reading.plural = item.lower != lemma(item.lower)
            return True
        if not number:
            raise Unclear(f"cannot take the {pending} of {item.text}")
        frame.aggregates.append(Aggregate(cast(Function, pending), chosen))
    elif pending == "most":
        _most(reading, item, chosen)
    elif pending == "common":
        if chosen.kind != "table" or not frame.select:
            frame.select.append(chosen)
            return True
        set_order(reading, Aggregate("count", chosen), descending=reading.descending)
    elif chosen.kind == "table":
        return False
    elif not number and not reading.catalog.is_date(chosen):
        raise Unclear(f"'{item.text}' has no highest or lowest")
    elif (frame.select and not frame.group) or reading.by_period:
        set_order(reading, measured(reading, chosen), descending=reading.descending)
    elif reading.function:
        raise Unclear("asks for two figures at once")
    else:
        frame.aggregates.append(Aggregate("max" if reading.descending else "min", chosen))
    reading.pending, reading.selecting = "", False
    return True


def _count(reading: Reading, item: Item, chosen: Candidate) -> None:
    frame = reading.frame
    if chosen.kind == "measure" or (reading.catalog.is_number(chosen) and reading.pending == "count"):
        countable = chosen.kind == "column" and name_words(chosen.column)[-1] in COUNTABLE
        if not countable and not (frame.share and chosen.kind == "measure"):
            raise Unclear(f"cannot count {item.text}")
        frame.aggregates.append(Aggregate("sum", chosen))
        return
    if reading.catalog.is_number(chosen) and "amount" not in chosen.column:
        frame.aggregates.append(Aggregate("avg", chosen))  # "the average number of pages" of books that have `pages`
        return
    frame.aggregates.append(Aggregate("count", chosen, each=reading.pending == "avgcount"))
    if chosen.kind == "table" and chosen.table not in frame.tables:
        frame.tables.append(chosen.table)


def _most(reading: Reading, item: Item, chosen: Candidate) -> None:
    select = reading.frame.select
    if chosen.kind in ("column", "name") and not reading.catalog.is_number(chosen):
        raise Unclear(f"cannot tell the most of {item.text}")
    beside = reading.beside()
    if chosen.kind == "column" and not select and beside and beside.names_table:  # "the most viewed article"
        if beside.chosen.table != chosen.table:
            raise Unclear(f"cannot tell the most of {beside.text}")
        select.append(beside.chosen)
        reading.jump(beside)
    own = chosen.kind == "column" and select and select[0].table == chosen.table
    if own and not reading.catalog.identifies(select[0]):
        own = False  # the district with the most docks adds up its stations
    function = "count" if chosen.kind == "table" else cast(Function, reading.function or "sum")
    set_order(reading, chosen if own else Aggregate(function, chosen), descending=reading.descending)
    reading.function = ""
