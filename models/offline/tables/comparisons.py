"""Comparisons with numbers, ranges, dates, patterns, averages and nothing at all."""

from __future__ import annotations

from dataclasses import replace

from models.offline.tables.frame import Aggregate, Filter, Having, Missing, Period, Unclear
from models.offline.tables.items import Item
from models.offline.tables.reading import JOINING, Reading
from models.tables.entries import Candidate
from models.tables.words import TIME_UNITS, lemma, name_words

OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "=": "!="}
SMALL = {"one": 1, "zero": 0}
SIGNS = ("$", "€", "£")
CENTS = frozenset({"cent", "cents"})
ARTICLES = frozenset({"the", "word", "letter", "letters", "words", "a", "string", "phrase"})


def convert(number: float, unit: str, of: Candidate) -> float:
    """`number` in the unit of the column, where both units are times; money and bare numbers stay as they are."""
    words = {lemma(word) for word in name_words(of.column)}
    if "cent" in words and unit != "cent":
        if unit != "money":
            raise Unclear(f"{of.column} holds cents: say dollars, euros or cents")
        return number * 100
    if unit in ("", "money") or unit in words or (unit == "year" and words & {"age", "experience", "tenure"}):
        return number
    own = next((scale for name, scale in TIME_UNITS.items() if name in words), None)
    if unit in TIME_UNITS and own:
        return number * TIME_UNITS[unit] / own
    raise Unclear(f"cannot convert {unit}s to the unit of {of.column}")


def on_not(reading: Reading, item: Item) -> None:
    if reading.negated:
        raise Unclear("two negations")
    reading.negated, reading.selecting = True, False


def on_compare(reading: Reading, item: Item) -> None:
    reading.selecting = False
    if item.candidates:
        reading.left = item.chosen
    elif item.concept:
        raise Unclear(f"no column says what '{item.text}' means")
    following = reading.peek()
    if following and following.tag == "average":
        _compare_average(reading, item.detail, following)
    else:
        compare(reading, item.detail, _operand(reading))


def _compare_average(reading: Reading, op: str, average: Item) -> None:
    """`longer than average`, `above the average price`: the column may come before or after."""
    reading.jump(average)
    column, following = reading.left, reading.peek()
    if following and following.tag == "link" and following.chosen.kind in ("column", "table"):
        named = following.chosen
        if named.kind == "column" and (column is None or column == named):
            column = named
        elif not (named.kind == "table" and isinstance(column, Candidate) and column.table == named.table):
            raise Unclear("cannot tell which average is meant")
        reading.jump(following)
    reading.left = None
    if not isinstance(column, Candidate) or not reading.catalog.is_number(column) or reading.negated:
        raise Unclear("cannot tell which average is meant")
    reading.add_filter(Filter(column, op, ()))


def _operand(reading: Reading) -> Item:
    while item := reading.beside():
        reading.index += 1
        if item.tag in ("number", "date"):
            return item
        if item.lower in SMALL:
            return replace(item, tag="number", number=SMALL[item.lower])
        reading.money = reading.money or item.detail == "money"
        if not (item.tag == "word" and item.lower in ("the", "a", "than")) and item.text not in SIGNS:
            break
    raise Unclear("a comparison without a number")


def compare(reading: Reading, op: str, item: Item) -> None:
    if reading.negated:
        op, reading.negated = OPPOSITE[op], False
    if item.tag == "date" and (column := reading.when or _date_before(reading)):
        reading.frame.periods.append(Period(op, *item.period, column))
        reading.left = reading.when = None
        return
    following = reading.beside()
    if following and following.tag == "postfix":
        op, reading.index = following.detail, reading.index + 1
        following = reading.beside()
    left = reading.left.of if isinstance(reading.left, Aggregate) else reading.left
    unit = "money" if reading.money else ""
    if left and following and following.tag == "link" and following.chosen == left:
        unit = "cent" if following.lower in CENTS else unit
        reading.index += 1
    elif following and following.tag == "unit":
        unit, reading.index = following.detail, reading.index + 1
    elif following and following.names_something and not reading.left:
        of, reading.index = following.chosen, reading.index + 1
        reading.left = Aggregate("count", of) if of.kind == "table" else of
    left = reading.left or reading.measure
    if left is None and unit == "money":
        left = _money(reading)
    reading.left = reading.measure = None
    reading.money = False
    _compared(reading, left, op, item.number, unit)


def _compared(reading: Reading, left: Aggregate | Candidate | None, op: str, number: float, unit: str) -> None:
    if isinstance(left, Candidate) and left.kind == "measure":
        left = Aggregate("sum", left)
    if left is None:
        raise Unclear("cannot tell what is compared")
    if isinstance(left, Aggregate):
        number = convert(number, unit, left.of) if unit not in ("", "money") else number
        reading.frame.having.append(Having(left, op, number))
    elif reading.catalog.is_number(left) or reading.catalog.is_year(left):
        reading.add_filter(Filter(left, op, (convert(number, unit, left),)))
    else:
        raise Unclear(f"{left.columns or left.table} is not a number")


def _money(reading: Reading) -> Candidate | None:
    """The only amount of money of what is shown: `invoices over 10 dollars`."""
    of = [*reading.frame.select, *(each.of for each in reading.frame.aggregates)]
    columns = reading.catalog.money_of(of[-1].table) if of else []
    return columns[0] if len(columns) == 1 else None


def _date_before(reading: Reading) -> Candidate | None:
    return reading.left if isinstance(reading.left, Candidate) and reading.catalog.is_date(reading.left) else None


def on_number(reading: Reading, item: Item) -> None:
    previous, following = reading.previous(), reading.beside()
    if isinstance(reading.left, Candidate) or (following and following.tag == "postfix"):
        compare(reading, "=", item)
    elif following and (
        reading.top
        or following.tag in ("super", "most", "common")
        or (following.tag == "link" and not following.is_value and reading.selecting)
    ):
        reading.number = int(item.number)
    elif previous and previous.tag == "link" and previous.chosen.kind == "table" and item.number == int(item.number):
        table = reading.catalog.tables[previous.chosen.table]
        if len(table.primary_key) != 1 or reading.before():
            raise Unclear(f"cannot place {item.text}")
        reading.add_filter(Filter(Candidate("column", table.name, table.primary_key), "=", (int(item.number),)))
    else:
        raise Unclear(f"cannot place {item.text}")


def on_between(reading: Reading, item: Item) -> None:
    low, joint, high = _operand(reading), reading.peek(frozenset()), None
    if joint and joint.lower in ("and", "to"):
        reading.index += 1
        high = _operand(reading)
    if high is None or low.tag != high.tag or reading.negated:
        raise Unclear("cannot read the range")
    _span(reading, low, high)


def _span(reading: Reading, low: Item, high: Item) -> None:
    reading.selecting = False
    left = reading.left
    if low.tag == "date" and not (isinstance(left, Candidate) and reading.catalog.is_number(left)):
        _during(reading, "in", low.period[0], high.period[1])
        return
    reading.left = None
    if not isinstance(left, Candidate) or not reading.catalog.is_number(left):
        raise Unclear("cannot tell what is compared")
    following, unit = reading.beside(), ""
    if following and following.tag == "unit":
        unit, reading.index = following.detail, reading.index + 1
    reading.add_filter(Filter(left, "between", tuple(convert(each.number, unit, left) for each in (low, high))))


def _during(reading: Reading, op: str, start: str, end: str) -> None:
    """A period of the date column named before it, else of the date that the builder finds near."""
    of = reading.when or (reading.left if isinstance(reading.left, Candidate) else None)
    periods = reading.frame.periods
    if reading.frame.anti:
        missing = reading.inside_negation()
        of = of or reading.catalog.date_of(missing.tables[-1], "")
        if of.table != missing.tables[-1]:
            raise Unclear("cannot tell what the date after a negation narrows")
        periods = missing.periods
    periods.append(Period(op, start, end, of, reading.near))
    reading.left = None if not reading.when else reading.left
    reading.when = None


def on_before(reading: Reading, item: Item) -> None:
    reading.date_op, reading.selecting = item.detail, False


def on_date(reading: Reading, item: Item) -> None:
    following, after = reading.beside(), reading.beside(1)
    if reading.negated:
        raise Unclear("cannot place the negation")
    if following and after and after.tag == "date":
        if following.text in ("to", "through", "until") and not reading.date_op:
            reading.index += 2
            _span(reading, item, after)
            return
        if following.text in JOINING:
            raise Unclear("asks about several periods")
    _during(reading, reading.date_op or "in", *item.period)
    reading.date_op, reading.selecting = "", False


def on_like(reading: Reading, item: Item) -> None:
    following, select = reading.peek(ARTICLES), reading.frame.select
    if reading.left is None and select and following and (following.quoted or "with" in item.text):
        reading.left = select[-1]
    if reading.left is None and "with" not in item.text and "word" not in item.text:
        return  # "playlists that contain ..." is a join
    if not isinstance(reading.left, Candidate) or not following or following.tag not in ("link", "unlinked"):
        raise Unclear(f"cannot place '{item.text}'")
    reading.jump(following)
    reading.add_filter(Filter(reading.left, "like", (item.detail.format(following.text),), reading.negated))
    reading.left, reading.negated = None, False


def on_sign(reading: Reading, item: Item) -> None:
    """`a negative balance`, `the balance is negative`."""
    following = reading.peek()
    if reading.left is None and following and following.tag == "link" and following.chosen.kind == "column":
        reading.left = following.chosen
        reading.jump(following)
    compare(reading, item.detail, replace(item, tag="number", number=0))


def on_missing(reading: Reading, item: Item) -> None:
    if not isinstance(reading.left, Candidate):
        raise Unclear(f"cannot place '{item.text}'")
    reading.add_filter(Filter(reading.left, "null", (), reading.negated))
    reading.left, reading.negated = None, False


def deny(reading: Reading, chosen: Candidate) -> None:
    """What a negation says about a table, a flag or a column that may be empty."""
    reading.negated = False
    if chosen.kind == "table":
        reading.frame.anti.append(Missing([chosen.table]))
    elif chosen.kind == "column" and reading.catalog.is_flag(chosen):
        reading.add_filter(Filter(chosen, "true", (), negated=True))
    elif chosen.kind == "column" and (chosen.score >= 0.8 or reading.catalog.is_date(chosen)):
        reading.add_filter(Filter(chosen, "null", ()))
    else:
        raise Unclear("cannot place the negation")
