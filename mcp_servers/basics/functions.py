"""The functions and constants of expressions: exact on fractions wherever the result is one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from lyceum.errors import ModelRetry

Number = Fraction | float
LARGEST_BITS = 12_000  # of a numerator or denominator: about 3,600 digits
LARGEST_FACTORIAL = 1_000

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def checked(value: Number) -> Number:
    """Return a number that is small enough to go on with; raises ModelRetry for the rest."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise ModelRetry("The result is beyond what can be held.", next_step="Send smaller numbers.")
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        raise ModelRetry("The result has more than 3,600 digits.", next_step="Send smaller numbers or exponents.")
    return value


def power(base: Number, exponent: Number) -> Number:
    """Raise exactly where the result is a fraction, roots of squares included."""
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if base == 0 and exponent < 0:
            raise ZeroDivisionError
        if exponent.denominator == 1:
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if base not in (0, 1, -1) and bits * abs(exponent) > LARGEST_BITS:
                raise ModelRetry("That power has more than 3,600 digits.", next_step="Send a smaller exponent.")
            return base ** int(exponent) if base not in (1, -1) else base ** int(abs(exponent) % 2)
        if base >= 0 and exponent.denominator <= 64 and (root := _root(base, exponent.denominator)) is not None:
            return power(root, Fraction(exponent.numerator))
    if base < 0 and exponent != int(exponent):
        raise ModelRetry("A root of a negative number is not a real number.", next_step="Send a base of 0 or more.")
    return checked(float(base) ** float(exponent))


def _root(base: Fraction, degree: int) -> Fraction | None:
    """Return the root of that degree where it is a fraction."""
    parts: list[int] = []
    for whole in (base.numerator, base.denominator):
        low, high = 0, 1 << (whole.bit_length() // degree + 1)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if middle**degree < whole else (low, middle)
        if low**degree != whole:
            return None
        parts.append(low)
    return Fraction(parts[0], parts[1])


def call(name: str, given: Sequence[Number]) -> Number:
    """Apply a function; raises ModelRetry for a wrong number of arguments, or values it is not defined for."""
    function, least, most = FUNCTIONS[name]
    if not least <= len(given) <= most:
        takes = str(least) if least == most else f"{least} or more" if most > 9 else f"{least} to {most}"
        raise ModelRetry(f"{name} takes {takes} arguments, not {len(given)}.", next_step=f"Send {name}(...) with them.")
    try:
        return checked(function(*given))
    except (ValueError, OverflowError):
        raise ModelRetry(
            f"{name} is not defined for that, or too large.", next_step="Send values in its domain."
        ) from None


def _whole(value: Number) -> int:
    if value != int(value):
        raise ValueError(value)
    return int(value)


def _rounded(value: Number, places: Number = Fraction(0)) -> Number:
    """Round half away from zero, as people do on paper."""
    scale = Fraction(10) ** _bounded(_whole(places), 50)
    scaled = abs(Fraction(value)) * scale
    return (1 if value >= 0 else -1) * Fraction(math.floor(scaled + Fraction(1, 2))) / scale


def _bounded(value: int, most: int) -> int:
    if abs(value) > most:
        raise ValueError(value)
    return value


def _factorial(value: Number) -> Fraction:
    return Fraction(math.factorial(_bounded(_whole(value), LARGEST_FACTORIAL)))


def _chosen(n: Number, k: Number) -> Fraction:
    return Fraction(math.comb(_bounded(_whole(n), LARGEST_FACTORIAL), _whole(k)))


def _arranged(n: Number, k: Number) -> Fraction:
    return Fraction(math.perm(_bounded(_whole(n), LARGEST_FACTORIAL), _whole(k)))


def _log(value: Number, base: Number = Fraction(10)) -> Number:
    if base == 10:
        return math.log10(value)
    return math.log2(value) if base == 2 else math.log(value) / math.log(base)


def _sum(*given: Number) -> Number:
    return sum(given[1:], start=given[0])


def _product(*given: Number) -> Number:
    result: Number = Fraction(1)
    for each in given:
        result = checked(result * each)
    return result


def _sqrt(x: Number) -> Number:
    return power(x, Fraction(1, 2))


def _cbrt(x: Number) -> Number:
    return power(x, Fraction(1, 3)) if x >= 0 else -power(-x, Fraction(1, 3))


def _stdev(*given: Number) -> Number:
    """The sample's standard deviation: it divides by one less than there are values."""
    middle = _mean(*given)
    return _sqrt(_sum(*((each - middle) ** 2 for each in given)) / (len(given) - 1))


def _mean(*given: Number) -> Number:
    return _sum(*given) / len(given)


def _median(*given: Number) -> Number:
    ordered = sorted(given)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _floor(x: Number) -> Fraction:
    return Fraction(math.floor(x))


def _ceil(x: Number) -> Fraction:
    return Fraction(math.ceil(x))


def _least(*given: Number) -> Number:
    return min(given)


def _greatest(*given: Number) -> Number:
    return max(given)


def _gcd(*given: Number) -> Fraction:
    return Fraction(math.gcd(*map(_whole, given)))


def _lcm(*given: Number) -> Fraction:
    return Fraction(math.lcm(*map(_whole, given)))


MANY = 100
_ONE = {
    "sqrt": _sqrt, "cbrt": _cbrt, "abs": abs, "floor": _floor, "ceil": _ceil, "factorial": _factorial,
    "exp": math.exp, "ln": math.log, "log2": math.log2, "log10": math.log10, "sin": math.sin, "cos": math.cos,
    "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
}  # fmt: skip
_SOME = {
    "min": _least, "max": _greatest, "sum": _sum, "total": _sum, "product": _product, "mean": _mean,
    "average": _mean, "median": _median, "gcd": _gcd, "lcm": _lcm,
}  # fmt: skip
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    **{name: (function, 1, 1) for name, function in _ONE.items()},
    **{name: (function, 1, MANY) for name, function in _SOME.items()},
    "stdev": (_stdev, 2, MANY),
    "round": (_rounded, 1, 2),
    "log": (_log, 1, 2),
    "atan2": (math.atan2, 2, 2),
    "choose": (_chosen, 2, 2),
    "comb": (_chosen, 2, 2),
    "perm": (_arranged, 2, 2),
}
