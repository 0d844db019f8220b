"""How long a text and how many rows a function may make out of nothing: that has to be written, and be small."""

from __future__ import annotations

import re

from sqlglot import exp

from lyceum.errors import ModelRetry

WIDEST = 1000  # characters that a format or a padding may add
MOST_REPEATED = 100_000  # times, where repetitions are nested
LONGEST_SERIES = 10_000_000

_WIDTHS = {"bar": (3, WIDEST), "list_resize": (1, MOST_REPEATED), "array_resize": (1, MOST_REPEATED)}
_SERIES = ("generate_series", "exploding_generate_series", "range")


def check_width(node: exp.Func, name: str) -> None:
    """Raise ModelRetry where a function would make something huge."""
    if name in ("printf", "format"):
        given = next(iter(node.expressions), None) if name == "printf" else node.this
        text = given.name if isinstance(given, exp.Literal) and given.is_string else "*"
        wide = any(int(digits) > WIDEST for digits in re.findall(r"\d+", text)) or re.search(r"\*|\{[^}]*\{", text)
    elif isinstance(node, (exp.Pad, exp.Repeat)):
        wide = not 0 <= _times(node) <= WIDEST or (isinstance(node, exp.Repeat) and _nested(node) > MOST_REPEATED)
    elif name in _WIDTHS:
        place, most = _WIDTHS[name]
        size = node.expressions[place] if len(node.expressions) > place else exp.Literal.number(0)
        wide = not (isinstance(size, exp.Literal) and size.is_int and 0 <= int(size.name) <= most)
    elif name in ("repeat", "lpad", "rpad"):
        wide = True  # not as the parser knows them: with too few or too many arguments
    elif name in _SERIES:
        _check_series(node)
        return
    else:
        return
    if wide:
        raise ModelRetry(f"{name} takes a plain text or number here, and no width above {WIDEST}.")


def bound_width(node: exp.Repeat | exp.Pad) -> None:
    """Write a width that is computed, such as that of a bar of stars, as WIDEST where it would be more."""
    times = _width(node)
    if times is None or isinstance(times, exp.Literal) or times.find(exp.Repeat, exp.Pad):
        return  # plain, or refused as it stands
    least = exp.Least(this=times.copy(), expressions=[exp.Literal.number(WIDEST)], ignore_nulls=True)
    known = exp.Not(this=exp.Is(this=exp.Paren(this=times.copy()), expression=exp.Null()))
    times.replace(exp.Case(ifs=[exp.If(this=known, true=least)]))


def _width(node: exp.Func) -> exp.Expr | None:
    return node.args.get("times" if isinstance(node, exp.Repeat) else "expression")


def _times(node: exp.Func) -> int:
    times = _width(node)
    if isinstance(times, exp.Literal) and times.is_int:
        return int(times.name)
    if isinstance(times, exp.Case) and len(times.args["ifs"]) == 1 and not times.args.get("default"):
        least = times.args["ifs"][0].args.get("true")
        if isinstance(least, exp.Least) and least.expressions == [exp.Literal.number(WIDEST)]:
            return WIDEST
    return -1


def _nested(node: exp.Func) -> int:
    total, repeat = 1, node
    while repeat is not None:
        total *= max(1, _times(repeat))
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
