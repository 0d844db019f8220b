"""Names and values: an operand, a condition, a group, part of the answer, or a place to join."""

from __future__ import annotations

from dataclasses import replace

from models.offline.tables.comparisons import deny
from models.offline.tables.figures import add_group, measured, set_order, take
from models.offline.tables.frame import Aggregate, Filter, Missing, Unclear
from models.offline.tables.items import Item
from models.offline.tables.reading import DESCRIBING, JOINING, Reading
from models.tables.entries import Candidate
from models.tables.graph import display_of
from models.tables.words import lemma, name_words, stem

COMPARED = DESCRIBING | {"that", "were", "in", "on", "at", "from", "with", "being"}
VERBS = frozenset("order purchase rent borrow buy sell book review visit pay ship use lend".split())
SELLING = frozenset("sold purchased bought ordered rented borrowed sell".split())
PLACING = frozenset("in of from at with by for on as to and or is are was were named called titled".split())
OWNERS = frozenset({"their", "its", "his", "her", "and", ",", "along", "together"})


def on_link(reading: Reading, item: Item) -> None:
    chosen = item.chosen
    reading.frame.roles |= {chosen.via} if chosen.via else set()
    if chosen.kind == "value":
        _value(reading, item, chosen)
        return
    reading.near = chosen.table
    if not _describes_value(reading, chosen):
        _mention(reading, item, chosen)


def _describes_value(reading: Reading, chosen: Candidate) -> bool:
    """`the genre Rock`: the name only says what kind of value its neighbour is."""
    following, previous = reading.peek(), reading.previous()
    for other in (following, previous if not reading.before() else None):
        if other is None or not other.is_value or other.chosen.table != chosen.table:
            continue
        column = other.chosen.column
        if chosen.columns == (column,) or (
            other is following and chosen.kind in ("column", "name") and column in chosen.columns
        ):
            return True
        named = chosen.kind == "table" and column in display_of(reading.catalog.tables[chosen.table])
        if named and not (reading.grouping or (other is previous and reading.pending)):
            return True
    return False


def _value(reading: Reading, item: Item, chosen: Candidate) -> None:
    frame = reading.frame
    last = frame.filters[-1] if frame.filters else None
    words = [
        item.lower if item.tag == "word" else "" for item in reading.items[reading.value_at + 1 : reading.index - 1]
    ]
    joined = reading.value_at >= 0 and bool(words) and set(words) <= JOINING
    reading.value_at = reading.index - 1
    reading.selecting = reading.selecting and not frame.select
    of = Candidate("column", chosen.table, chosen.columns)
    if joined and last:
        if last.of.place == of.place and last.op == "=":
            frame.filters[-1] = last.joined(chosen.value, every="and" in words)
            return
        if "or" in words or last.negated:
            raise Unclear("cannot place 'or'")
    if last and last.of.table == of.table and last.op == "=" and reading.before() == ["of"]:
        raise Unclear(f"cannot tell what '{chosen.value}' narrows")
    if item.text[:1].islower() and not reading.negated:
        _take_as_subject(reading, of)
    for date in reading.catalog.dates_of(of.table):
        if stem(str(chosen.value)) in map(stem, name_words(date.column)):
            raise Unclear(f"'{chosen.value}' may be about {date.column}")
    if isinstance(reading.left, Candidate) and reading.left.columns == of.columns:
        reading.left = None
    through = reading.through.column if reading.through and reading.through.table == of.table else ""
    base = frame.share and not frame.aggregates
    condition = Filter(of, "=", (chosen.value,), reading.negated, through, base)
    if not _denies_rows(reading, condition):
        reading.add_filter(condition)
    reading.negated = False


def _take_as_subject(reading: Reading, of: Candidate) -> None:
    """`how many novels`, `list the members`: a value or flag where the noun would be stands for its rows."""
    frame, subject = reading.frame, Candidate("table", of.table)
    nouns = (each for each in reading.items[reading.index :] if each.lower not in JOINING and not each.is_value)
    following = next(nouns, None)
    if (following and following.tag == "link") or set(reading.before()) & PLACING or frame.share:
        return
    reading.stands_for = of.table
    if reading.pending == "count":
        frame.aggregates.append(Aggregate("count", subject))
        reading.pending, reading.selecting = "", False
    elif reading.selecting and not (reading.pending or frame.select or frame.aggregates):
        frame.select.append(subject)


def _denies_rows(reading: Reading, condition: Filter) -> bool:
    """`sections with no premium articles`: the negation is about rows of another table that meet the condition."""
    following, subjects = reading.beside(), reading.subjects()
    if not reading.negated or following is None or not following.names_table or condition.through:
        return False
    if following.chosen.table in subjects or not subjects:
        return False
    if following.chosen.table != condition.of.table:
        raise Unclear("cannot tell what the negation is about")
    reading.frame.anti.append(Missing([condition.of.table], [replace(condition, negated=False)]))
    reading.jump(following)
    return True


def _mention(reading: Reading, item: Item, chosen: Candidate) -> None:
    catalog, frame = reading.catalog, reading.frame
    following, beside = reading.peek(COMPARED), reading.beside()
    tag = following.tag if following else ""
    compared = tag in ("compare", "between", "like", "missing") or (
        tag == "number" and chosen.kind != "table" and not reading.top
    )
    dated = tag in ("before", "after", "date", "between", "compare") and not (reading.pending or reading.grouping)
    before = set(reading.before())
    joined = bool(before & JOINING)
    if "all" in before and (subjects := reading.subjects()) and chosen.table not in subjects:
        raise Unclear(f"cannot tell whether 'all' {item.text} must meet")
    if chosen.kind == "table" and chosen.table == reading.stands_for:
        raise Unclear(f"'{item.text}' is named apart from what seemed to be one of them")
    if chosen.kind == "table" and beside and beside.names_table and item.lower in (lemma(item.text), "sales"):
        if reading.negated or (reading.grouping and beside.lower in VERBS):
            raise Unclear(f"cannot tell how '{item.text} {beside.text}' belong together")
        frame.tables.append(chosen.table)
    elif chosen.kind == "table" and item.lower in SELLING and _is_unclear_sale(reading, chosen):
        raise Unclear(f"cannot tell whether '{item.text}' counts rows or units")
    elif reading.negated and catalog.is_flag(chosen) and _denies_rows(reading, Filter(chosen, "true", ())):
        reading.negated = False
    elif reading.negated:
        deny(reading, chosen)
    elif frame.anti and chosen.kind == "table" and not (reading.grouping or reading.pending or joined):
        frame.anti[-1].tables.append(chosen.table)
    elif (catalog.is_date(chosen) or catalog.is_year(chosen)) and dated:
        reading.when = chosen
    elif reading.grouping and not catalog.is_date(chosen):
        add_group(reading, chosen)
    elif chosen.kind == "column" and (chosen.table, chosen.column) in catalog.self_references:
        if beside is None or (beside.tag != "by" and beside.lower not in ("to", "under")):
            raise Unclear(f"cannot tell who is above in '{item.text}'")
        reading.through = chosen
    elif compared and chosen.kind in ("column", "measure") and not reading.ordering:
        if reading.selecting and not (frame.select or reading.pending) and item.starts_with(chosen.table):
            frame.select.append(Candidate("table", chosen.table))  # "which products cost ..." is one span
        if tag == "like" and reading.selecting and not frame.select:
            frame.select.append(chosen)
        reading.left, reading.pending, reading.selecting = measured(reading, chosen), "", False
    elif catalog.is_flag(chosen):
        _take_as_subject(reading, chosen)
        reading.add_filter(Filter(chosen, "true", (), base=frame.share and not frame.aggregates))
    elif compared and reading.pending == "count" and (frame.select or frame.group):
        reading.left, reading.pending = Aggregate("count", chosen), ""
    elif tag == "like" and chosen.kind == "name":
        reading.left = chosen
    elif reading.ordering:
        if chosen.kind == "table" and reading.function != "count":
            raise Unclear(f"cannot order by {chosen.table}")
        set_order(reading, measured(reading, chosen), descending=reading.descending)
    elif reading.pending:
        if not take(reading, item, chosen):
            _choose(reading, item, chosen)
    elif (
        reading.after_group
        and joined
        and before <= {*JOINING, "the"}
        and chosen.kind != "measure"
        and not catalog.is_number(chosen)
    ):
        add_group(reading, chosen)
    elif chosen.kind == "measure":
        if reading.measure:
            raise Unclear("asks for two figures at once")
        reading.measure = chosen
    else:
        _choose(reading, item, chosen)


def _is_unclear_sale(reading: Reading, chosen: Candidate) -> bool:
    counted = next((each.of.table for each in reading.frame.aggregates if each.function == "count"), chosen.table)
    return counted != chosen.table and not reading.catalog.is_person(counted) and not reading.negated


def _choose(reading: Reading, item: Item, chosen: Candidate) -> None:
    """A name without an operator: part of the answer while that is being described, otherwise a place to join."""
    frame, select, before = reading.frame, reading.frame.select, set(reading.before())
    if chosen.kind == "column" and chosen.score < 0.5:
        raise Unclear(f"'{item.text}' is only part of a name")
    refines = reading.selecting and not before and chosen.kind != "table"
    if not select and not frame.aggregates and reading.selecting:
        select.append(chosen)
    elif refines and select and select[-1].place == (chosen.table, ()):
        select[-1] = chosen
    elif select and before & OWNERS and not frame.aggregates and "or" not in before:
        select.append(chosen)
        reading.selecting = True
    elif chosen.kind == "table":
        frame.tables.append(chosen.table)
        reading.selecting = reading.selecting and not select
    elif "in" in before and any(each.of.columns == chosen.columns for each in frame.aggregates):
        return
    elif before & {"have", "has", "had", "with"} and reading.catalog.column(chosen).nullable:
        reading.add_filter(Filter(chosen, "null", (), negated=True))
    else:
        raise Unclear(f"cannot place '{item.text}'")
