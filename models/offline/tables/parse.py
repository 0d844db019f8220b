"""From the items of one reading to a frame: each item is placed, or the reading is given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.offline.tables import comparisons, figures, names
from models.offline.tables.catalog import Catalog
from models.offline.tables.frame import Frame, Unclear
from models.offline.tables.items import Item
from models.offline.tables.reading import JOINING, Reading
from models.offline.tables.settle import settle


def parse(items: Sequence[Item], catalog: Catalog) -> Frame:
    """Walk over the items once, left to right; raises `Unclear` when one of them has no place."""
    reading = Reading(items, catalog)
    reading.frame.cents = any(set(item.lower.split()) & comparisons.CENTS for item in items)
    while item := reading.beside():
        reading.index += 1
        HANDLERS[item.tag](reading, item)
    settle(reading)
    return reading.frame


def _word(reading: Reading, item: Item) -> None:
    if reading.frame.select and item.lower not in {"the", "a", "of", "their", "its", "all", *JOINING}:
        reading.selecting = False


def _noise(reading: Reading, item: Item) -> None:
    """Words that add nothing."""


def _misplaced(reading: Reading, item: Item) -> None:
    raise Unclear(f"cannot place '{item.text}'")


HANDLERS: dict[str, Callable[[Reading, Item], None]] = {
    "word": _word, "noise": _noise, "unsupported": _misplaced, "unlinked": _misplaced, "postfix": _misplaced,
    "link": names.on_link, "number": comparisons.on_number, "date": comparisons.on_date, "unit": figures.on_unit,
    "count": figures.on_count, "sum": figures.on_sum, "average": figures.on_average, "share": figures.on_share,
    "most": figures.on_most, "common": figures.on_most, "super": figures.on_super, "distinct": figures.on_distinct,
    "top": figures.on_top, "order": figures.on_order, "direction": figures.on_direction,
    "group": figures.on_group, "by": figures.on_by,
    "compare": comparisons.on_compare, "between": comparisons.on_between, "before": comparisons.on_before,
    "after": comparisons.on_before, "not": comparisons.on_not, "like": comparisons.on_like,
    "missing": comparisons.on_missing, "sign": comparisons.on_sign,
}  # fmt: skip
