"""How long a text and how many rows a function may make out of nothing: that has to be written, and be small."""

from __future__ import annotations

import re

from sqlglot import exp

from lyceum.errors import ModelRetry

WIDEST = 1000  # characters that a format or a padding may add
MOST_REPEATED = 100_000  # times, where repetitions are nested
LONGEST_SERIES = 10_000_000

_SERIES = ("generate_series", "exploding_generate_series", "range")


def check_width(node: exp.Func, name: str) -> None:
    """Raise ModelRetry where a function would make something huge."""
    if name in ("printf", "format"):
        given = next(iter(node.expressions), None) if name == "printf" else node.this
        text = given.name if isinstance(given, exp.Literal) and given.is_string else "*"
        wide = any(int(digits) > WIDEST for digits in re.findall(r"\d+", text)) or re.search(r"\*|\{[^}]*\{", text)
    elif name in ("pad", "repeat"):
        wide = not 0 <= _times(node, name) <= WIDEST or (name == "repeat" and _nested(node) > MOST_REPEATED)
    elif name in _SERIES:
        _check_series(node)
        return
    else:
        return
    if wide:
        raise ModelRetry(f"{name} takes a plain text or number here, and no width above {WIDEST}.")


def _times(node: exp.Func, name: str) -> int:
    times = node.args["times" if name == "repeat" else "expression"]
    return int(times.name) if isinstance(times, exp.Literal) and times.is_int else -1


def _nested(node: exp.Func) -> int:
    total, repeat = 1, node
    while repeat is not None:
        total *= max(1, _times(repeat, "repeat"))
        repeat = repeat.find_ancestor(exp.Repeat)
    return total


def _check_series(node: exp.Func) -> None:
    ends = node.expressions if isinstance(node, exp.Anonymous) else list(node.iter_expressions())
    numbers = [_number(end) for end in ends]
    if any(number is None for number in numbers[:2]):
        return  # ends that only the engine knows: its deadline and memory bound them
    start, stop = (0.0, numbers[0]) if len(numbers) == 1 else numbers[:2]
    step = numbers[2] if len(numbers) > 2 else 1.0
    if start is not None and stop is not None and step and abs((stop - start) / step) > LONGEST_SERIES:
        raise ModelRetry(f"A series has at most {LONGEST_SERIES:,} values here; narrow its ends.")


def _number(node: exp.Expr) -> float | None:
    sign = -1 if isinstance(node, exp.Neg) else 1
    literal = node.this if isinstance(node, exp.Neg) else node
    return sign * float(literal.name) if isinstance(literal, exp.Literal) and not literal.is_string else None
