"""Units of measure with exact factors: names as people write them, the nearest known one for those they misspell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

from lyceum.errors import ModelRetry

CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "CAD", "AUD")
_CURRENCY_NAMES = {
    "$": "USD", "dollar": "USD", "dollars": "USD", "€": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP",
    "quid": "GBP", "¥": "JPY", "yen": "JPY", "₹": "INR", "rupee": "INR", "rupees": "INR", "yuan": "CNY",
}  # fmt: skip
_NAMES = _CURRENCY_NAMES | {
    "°C": "degC", "°F": "degF", "℃": "degC", "℉": "degF", "C": "degC", "F": "degF", "K": "kelvin", "µm": "micrometer",
    "celsius": "degC", "fahrenheit": "degF", "°": "degree", "mpg": "mile_per_gallon", "KB": "kB", "Kb": "kbit",
    "lbs": "pound", "oz": "ounce", "fl": "fluid_ounce", "sec": "second", "secs": "second", "mins": "minute",
    "hr": "hour", "hrs": "hour", "yrs": "year", "yr": "year", "wk": "week", "wks": "week", "kph": "km/hour",
    "tonne": "metric_ton", "tonnes": "metric_ton", "dozen": "dozen", "stones": "stone", "ly": "light_year", "B": "byte",
    "ha": "hectare", "cc": "cm^3", "kcal": "kilocalorie", "fortnights": "fortnight",
}  # fmt: skip
_PHRASES = {
    r"degrees? (?:celsius|centigrade|c)\b": "°C",
    r"degrees? (?:fahrenheit|f)\b": "°F",
    r"(?:fl\.? ?oz|fluid ounces?)\b": "fluid_ounce",
    r"nautical miles?\b": "nautical_mile",
    r"light[ -]years?\b": "light_year",
    r"metric (?:tons?|tonnes?)\b": "metric_ton",
    r"troy ounces?\b": "troy_ounce",
    r"(?:imperial|uk) gallons?\b": "imperial_gallon",
    r"(?:imperial|uk) pints?\b": "imperial_pint",
    r"us gallons?\b": "gallon",
    r"pounds? sterling\b": "GBP",
    r"(?:square|sq\.?) ([a-zµ]+)": r"\1^2",
    r"(?:cubic|cu\.?) ([a-zµ]+)": r"\1^3",
}


@lru_cache(maxsize=1)
def registry() -> Any:
    """The units of `pint`, with fractions for factors; takes about a second, once."""
    from pint import UnitRegistry

    units = cast("Any", UnitRegistry)(non_int_type=Fraction)
    for currency in CURRENCIES:
        units.define(f"{currency} = [{currency}]")
    units.define("mile_per_gallon = mile / gallon")
    units.define("dozen = 12")
    return units


def with_phrases(text: str) -> str:
    """Write units of several words as one: "square metres" as metres^2, "degrees Celsius" as celsius."""
    for phrase, name in _PHRASES.items():
        text = re.sub(rf"\b{phrase}", name, text, flags=re.IGNORECASE)
    return text


def unit_named(name: str) -> Any:
    """Return the unit of one name; raises ModelRetry with the nearest names that are known."""
    units = registry()
    for spelled in (_NAMES.get(name), name, _NAMES.get(name.lower()), name.lower(), _singular(name.lower())):
        if (spelled and "/" in spelled) or (spelled and "^" in spelled):
            return units.parse_units(spelled)
        if spelled and spelled in units:
            return units.Unit(spelled)
    near = ", ".join(nearest_units(name))
    raise ModelRetry(
        f"There is no unit {name!r}.", next_step=f"Nearest: {near}." if near else "Send one such as kg, mile or litre."
    )


def known(name: str) -> bool:
    try:
        unit_named(name)
    except ModelRetry:
        return False
    return True


def nearest_units(name: str) -> Sequence[str]:
    """Return up to three names of units that are spelled nearly like this one."""
    names = [each for each in dir(registry()) if each.islower() and not each.startswith("_")]
    names += [each for each in _NAMES if len(each) > 2]
    return difflib.get_close_matches(name.lower(), sorted(set(names)), n=3, cutoff=0.7)


def symbols(unit: Any) -> str:
    """Write a unit by its symbols: kg·m/s²."""
    above, below = list[str](), list[str]()
    for name, power in unit._units.items():
        power = Fraction(power)
        raised = str(abs(power)).translate(_SUPERSCRIPTS) if abs(power) != 1 else ""
        symbol = "mpg" if name == "mile_per_gallon" else registry().get_symbol(name)
        (above if power > 0 else below).append(f"{symbol}{raised}")
    return "/".join(["·".join(above) or "1", *below]) if below else "·".join(above)


_SUPERSCRIPTS = str.maketrans("0123456789/", "⁰¹²³⁴⁵⁶⁷⁸⁹ᐟ")


def is_money(unit: Any) -> bool:
    return any(str(part) in CURRENCIES for part in unit._units)


def convert(quantity: Any, unit: Any) -> Any:
    """Return a quantity in another unit; raises ModelRetry where the two measure different things."""
    from pint.errors import DimensionalityError

    try:
        return quantity.to(unit)
    except DimensionalityError:
        pass
    if is_money(quantity.units) and is_money(unit):
        held, wanted = symbols(quantity.units), symbols(unit)
        raise ModelRetry(
            f"{held} to {wanted} needs an exchange rate, and there is no source of rates here.",
            next_step=f"Send the rate with the sum: 100 {held} * 0.92 {wanted}/{held}.",
        )
    common = [each for each in _COMMON if registry().Unit(each).dimensionality == quantity.dimensionality]
    raise ModelRetry(
        f"{_kind(quantity.units)} cannot be given in {symbols(unit) or 'plain numbers'}, which is {_kind(unit)}.",
        next_step=f"Send one of: {', '.join(common[:8])}." if common else "Send a number with a unit.",
    )


_COMMON = (
    "gram kilogram pound ounce metric_ton meter kilometer centimeter inch foot yard mile second minute hour day week "
    "liter milliliter gallon cup byte bit kibibyte joule calorie watt_hour watt horsepower degree_Celsius "
    "degree_Fahrenheit kelvin pascal bar psi hectare acre kilometer_per_hour knot radian degree"
).split()


def _kind(unit: Any) -> str:
    if unit.dimensionless:
        return "a plain number"
    parts = [f"{name.strip('[]')}{f'^{power}' if power != 1 else ''}" for name, power in unit.dimensionality.items()]
    return " * ".join(parts)


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name
