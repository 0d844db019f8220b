"""Conditions on what a passage is or comes from: `author=Ann`, `date>=2024-01-01`, `name~reports/*`, `kind=table`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from lyceum.errors import ModelRetry, nearest

OF_PASSAGES = frozenset(("kind", "heading", "page"))  # the other fields are the document's
_CONDITION = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(!=|>=|<=|=|>|<|~)\s*(.*?)\s*", re.DOTALL)
_COMPARE: dict[str, Callable[[float | str, float | str], bool]] = {
    "=": lambda held, asked: held == asked,
    "!=": lambda held, asked: held != asked,
    ">": lambda held, asked: held > asked,  # type: ignore[operator]
    ">=": lambda held, asked: held >= asked,  # type: ignore[operator]
    "<": lambda held, asked: held < asked,  # type: ignore[operator]
    "<=": lambda held, asked: held <= asked,  # type: ignore[operator]
}


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Compare as numbers where both sides are, else as text without case, which orders ISO dates too.

        A field that is not there is unequal to everything. `~` takes * and ?, and without them any part of the text.
        """
        held = fields.get(self.field)
        if held is None:
            return self.operator == "!="
        if self.operator == "~":
            pattern = self.value if set("*?") & set(self.value) else f"*{self.value}*"
            return fnmatch.fnmatchcase(held.casefold(), pattern.casefold())
        compare = _COMPARE[self.operator]
        try:
            return compare(float(held), float(self.value))
        except ValueError:
            return compare(held.casefold(), self.value.casefold())


def parsed(conditions: Sequence[str], known: Collection[str]) -> list[Condition]:
    """Return the conditions; raises ModelRetry for one that is none or names a field that nothing has."""
    found: list[Condition] = []
    for text in conditions:
        match = _CONDITION.fullmatch(text)
        if match is None or not match[3]:
            raise ModelRetry(
                f"{text[:100]!r} is no condition.",
                next_step="Send field, operator (= != > >= < <= ~) and value, such as kind=table or date>=2024-01-01.",
            )
        field = match[1].lower()
        if field not in known and field not in OF_PASSAGES:
            raise ModelRetry(
                f"No document has the field {field!r}.",
                next_step=nearest(field, {*known, *OF_PASSAGES}, what="fields")[:600],
            )
        found.append(Condition(field, match[2], match[3]))
    return found
