"""One reading of a question while it is parsed: a cursor over its items and the words that still wait for a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.offline.tables.catalog import Catalog
from models.offline.tables.frame import Aggregate, Filter, Frame, Missing, Unclear
from models.offline.tables.items import Item
from models.tables.entries import Candidate

JOINING = frozenset({"and", "or", ","})
DESCRIBING = frozenset(
    {"the", "a", "an", "named", "called", "titled", "is", "are", "was", "name", "of", "=", "as", "set", "to"}
)
PREPOSITIONS = frozenset({"in", "from", "of", "at", "on", "for", "with", "during"})


@dataclass
class Reading:
    """The frame so far, and what the operators read so far still expect."""

    items: Sequence[Item]
    catalog: Catalog
    frame: Frame = field(default_factory=Frame)
    index: int = 0  # of the item after the one in hand
    selecting: bool = True  # the words still describe what to show

    pending: str = ""  # count, avgcount, sum, avg, super, most or common: the next name is its operand
    function: str = ""  # an aggregate inside a superlative: "the highest average price"
    descending: bool = True
    top: bool = False
    number: int | None = None  # of rows to keep
    plural: bool = False  # "average trips", not "average trip"
    ordering: bool = False
    direction: str = ""
    grouping: bool = False
    universal: bool = False  # "customers who bought every product" are no groups
    after_group: bool = False  # an "and" would go on with the groups
    by_period: bool = False  # years or months are what is asked for

    left: Aggregate | Candidate | None = None  # what the next number or value is compared with
    when: Candidate | None = None  # the column that the next date is about
    date_op: str = ""
    negated: bool = False
    money: bool = False
    measure: Candidate | None = None
    through: Candidate | None = None  # a self-reference that the next value goes through
    stands_for: str = ""  # the table of a value that was taken for a noun
    near: str = ""  # the table named last
    value_at: int = -1

    def peek(self, skip: frozenset[str] = DESCRIBING) -> Item | None:
        """The next item that is more than one of the words to skip."""
        return next((item for item in self.items[self.index :] if item.tag != "word" or item.lower not in skip), None)

    def beside(self, offset: int = 0) -> Item | None:
        """The item right after the one in hand."""
        at = self.index + offset
        return self.items[at] if at < len(self.items) else None

    def before(self) -> list[str]:
        """The function words since the last item that was none."""
        words: list[str] = []
        for item in reversed(self.items[: self.index - 1]):
            if item.tag != "word":
                break
            words.append(item.lower)
        return words

    def previous(self) -> Item | None:
        return next((item for item in reversed(self.items[: self.index - 1]) if item.tag != "word"), None)

    def jump(self, item: Item) -> None:
        """Go on after `item`."""
        while self.items[self.index] is not item:
            self.index += 1
        self.index += 1

    def subjects(self) -> list[str]:
        """The tables whose rows are listed or counted."""
        counted = [each.of.table for each in self.frame.aggregates if each.function == "count"]
        return [*(each.table for each in self.frame.select), *counted]

    def wait(self, pending: str, *, descending: bool) -> None:
        if self.pending:
            raise Unclear("asks for two figures at once")
        self.pending, self.descending = pending, descending

    def add_filter(self, condition: Filter) -> None:
        filters = self.frame.filters
        if self.frame.anti:
            missing = self.inside_negation()
            if condition.of.table != missing.tables[-1] or condition.negated:
                raise Unclear("cannot tell what the condition after a negation narrows")
            filters = missing.filters
        same = [each for each in filters if each.of.place == condition.of.place]
        if any(each.op in ("=", condition.op) for each in same):
            raise Unclear("two conditions on one column")
        filters.append(condition)

    def inside_negation(self) -> Missing:
        """The rows denied last, where the item in hand follows them closely: `no orders in 2023`."""
        previous = self.previous()
        if previous and previous.tag == "before":
            previous = None
        if not (previous and previous.names_table) or set(self.before()) - PREPOSITIONS:
            raise Unclear("cannot tell what the condition after a negation narrows")
        return self.frame.anti[-1]
