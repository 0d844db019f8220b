"""Numbers as a person reads them: exact where that is short, else rounded and said to be."""

from __future__ import annotations

import math
from fractions import Fraction

SHOWN_DIGITS = 10  # of a rounded number
WHOLE_DIGITS = 400  # of an integer; a longer one is shown by its powers of ten


def shown(value: Fraction | float) -> tuple[str, bool]:
    """Return a number as text, and whether that text is the exact value."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return f"{int(value):,}", False
        return _rounded(value), False
    if value.denominator == 1:
        digits = f"{value.numerator:,}"
        return (digits, True) if len(digits) <= WHOLE_DIGITS * 4 // 3 else (_large(value.numerator), False)
    if abs(value) >= 10**15:
        return _large(int(value)), False
    decimal = _terminating(value)
    return (decimal, True) if decimal else (_rounded(float(value)), False)


def _terminating(value: Fraction) -> str:
    """Return the decimal fraction that a value is, where it has at most `SHOWN_DIGITS` decimals; else nothing."""
    scaled = value * 10**SHOWN_DIGITS
    if scaled.denominator != 1:
        return ""
    whole, decimals = divmod(abs(scaled.numerator), 10**SHOWN_DIGITS)
    return f"{'-' if value < 0 else ''}{whole:,}.{decimals:0{SHOWN_DIGITS}d}".rstrip("0").rstrip(".")


def _rounded(value: float) -> str:
    if value and not 1e-6 <= abs(value) < 1e15:
        return f"{value:.{SHOWN_DIGITS}g}"
    places = max(0, SHOWN_DIGITS - 1 - (math.floor(math.log10(abs(value))) if value else 0))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _large(value: int) -> str:
    digits = str(abs(value))
    mantissa = f"{digits[0]}.{digits[1:SHOWN_DIGITS]}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{mantissa}e+{len(digits) - 1}"
