"""What a parser settles once every item has its place: what is listed, grouped and ordered where the words leave it open."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from models.offline.tables.frame import Aggregate, Function, Order, Unclear
from models.tables.link import Candidate

if TYPE_CHECKING:
    from models.offline.tables.parse import Parser


def finish(parser: Parser) -> None:
    """Settle what was left open at the end of the question."""
    frame = parser.frame
    if parser.pending == "most" and parser.measure and (frame.select or frame.group or parser.asked_period):
        parser.set_order(Aggregate("sum", parser.measure), parser.descending)
        parser.pending, parser.measure = "", None
    if parser.pending == "sum" and parser.measure:
        parser.pending, parser.measure, frame.aggregates = "", None, [Aggregate("sum", parser.measure)]
    if (
        parser.measure
        and not frame.aggregates
        and not frame.order
        and (frame.group or frame.group_period or not frame.select)
    ):
        frame.aggregates.append(Aggregate("sum", parser.measure))
        parser.measure = None
    if parser.pending == "common" and frame.select and not frame.order:
        settle_common(parser)
    if parser.pending in ("sum", "avg") and not frame.aggregates and len(set(frame.tables)) == 1 and not frame.select:
        columns = parser.catalog.money_of(frame.tables[0])
        if len(columns) == 1:
            frame.aggregates, parser.pending = [Aggregate(cast(Function, parser.pending), columns[0])], ""
    if parser.through and not any(each.through for each in frame.filters):
        raise Unclear("cannot tell who is above whom")
    if len(frame.aggregates) == 1 and [frame.aggregates[0].of.table] == [
        each.table for each in frame.group if each.kind == "table"
    ]:
        if frame.aggregates[0].function != "avg" or len(frame.group) > 1:
            raise Unclear("each row would be its own group")
        frame.group = []
    if frame.aggregates and frame.aggregates[0].each and not frame.group:
        others = list(dict.fromkeys(table for table in frame.tables if table != frame.aggregates[0].of.table))
        frame.group = [Candidate("table", table) for table in others] if len(others) == 1 else []
    person = (
        frame.filters[0].of if frame.filters and not frame.select and not frame.aggregates and not frame.group else None
    )
    if (
        person
        and parser.pending in ("", "count")
        and len({each.of.table for each in frame.filters}) == 1
        and (parser.catalog.is_person(person.table) or parser.items[0].text.casefold() == "who")
    ):
        subject = Candidate("table", person.table)
        frame.aggregates, frame.select = ([Aggregate("count", subject)], []) if parser.pending else ([], [subject])
        parser.pending = ""
    settle_people(parser)
    if parser.direction and not frame.order and len(frame.aggregates) == 1:
        frame.order = Order(frame.aggregates[0], parser.direction == "desc")
    if parser.pending == "count" and frame.order and isinstance(frame.order.of, Aggregate):
        parser.pending = ""
    waits = (
        parser.pending
        or parser.function
        or parser.negated
        or parser.ordering
        or parser.left
        or parser.when
        or parser.date_op
        or parser.measure
    )
    if waits or (parser.grouping and not frame.select):
        raise Unclear("part of the question has no place in the answer")
    if parser.top and not frame.order:
        raise Unclear("cannot tell what 'top' orders by")
    if frame.order and parser.number:
        frame.limit = parser.number
    elif parser.number:
        raise Unclear("cannot tell which rows come first")
    if (
        (frame.aggregates or frame.having or (frame.order and isinstance(frame.order.of, Aggregate)))
        and not frame.group
        and frame.select
    ):
        frame.group, frame.select = frame.select, []
    if (
        frame.group
        and frame.select
        and not frame.aggregates
        and not frame.having
        and not (frame.order and isinstance(frame.order.of, Aggregate))
    ):
        if not {each.table for each in frame.group} <= {each.table for each in frame.select}:
            raise Unclear("groups without a figure")
        frame.group = []
    if not frame.select and not frame.aggregates and not frame.group and not frame.group_period:
        raise Unclear("nothing in the question says what to show")


def settle_people(parser: Parser) -> None:
    """`who recorded the album ...` asks for the only people the album refers to."""
    asked = parser.items[0].text.casefold() if parser.items else ""
    if asked not in ("who", "whom") or not parser.frame.select or parser.frame.select[0].kind != "table":
        return
    table = parser.frame.select[0].table
    if not parser.catalog.is_person(table):
        people = {
            edge.parent
            for edge in parser.catalog.edges
            if edge.child == table and parser.catalog.is_person(edge.parent)
        }
        if len(people) != 1:
            raise Unclear(f"cannot tell who belongs to {table}")
        parser.frame.select[0] = Candidate("table", people.pop())
        parser.frame.tables.append(table)


def settle_common(parser: Parser) -> None:
    chosen, others = parser.frame.select[0], list(dict.fromkeys(parser.frame.tables))
    if chosen.kind == "column" and all(other == chosen.table for other in others):
        parser.set_order(Aggregate("count", Candidate("table", chosen.table)), parser.descending)
    elif len(others) == 1:
        parser.set_order(Aggregate("count", Candidate("table", others[0])), parser.descending)
    else:
        raise Unclear("cannot tell what is counted")
    parser.pending = ""
