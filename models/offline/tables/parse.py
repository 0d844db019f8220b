"""From the items of one reading to a frame: each item is placed, or the reading is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from models.offline.tables.frame import Aggregate, Catalog, Filter, Frame, Function, Having, Order, Period, Unclear
from models.offline.tables.operators import Item
from models.offline.tables.settle import finish
from models.tables.graph import display_of
from models.tables.link import Candidate
from models.tables.words import TIME_UNITS, lemma, name_words, stem

JOINING = frozenset({"and", "or", ","})
DESCRIBING = frozenset(
    {"the", "a", "an", "named", "called", "titled", "is", "are", "was", "name", "of", "=", "as", "set", "to"}
)
COMPARED = DESCRIBING | {"that", "were", "in", "on", "at", "from", "with", "being"}
VERBS = frozenset("order purchase rent borrow buy sell book review visit pay ship use lend".split())
SELLING = frozenset("sold purchased bought ordered rented borrowed sell".split())
SUMMED = frozenset({"quantity", "unit", "amount", "total", "sale", "sold", "point", "goal"})
OWNERS = frozenset({"their", "its", "his", "her", "and", ",", "along", "together"})
TIME_COLUMNS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000}


class Parser:
    """Walks over the items once, left to right, remembering which operator still waits for its operand."""

    def __init__(self, items: Sequence[Item], catalog: Catalog) -> None:
        self.items, self.catalog, self.frame = items, catalog, Frame()
        self.index = 0
        self.selecting = True
        self.pending = ""  # count, sum, avg, super, most or common: the next name is its operand
        self.function = ""  # an aggregate inside a superlative: "the highest average price"
        self.descending = True
        self.grouping = self.ordering = self.negated = self.top = self.money = self.asked_period = False
        self.like = self.date_op = self.role = ""
        self.left: Aggregate | Candidate | None = None
        self.when: Candidate | None = None
        self.measure: Candidate | None = None
        self.number: int | None = None
        self.value_at = -1
        self.through: Candidate | None = None
        self.near = self.direction = ""

    def parse(self) -> Frame:
        """The frame of the items; raises `Unclear` when one of them has no place."""
        while self.index < len(self.items):
            item = self.items[self.index]
            self.index += 1
            getattr(self, f"on_{item.tag}")(item)
        finish(self)
        return self.frame

    # what surrounds the item in hand

    def peek(self, skip: frozenset[str] = DESCRIBING) -> Item | None:
        for item in self.items[self.index :]:
            if item.tag != "word" or item.text.casefold() not in skip:
                return item
        return None

    def before(self) -> list[str]:
        """The function words since the last item that was none."""
        words: list[str] = []
        for item in reversed(self.items[: self.index - 1]):
            if item.tag != "word":
                break
            words.append(item.text.casefold())
        return words

    def previous(self) -> Item | None:
        return next((item for item in reversed(self.items[: self.index - 1]) if item.tag != "word"), None)

    # operators

    def on_word(self, item: Item) -> None:
        if self.frame.select and item.text.casefold() not in {"the", "a", "of", "their", "its", "all", *JOINING}:
            self.selecting = False

    def on_noise(self, item: Item) -> None:
        """Words that add nothing."""

    def on_unsupported(self, item: Item) -> None:
        raise Unclear(f"'{item.text}' asks for more than counting, filtering, grouping and ordering")

    def on_unlinked(self, item: Item) -> None:
        raise Unclear(f"'{item.text}' names nothing in this database")

    def on_unit(self, item: Item) -> None:
        following = self.peek()
        figure = self.frame.aggregates[-1] if self.frame.aggregates else None
        if (
            figure
            and "in" in self.before()
            and item.detail in TIME_UNITS
            and figure.unit == 1
            and figure.of.kind == "column"
        ):
            self.frame.aggregates[-1] = replace(figure, unit=self.convert(1, item.detail, figure.of))
        elif (
            item.detail in ("year", "month")
            and self.selecting
            and not self.frame.select
            and not self.frame.aggregates
            and not self.pending
        ):
            self.frame.group_period, self.selecting = item.detail, False
            self.asked_period = True
        elif item.detail in ("year", "month") and (self.grouping or (self.ordering and not self.top)):
            self.frame.group_period, self.grouping, self.role = item.detail, False, "group"
        elif not (item.text == "year" and following and following.tag == "date") and item.text not in ("$", "€", "£"):
            raise Unclear(f"cannot place '{item.text}'")

    def on_count(self, item: Item) -> None:
        if self.pending == "avg":
            self.pending = "avgcount"
        elif self.pending in ("super", "most"):
            self.pending = "most"
        else:
            self.aggregate("count")

    def on_sum(self, item: Item) -> None:
        if not (
            item.text in ("in total", "altogether", "overall", "combined") and (self.frame.aggregates or self.measure)
        ):
            self.aggregate("sum")

    def on_average(self, item: Item) -> None:
        self.aggregate("avg")

    def aggregate(self, function: str) -> None:
        if self.frame.share and self.pending == "count" and function == "sum":
            return
        if self.pending in ("super", "most") or self.ordering:
            self.function = function
        elif not self.pending:
            self.pending = function
            self.selecting = self.selecting and bool(self.frame.select)
        else:
            raise Unclear("asks for two figures at once")

    def on_share(self, item: Item) -> None:
        self.frame.share, self.pending = True, "count"

    def on_distinct(self, item: Item) -> None:
        self.frame.distinct = True

    def on_most(self, item: Item) -> None:
        self.wait("most", item)

    def on_common(self, item: Item) -> None:
        self.wait("common", item)

    def on_super(self, item: Item) -> None:
        following = self.peek()
        plain = following is not None and (
            following.tag in ("average", "sum")
            or (following.tag == "link" and item.candidates and following.chosen.columns == item.chosen.columns)
        )
        named = following.chosen if following and following.tag == "link" else None
        if not item.concept or plain:
            self.wait("super", item)
        elif (
            item.candidates
            and named
            and (named.table != item.chosen.table if named.kind == "table" else self.catalog.is_date(named))
        ):
            raise Unclear(f"cannot tell what '{item.text}' describes")
        elif not item.candidates:
            raise Unclear(f"no column says what '{item.text}' means")
        else:
            self.set_order(item.chosen, item.detail == "desc")
            if "age" in name_words(item.chosen.column) or "experience" in name_words(item.chosen.column):
                self.frame.order = Order(item.chosen, item.detail == "asc")

    def wait(self, pending: str, item: Item) -> None:
        if self.pending:
            raise Unclear("asks for two figures at once")
        self.pending, self.descending = pending, item.detail == "desc"

    def on_top(self, item: Item) -> None:
        self.top, self.descending = True, item.detail == "desc"

    def on_direction(self, item: Item) -> None:
        order, select = self.frame.order, self.frame.select
        if order is None and "alphabetical" in item.text and select:
            order = Order(select[0], False)
        self.direction = item.detail
        self.frame.order = Order(order.of, item.detail == "desc") if order else None

    def on_order(self, item: Item) -> None:
        self.ordering, self.descending, self.selecting = True, False, False

    def on_group(self, item: Item) -> None:
        self.grouping, self.role = True, ""

    def on_by(self, item: Item) -> None:
        following = self.peek()
        after = self.items[self.index + 1 :][:1]
        self.selecting = False
        if (
            following
            and following.tag == "link"
            and (
                following.chosen.kind == "value"
                or (after and after[0].tag == "link" and after[0].chosen.kind == "value")
            )
        ):
            return
        if (self.top or self.pending == "super") and not self.frame.order:
            self.ordering = True
            self.pending = "" if self.pending == "super" else self.pending
        elif self.previous() and (self.previous() or item).tag == "direction":
            self.ordering = True
        elif self.frame.aggregates or self.pending in ("sum", "avg") or self.measure:
            self.grouping, self.role = True, ""
        else:
            raise Unclear("cannot tell what 'by' groups")

    def on_not(self, item: Item) -> None:
        if self.negated:
            raise Unclear("two negations")
        self.negated, self.selecting = True, False

    def on_like(self, item: Item) -> None:
        following = self.peek(frozenset({"the", "word", "letter", "letters", "words", "a", "string", "phrase"}))
        select = self.frame.select
        if self.left is None and select and following and (following.quoted or "with" in item.text):
            self.left = select[-1]
        if self.left is None and "with" not in item.text and "word" not in item.text:
            return
        if self.left is None or following is None or following.tag not in ("link", "unlinked"):
            raise Unclear(f"cannot place '{item.text}'")
        while self.items[self.index] is not following:
            self.index += 1
        self.index += 1
        self.add_filter(Filter(cast(Candidate, self.left), "like", (item.detail.format(following.text),), self.negated))
        self.left, self.negated = None, False

    def on_missing(self, item: Item) -> None:
        if not isinstance(self.left, Candidate):
            raise Unclear(f"cannot place '{item.text}'")
        self.add_filter(Filter(self.left, "null", (), self.negated))
        self.left, self.negated = None, False

    # comparisons

    def on_compare(self, item: Item) -> None:
        self.selecting = False
        if item.candidates:
            self.left = item.chosen
        elif item.concept:
            raise Unclear(f"no column says what '{item.text}' means")
        following = self.peek()
        if following and following.tag == "average":
            self.compare_average(item.detail)
        else:
            self.compare(item.detail, self.operand())

    def compare_average(self, op: str) -> None:
        """`longer than average`, `above the average price`: the column may come before or after."""
        while self.items[self.index].tag != "average":
            self.index += 1
        self.index += 1
        column, following = self.left, self.peek()
        if following and following.tag == "link" and following.chosen.kind in ("column", "table"):
            named = following.chosen
            if named.kind == "column" and (column is None or column == named):
                column = named
            elif not (named.kind == "table" and isinstance(column, Candidate) and column.table == named.table):
                raise Unclear("cannot tell which average is meant")
            while self.items[self.index] is not following:
                self.index += 1
            self.index += 1
        self.left = None
        if not isinstance(column, Candidate) or not self.catalog.is_number(column) or self.negated:
            raise Unclear("cannot tell which average is meant")
        self.add_filter(Filter(column, op, ()))

    def operand(self) -> Item:
        while self.index < len(self.items):
            item = self.items[self.index]
            self.index += 1
            if item.tag in ("number", "date"):
                return item
            self.money = self.money or item.detail == "money"
            if not (item.tag == "word" and item.text.casefold() in ("the", "a", "than")) and item.text not in (
                "$",
                "€",
                "£",
            ):
                break
        raise Unclear("a comparison without a number")

    def compare(self, op: str, item: Item) -> None:
        if self.negated:
            op, self.negated = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "=": "!="}[op], False
        if item.tag == "date" and (self.when or (isinstance(self.left, Candidate) and self.catalog.is_date(self.left))):
            self.frame.periods.append(Period(op, *item.period, self.when or cast(Candidate, self.left)))
            self.left = self.when = None
            return
        following = self.items[self.index] if self.index < len(self.items) else None
        if following and following.tag == "postfix":
            op, self.index = following.detail, self.index + 1
            following = self.items[self.index] if self.index < len(self.items) else None
        left = self.left.of if isinstance(self.left, Aggregate) else self.left
        if left and following and following.tag == "link" and following.chosen == left:
            self.index += 1
            following = None
        number = item.number
        unit = ""
        if following and following.tag == "unit":
            unit, self.index = following.detail, self.index + 1
        elif (
            following
            and following.tag == "link"
            and following.chosen.kind in ("table", "column", "measure")
            and self.left is None
        ):
            self.index += 1
            self.left = self.operand_of(following.chosen)
        if (unit == "money" or self.money) and not self.left and not self.measure:
            tables = [each.table for each in self.frame.select] + [each.of.table for each in self.frame.aggregates]
            columns = self.catalog.money_of(tables[-1]) if tables else []
            self.left = columns[0] if len(columns) == 1 else None
        self.money = False
        left = self.left or self.measure
        self.left = self.measure = None
        if left is None:
            raise Unclear("cannot tell what is compared")
        if isinstance(left, Candidate) and left.kind == "measure":
            left = Aggregate("sum", left)
        if isinstance(left, Aggregate):
            if unit not in ("", "money"):
                number = self.convert(number, unit, left.of)
            self.frame.having.append(Having(left, op, number))
        elif self.catalog.is_number(left) or self.catalog.is_year(left):
            self.add_filter(Filter(left, op, (self.convert(number, unit, left),)))
        else:
            raise Unclear(f"{left.columns or left.table} is not a number")

    def operand_of(self, candidate: Candidate) -> Aggregate | Candidate:
        return Aggregate("count", candidate) if candidate.kind == "table" else candidate

    def convert(self, number: float, unit: str, of: Candidate) -> float:
        """`number` in the unit of the column, where both units are times; money and bare numbers stay as they are."""
        words = {lemma(word) for word in name_words(of.column)}
        if unit in ("", "money") or unit in words or (unit == "year" and words & {"age", "experience", "tenure"}):
            return number
        own = next((scale for name, scale in TIME_COLUMNS.items() if name in words), None)
        if unit in TIME_UNITS and own:
            return number * TIME_UNITS[unit] / own
        raise Unclear(f"cannot convert {unit}s to the unit of {of.column}")

    def on_between(self, item: Item) -> None:
        low, joint, high = self.operand(), self.peek(frozenset()), None
        if joint and joint.text.casefold() in ("and", "to"):
            self.index += 1
            high = self.operand()
        if high is None or low.tag != high.tag or self.negated:
            raise Unclear("cannot read the range")
        self.span(low, high)

    def span(self, low: Item, high: Item) -> None:
        self.selecting = False
        if low.tag == "date" and not (isinstance(self.left, Candidate) and self.catalog.is_number(self.left)):
            self.frame.periods.append(
                Period("in", low.period[0], high.period[1], self.when or self.take_date(), self.near)
            )
            self.when = None
            return
        left, self.left = self.left, None
        unit = self.items[self.index] if self.index < len(self.items) and self.items[self.index].tag == "unit" else None
        if not isinstance(left, Candidate) or not self.catalog.is_number(left):
            raise Unclear("cannot tell what is compared")
        self.index += bool(unit)
        values = tuple(self.convert(each.number, unit.detail if unit else "", left) for each in (low, high))
        self.add_filter(Filter(left, "between", values))

    def take_date(self) -> Candidate | None:
        left, self.left = self.left, None
        return left if isinstance(left, Candidate) else None

    def on_before(self, item: Item) -> None:
        self.date_op, self.selecting = item.detail, False

    def on_after(self, item: Item) -> None:
        self.date_op, self.selecting = item.detail, False

    def on_date(self, item: Item) -> None:
        if self.frame.anti:
            raise Unclear("cannot tell what the date after a negation narrows")
        following = self.items[self.index] if self.index < len(self.items) else None
        after = self.items[self.index + 1] if self.index + 1 < len(self.items) else None
        if self.negated:
            raise Unclear("cannot place the negation")
        if (
            following
            and after
            and after.tag == "date"
            and following.text in ("to", "through", "until")
            and not self.date_op
        ):
            self.index += 2
            self.span(item, after)
            return
        if following and after and after.tag == "date" and following.text in JOINING:
            raise Unclear("asks about several periods")
        self.frame.periods.append(Period(self.date_op or "in", *item.period, self.when or self.take_date(), self.near))
        self.date_op, self.when, self.selecting = "", None, False

    def on_postfix(self, item: Item) -> None:
        raise Unclear(f"cannot place '{item.text}'")

    def on_number(self, item: Item) -> None:
        previous, following = self.previous(), self.items[self.index] if self.index < len(self.items) else None
        if isinstance(self.left, Candidate) or (following and following.tag == "postfix"):
            self.compare("=", item)
        elif following and (
            following.tag in ("super", "most", "common")
            or self.top
            or (following.tag == "link" and following.chosen.kind != "value" and self.selecting)
        ):
            self.number = int(item.number)
        elif (
            previous and previous.tag == "link" and previous.chosen.kind == "table" and item.number == int(item.number)
        ):
            table = self.catalog.tables[previous.chosen.table]
            if len(table.primary_key) != 1 or len(self.before()):
                raise Unclear(f"cannot place {item.text}")
            self.add_filter(Filter(Candidate("column", table.name, table.primary_key), "=", (int(item.number),)))
        else:
            raise Unclear(f"cannot place {item.text}")

    # names

    def on_link(self, item: Item) -> None:
        chosen = item.chosen
        self.frame.roles |= {chosen.via} if chosen.via else set()
        self.near = chosen.table if chosen.kind != "value" else self.near
        if chosen.kind == "value":
            self.on_value(chosen)
        elif not self.describes_value(chosen):
            self.on_mention(item, chosen)

    def describes_value(self, chosen: Candidate) -> bool:
        """`the genre Rock`: the name only says what kind of value its neighbour is."""
        following, previous = self.peek(), self.previous()
        for other in (following, previous if not self.before() else None):
            if (
                other is None
                or other.tag != "link"
                or other.chosen.kind != "value"
                or other.chosen.table != chosen.table
            ):
                continue
            if chosen.columns == other.chosen.columns or (
                other is following and chosen.kind in ("column", "name") and other.chosen.column in chosen.columns
            ):
                return True
            named = chosen.kind == "table" and other.chosen.column in display_of(self.catalog.tables[chosen.table])
            if named and not (self.grouping or (other is previous and self.pending)):
                return True
        return False

    def on_value(self, chosen: Candidate) -> None:
        between = self.items[self.value_at + 1 : self.index - 1]
        joined = self.value_at >= 0 and all(item.tag == "word" and item.text.casefold() in JOINING for item in between)
        last = self.frame.filters[-1] if self.frame.filters else None
        through = self.through.column if self.through and self.through.table == chosen.table else ""
        self.value_at = self.index - 1
        self.selecting = self.selecting and not self.frame.select
        if joined and between and last:
            if last.of.columns != chosen.columns or last.of.table != chosen.table or last.op != "=":
                if any(item.text.casefold() == "or" for item in between) or last.negated:
                    raise Unclear("cannot place 'or'")
            else:
                every = last.every or any(item.text.casefold() == "and" for item in between)
                self.frame.filters[-1] = Filter(
                    last.of, "=", (*last.values, chosen.value), last.negated, last.through, last.base, every
                )
                return
        if self.frame.anti or (last and last.of.table == chosen.table and last.op == "=" and self.before() == ["of"]):
            raise Unclear(f"cannot tell what '{chosen.value}' narrows")
        if negated_date := [
            each
            for each in self.catalog.dates_of(chosen.table)
            if stem(str(chosen.value)) in map(stem, name_words(each.column))
        ]:
            raise Unclear(f"'{chosen.value}' may be about {negated_date[0].column}")
        base = self.frame.share and not self.frame.aggregates
        self.left = (
            self.left if not (isinstance(self.left, Candidate) and self.left.columns == chosen.columns) else None
        )
        self.add_filter(
            Filter(Candidate("column", chosen.table, chosen.columns), "=", (chosen.value,), self.negated, through, base)
        )
        self.negated = False

    def add_filter(self, condition: Filter) -> None:
        same = [
            each
            for each in self.frame.filters
            if each.of.table == condition.of.table and each.of.columns == condition.of.columns
        ]
        if self.frame.anti and condition.op not in ("null", "true"):
            raise Unclear("cannot tell what the condition after a negation narrows")
        if any(each.op == "=" or each.op == condition.op for each in same):
            raise Unclear("two conditions on one column")
        self.frame.filters.append(condition)

    def on_mention(self, item: Item, chosen: Candidate) -> None:
        catalog, frame = self.catalog, self.frame
        following = self.peek(COMPARED)
        compared = following is not None and (
            following.tag in ("compare", "between", "like", "missing")
            or (following.tag == "number" and chosen.kind != "table" and not self.top)
        )
        dated = following is not None and following.tag in ("before", "after", "date", "between", "compare")
        adjoined = self.items[self.index] if self.index < len(self.items) else None
        if (
            chosen.kind == "table"
            and adjoined
            and adjoined.tag == "link"
            and adjoined.chosen.kind == "table"
            and item.text.casefold() in (lemma(item.text), "sales")
        ):
            if self.negated or (self.grouping and adjoined.text.casefold() in VERBS):
                raise Unclear(f"cannot tell how '{item.text} {adjoined.text}' belong together")
            frame.tables.append(chosen.table)
        elif chosen.kind == "table" and item.text.casefold() in SELLING and self.is_unclear_sale(chosen):
            raise Unclear(f"cannot tell whether '{item.text}' counts rows or units")
        elif self.negated:
            self.deny(chosen)
        elif (
            frame.anti
            and chosen.kind == "table"
            and not (self.grouping or self.pending or set(self.before()) & JOINING)
        ):
            frame.anti[-1].append(chosen.table)
        elif (catalog.is_date(chosen) or catalog.is_year(chosen)) and dated and not self.pending and not self.grouping:
            self.when = chosen
        elif self.grouping and not catalog.is_date(chosen):
            self.add_group(chosen)
        elif chosen.kind == "column" and (chosen.table, chosen.column) in catalog.self_references:
            following = self.items[self.index] if self.index < len(self.items) else None
            if following is None or (following.tag != "by" and following.text.casefold() not in ("to", "under")):
                raise Unclear(f"cannot tell who is above in '{item.text}'")
            self.through = chosen
        elif compared and chosen.kind in ("column", "measure") and not self.ordering:
            if following and following.tag == "like" and self.selecting and not frame.select:
                frame.select.append(chosen)
            self.left, self.pending = self.measured(chosen), ""
            self.selecting = False
        elif compared and self.pending == "count" and (frame.select or frame.group):
            self.left, self.pending = Aggregate("count", chosen), ""
        elif compared and chosen.kind == "name" and following and following.tag == "like":
            self.left = chosen
        elif self.ordering:
            aggregate = self.measured(chosen) if chosen.kind != "table" or self.function == "count" else None
            if aggregate is None:
                raise Unclear(f"cannot order by {chosen.table}")
            self.set_order(aggregate, self.descending)
        elif self.pending:
            self.take(item, chosen)
        elif (
            self.role == "group"
            and set(self.before()) & JOINING
            and chosen.kind in ("table", "column", "name")
            and not catalog.is_number(chosen)
        ):
            self.add_group(chosen)
        elif chosen.kind == "measure":
            self.on_measure(chosen)
        elif catalog.is_flag(chosen):
            self.add_filter(Filter(chosen, "true", (), base=frame.share and not frame.aggregates))
        else:
            self.choose(item, chosen)

    def is_unclear_sale(self, chosen: Candidate) -> bool:
        counted = [each.of.table for each in self.frame.aggregates if each.function == "count"]
        return (
            bool(counted) and counted[0] != chosen.table and not self.catalog.is_person(counted[0]) and not self.negated
        )

    def on_measure(self, chosen: Candidate) -> None:
        if self.measure:
            raise Unclear("asks for two figures at once")
        self.measure = chosen

    def measured(self, chosen: Candidate) -> Aggregate | Candidate:
        function = self.function or self.pending
        self.function = ""
        if self.ordering:
            self.pending = ""
        if function in ("sum", "avg", "count") and (chosen.kind == "table") == (function == "count"):
            return Aggregate(cast(Function, function), chosen)
        return Aggregate("sum", chosen) if chosen.kind == "measure" else chosen

    def deny(self, chosen: Candidate) -> None:
        self.negated = False
        if chosen.kind == "table":
            self.frame.anti.append([chosen.table])
        elif chosen.kind == "column" and self.catalog.is_flag(chosen):
            self.add_filter(Filter(chosen, "true", (), negated=True))
        elif chosen.kind == "column" and (chosen.score >= 0.8 or self.catalog.is_date(chosen)):
            self.add_filter(Filter(chosen, "null", ()))
        else:
            raise Unclear("cannot place the negation")

    def add_group(self, chosen: Candidate) -> None:
        if (self.catalog.is_number(chosen) and not self.catalog.is_year(chosen)) or (
            chosen.kind == "column" and chosen.score < 0.5
        ):
            raise Unclear(f"cannot group by {chosen.columns}")
        self.frame.group.append(chosen)
        self.grouping, self.role = False, "group"

    def set_order(self, of: Aggregate | Candidate, descending: bool) -> None:
        if self.frame.order:
            raise Unclear("asks for two orders")
        of = next((each for each in self.frame.aggregates if isinstance(of, Candidate) and each.of == of), of)
        subject = self.frame.select[0].table if self.frame.select else ""
        if (
            isinstance(of, Candidate)
            and of.kind == "column"
            and subject not in ("", of.table)
            and set(name_words(of.column)) <= SUMMED
        ):
            of = Aggregate("sum", of)
        self.frame.order = Order(of, descending)
        self.frame.limit = self.frame.limit or (None if self.ordering and not self.top else 1)
        self.ordering = False

    def take(self, item: Item, chosen: Candidate) -> None:
        """`chosen` may be the operand of the operator that waits; otherwise it only says where to look."""
        pending, number = self.pending, self.catalog.is_number(chosen)
        if pending in ("count", "avgcount"):
            if chosen.kind == "measure" and self.frame.share:
                self.frame.aggregates.append(Aggregate("sum", chosen))
            elif chosen.kind == "measure" or (number and pending == "count"):
                if (
                    not number
                    or chosen.kind == "measure"
                    or name_words(chosen.column)[-1] not in ("quantity", "unit", "point")
                ):
                    raise Unclear(f"cannot count {item.text}")
                self.frame.aggregates.append(Aggregate("sum", chosen))
            else:
                self.frame.aggregates.append(Aggregate("count", chosen, each=pending == "avgcount"))
                if chosen.kind == "table" and chosen.table not in self.frame.tables:
                    self.frame.tables.append(chosen.table)
        elif pending in ("sum", "avg"):
            if chosen.kind == "table":
                self.frame.tables.append(chosen.table)
                return
            if not number:
                raise Unclear(f"cannot take the {pending} of {item.text}")
            self.frame.aggregates.append(Aggregate(cast(Function, pending), chosen))
        elif pending == "most":
            if chosen.kind in ("column", "name") and not number:
                raise Unclear(f"cannot tell the most of {item.text}")
            same = chosen.kind == "column" and self.frame.select and self.frame.select[0].table == chosen.table
            of = (
                chosen
                if same
                else Aggregate("count" if chosen.kind == "table" else cast(Function, self.function or "sum"), chosen)
            )
            self.set_order(of, self.descending)
            self.function = ""
        elif pending == "common":
            if chosen.kind == "table" and self.frame.select:
                self.set_order(Aggregate("count", chosen), self.descending)
            else:
                self.frame.select.append(chosen)
                return
        elif chosen.kind == "table":
            self.choose(item, chosen)
            return
        elif not number and not self.catalog.is_date(chosen):
            raise Unclear(f"'{item.text}' has no highest or lowest")
        elif (self.frame.select and not self.frame.group) or self.asked_period:
            self.set_order(self.measured(chosen), self.descending)
        elif self.function:
            raise Unclear("asks for two figures at once")
        else:
            self.frame.aggregates.append(Aggregate("max" if self.descending else "min", chosen))
        self.pending, self.selecting = "", False

    def choose(self, item: Item, chosen: Candidate) -> None:
        """A name without an operator: part of the answer while the answer is being described, otherwise a place to join."""
        select, before = self.frame.select, set(self.before())
        if chosen.kind == "column" and chosen.score < 0.5:
            raise Unclear(f"'{item.text}' is only part of a name")
        if not select and not self.frame.aggregates and self.selecting:
            select.append(chosen)
        elif (
            self.selecting
            and select
            and not before
            and chosen.kind != "table"
            and select[-1].kind == "table"
            and select[-1].table == chosen.table
        ):
            select[-1] = chosen
        elif select and before & OWNERS and not self.frame.aggregates and not before & {"or"}:
            select.append(chosen)
            self.selecting = True
        elif chosen.kind == "table":
            self.frame.tables.append(chosen.table)
            self.selecting = self.selecting and not select
        elif "in" in before and any(each.of.columns == chosen.columns for each in self.frame.aggregates):
            return
        elif (
            before & {"have", "has", "had", "with"} and chosen.kind == "column" and self.catalog.column(chosen).nullable
        ):
            self.add_filter(Filter(chosen, "null", (), negated=True))
        else:
            raise Unclear(f"cannot place '{item.text}'")
