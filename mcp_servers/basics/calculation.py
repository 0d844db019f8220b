"""A sum from question to answer: what was read, what it is worth, and in the unit that was asked for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from lyceum.sources import Source
from mcp_servers.basics.expression import Amount, Reader, in_unit, work_out
from mcp_servers.basics.numbers import shown
from mcp_servers.basics.phrasing import expression_in
from mcp_servers.basics.tokens import Token, tokens_of
from mcp_servers.basics.units import registry, symbols

_BASES = {"binary": "b", "hex": "x", "hexadecimal": "x", "octal": "o"}
_PLAIN_TARGETS = {"decimal", "number", "numbers", "digits"}
_EXACT_DIGITS = 60
_OPERATES = re.compile(r"[+*%(!]|-|/\s*\d|\bof\b")


class Calculation(BaseModel):
    """A worked-out expression; `text` is the whole line, `exact` the exact value where `text` had to round."""

    expression: str = Field(description="The expression as it was read.")
    text: str = Field(description="The line to show: expression, steps and result.")
    result: str = Field(description="The result alone, with its unit.")
    value: float | None = Field(default=None, description="The result as a number; absent beyond what one can hold.")
    unit: str = Field(default="", description="Its unit; empty for a plain number.")
    exact: str = Field(default="", description="The exact value as a fraction, where the shown one is rounded.")
    notes: list[str] = Field(default_factory=list[str], description="How it was read where it could be read otherwise.")
    sources: list[Source] = Field(default_factory=list[Source])


def source_for(kind: str, text: str) -> Source:
    """Make a piece of work citable: what was asked and what came out, in one line."""
    return Source(id=f"{kind}:{hashlib.sha256(text.encode()).hexdigest()[:8]}", kind="output", title=kind, text=text)


def calculate(question: str, to: str = "") -> Calculation:
    """Work out a question or expression; raises ModelRetry saying what to send where it is none."""
    try:
        return _calculated(question, to)
    except TypeError as error:
        if not type(error).__module__.startswith("pint"):  # importing its errors costs what importing it costs
            raise
        raise ModelRetry(
            "Temperatures on scales with another zero cannot be added or multiplied.",
            next_step="Convert them to kelvin first, or write differences as delta_degC.",
        ) from None


def _calculated(question: str, to: str) -> Calculation:
    expression = expression_in(question)
    if not expression:
        raise ModelRetry("There is no expression.", next_step="Send one, e.g. 17.5% of 3,240 kg in pounds.")
    left, target = (expression, expression_in(to)) if to else _parted(expression)
    reader = Reader(tokens_of(left))
    amount = reader.whole()
    final = _aimed(amount, target)
    own = _written(amount)
    steps = [_tidy(left)]
    if target and amount.unit is not None and _OPERATES.search(left) and own.text != final.text:
        steps.append(own.text)
    line = " = ".join(steps)
    text = line if line == final.text else f"{line} {'=' if final.exact else '≈'} {final.text}"
    return Calculation(
        expression=expression if not to else f"{left} to {target}",
        text=text,
        result=final.text,
        value=final.number,
        unit=final.unit,
        exact=final.fraction,
        notes=[*dict.fromkeys(reader.notes), *_lengths_of_time(left, target)],
        sources=[source_for("calculation", text)],
    )


def _lengths_of_time(left: str, target: str) -> list[str]:
    if re.search(r"\b(?:months?|years?|yrs?)\b", f"{left} {target}", re.IGNORECASE):
        return ["A year is taken as 365.25 days and a month as a twelfth of it; for calendar dates use the date tools."]
    return []


def _parted(expression: str) -> tuple[str, str]:
    """Cut "3 in in cm" at the word that leads to its target; an "in" after a number is an inch."""
    tokens = tokens_of(expression)
    for at in range(len(tokens) - 2, 0, -1):
        token = tokens[at]
        if token.kind != "name" or token.text.lower() not in ("in", "to", "as"):
            continue
        rest = tokens[at + 1 : -1]
        bare = tokens[at - 1].kind == "number" and not (at > 1 and tokens[at - 2].text in "^$€£¥₹")
        if token.text.lower() == "in" and bare and not _is_base(rest):
            if at == 1 and _names_unit(rest):
                return f"{tokens[0].text} inch", expression[rest[0].place :]
            continue
        if _names_unit(rest):
            return expression[: token.place].strip(), expression[rest[0].place :]
    return expression, ""


def _is_base(rest: list[Token]) -> bool:
    return len(rest) == 1 and rest[0].text.lower() in _BASES


def _names_unit(rest: list[Token]) -> bool:
    """Tell whether a target can follow: names, powers and slashes, or a percent sign."""
    if not rest:
        return False
    return all(
        token.kind == "name" or token.text in ("%", "^", "/", "*", "-") or (token.kind == "number" and token.value < 10)
        for token in rest
    ) and (rest[0].kind == "name" or rest[0].text == "%")


@dataclass(frozen=True)
class Written:
    text: str
    exact: bool
    number: float | None
    unit: str = ""
    fraction: str = ""


def _written(amount: Amount, unit: str | None = None) -> Written:
    digits, exact = shown(amount.value)
    unit = (symbols(amount.unit) if amount.unit is not None else "") if unit is None else unit
    fraction = ""
    if isinstance(amount.value, Fraction) and not exact and len(str(amount.value)) <= _EXACT_DIGITS:
        fraction = str(amount.value)
    joined = f"{digits}{unit}" if unit in ("%", "°") else f"{digits} {unit}".strip()
    return Written(joined, exact, _as_float(amount.value), unit, fraction)


def _aimed(amount: Amount, target: str) -> Written:
    """Give an amount in what was asked for: a unit, units from large to small, a percentage, another base."""
    asked = target.strip().lower()
    if not asked or asked in _PLAIN_TARGETS:
        return _written(amount)
    if asked in ("%", "percent", "percentage"):
        plain = amount if amount.unit is None else in_unit(amount, registry().dimensionless)
        return _written(Amount(plain.value * 100), "%")
    if asked in ("fraction", "a fraction"):
        if isinstance(amount.value, Fraction) and amount.unit is None:
            return Written(str(amount.value), True, _as_float(amount.value), fraction=str(amount.value))
        raise ModelRetry("That is no exact plain number.", next_step="Ask for a unit or a decimal number.")
    if asked in _BASES:
        if amount.unit is not None or amount.value != int(amount.value):
            raise ModelRetry("Only whole numbers have digits in other bases.", next_step="Send a whole number.")
        return Written(format(int(amount.value), f"#{_BASES[asked]}"), True, _as_float(amount.value))
    parts = [part for part in re.split(r"\s*(?:,|\band\b)\s*", target.strip()) if part]
    if len(parts) > 1:
        return _in_parts(amount, parts)
    unit = work_out(target)
    if unit.unit is None:
        raise ModelRetry(f"{target!r} is no unit.", next_step="Send a unit to convert to, e.g. kg.")
    if amount.unit is None:
        raise ModelRetry(
            f"{_written(amount).text} has no unit, so it cannot be given in {target}.",
            next_step=f"Send the number with its unit, e.g. 10 kg in {target}.",
        )
    return _written(in_unit(amount, unit.unit), re.sub(r"\s*([*/^])\s*", r"\1", target))


def _in_parts(amount: Amount, names: list[str]) -> Written:
    """Give an amount in whole larger units and the rest in the smallest: 180 cm in feet and inches."""
    units = [work_out(name).unit for name in names]
    if amount.unit is None or any(unit is None for unit in units):
        raise ModelRetry(f"{', '.join(names)} are not all units.", next_step="Send units such as feet and inches.")
    rest = in_unit(amount, units[0])
    negative, rest = rest.value < 0, Amount(abs(rest.value), rest.unit)
    texts: list[str] = []
    for name, unit in zip(names[:-1], units[:-1], strict=True):
        rest = in_unit(rest, unit)
        whole = int(rest.value)
        texts.append(f"{whole:,} {name}")
        rest = Amount(rest.value - whole, unit)
    last = _written(in_unit(rest, units[-1]), names[-1])
    total = in_unit(amount, units[-1])
    return Written(
        ("-" if negative else "") + " ".join([*texts, last.text]), last.exact, _as_float(total.value), names[-1]
    )


def _as_float(value: Fraction | float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _tidy(expression: str) -> str:
    plain = re.sub(r"(?<![\w)])\((-?[\d.,]+%?)\)", r"\1", expression)
    plain = re.sub(r"(?<=[\w)%!°])\s*(//|[-+*/])\s*(?=[\w($€£°])", r" \1 ", plain)
    return re.sub(r"(?<=[^\W\d]) / (?=[^\W\d])", "/", plain)  # a unit such as km/h
