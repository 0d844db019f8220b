"""Assertions on a step's result. Every check reads as a sentence: the path, what was expected, what was got."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

from evals.labs.paths import NothingThere, fill, look_up, shortly
from lyceum.errors import UserError


class Expect(BaseModel):
    """One path and its checks.

    `contains` looks for text in text, an element in a list or a key in an object; a list of them must all be there.
    `between` is [low, high], both included; `close_to` is [value, tolerance].
    """

    model_config = ConfigDict(extra="forbid")

    path: str = ""
    equals: JsonValue = None
    not_equals: JsonValue = None
    contains: JsonValue = None
    lacks: JsonValue = None
    matches: str | None = None
    one_of: JsonValue = None
    length: JsonValue = None
    at_least: JsonValue = None
    at_most: JsonValue = None
    greater_than: JsonValue = None
    less_than: JsonValue = None
    between: JsonValue = None
    close_to: JsonValue = None

    @model_validator(mode="after")
    def _checks_something(self) -> Expect:
        if not self.checks:
            raise ValueError(f"`{self.path}` is checked for nothing; add one of {', '.join(CHECKS)}")
        return self

    @property
    def checks(self) -> list[str]:
        return [name for name in CHECKS if name in self.model_fields_set]


class Checked(BaseModel):
    """One check, done; `text` is the sentence for a reader."""

    ok: bool
    text: str


def check(expect: Expect, known: Mapping[str, Any]) -> list[Checked]:
    """Hold every check of an expectation against `known["result"]`; a path that leads nowhere fails."""
    try:
        got = look_up(known["result"], expect.path)
    except NothingThere as nothing:
        return [Checked(ok=False, text=f"{nothing.message} {nothing.next_step}".strip())]
    done: list[Checked] = []
    for name in expect.checks:
        wording = name.replace("_", " ")
        path = expect.path or "the result"
        try:
            wanted = fill(getattr(expect, name), known)
            ok = CHECKS[name](got, wanted)
        except UserError as error:
            done.append(Checked(ok=False, text=f"{path} {wording}: {error.message} {error.next_step}".strip()))
            continue
        except (TypeError, ValueError, re.error) as error:
            done.append(Checked(ok=False, text=f"{path} {wording}: cannot be checked of {shortly(got)}: {error}"))
            continue
        if ok:
            done.append(Checked(ok=True, text=f"{path} {wording} {shortly(wanted, 100)}{_value(name, got)}"))
        else:
            done.append(Checked(ok=False, text=f"{path}: expected {wording} {shortly(wanted)}, got {shortly(got)}"))
    return done


def _value(name: str, got: Any) -> str:
    """Numbers teach more than that they were in bounds."""
    return f" ({got})" if name not in ("equals", "length") and isinstance(got, int | float) else ""


def _equal(got: Any, wanted: Any) -> bool:
    if isinstance(got, bool) or isinstance(wanted, bool):  # True equals 1 in Python, not in a lab
        return got is wanted
    return got == wanted


def _contains(got: Any, wanted: Any) -> bool:
    if isinstance(got, str):
        return all(str(each) in got for each in _as_list(wanted))
    if not isinstance(got, list | dict):
        raise TypeError("it is no text, list or object")
    within = list(cast("list[Any]", got))  # of an object: its keys
    if isinstance(wanted, list) and wanted not in within:
        return all(each in within for each in _as_list(wanted))
    return wanted in within


def _as_list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{shortly(value, 60)} is no number")
    return value


def _pair(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(cast("list[Any]", value)) != 2:
        raise TypeError("it takes two numbers")
    first, second = cast("list[Any]", value)
    return _number(first), _number(second)


def _between(got: Any, wanted: Any) -> bool:
    low, high = _pair(wanted)
    return low <= _number(got) <= high


def _close(got: Any, wanted: Any) -> bool:
    value, tolerance = _pair(wanted)
    return abs(_number(got) - value) <= tolerance


CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "not_equals": lambda got, wanted: not _equal(got, wanted),
    "contains": _contains,
    "lacks": lambda got, wanted: not _contains(got, wanted),
    "matches": lambda got, wanted: re.search(wanted, got) is not None,
    "one_of": lambda got, wanted: got in wanted,
    "length": lambda got, wanted: len(got) == wanted,
    "at_least": lambda got, wanted: _number(got) >= _number(wanted),
    "at_most": lambda got, wanted: _number(got) <= _number(wanted),
    "greater_than": lambda got, wanted: _number(got) > _number(wanted),
    "less_than": lambda got, wanted: _number(got) < _number(wanted),
    "between": _between,
    "close_to": _close,
}
