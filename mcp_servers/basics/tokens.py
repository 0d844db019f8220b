"""The tokens of an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lyceum.errors import ModelRetry

LONGEST = 500  # characters of an expression
_GROUPED = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?"
_PLAIN = r"(?:\d+(?:_\d+)*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,4}(?![a-zA-Z\d]))?"
_NUMBER = re.compile(rf"{_GROUPED}|{_PLAIN}")
_NUMBER_IN_CALL = re.compile(_PLAIN)  # there a comma parts two arguments
_BASED = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+")
_NAME = re.compile(r"(?:log10|log2|atan2)\b|[$€£¥₹]|°[CF]?|[^\W\d]+")
_SYMBOL = re.compile(r"//|[-+*/^%!(),]")

Kind = Literal["number", "name", "symbol", "end"]


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str
    place: int
    value: Fraction = Fraction(0)
    spaced: bool = False  # whether white space stands before it


def tokens_of(text: str) -> list[Token]:
    """Cut an expression into tokens, an end token last; raises ModelRetry for what none can begin with."""
    if len(text) > LONGEST:
        raise ModelRetry("The expression is too long.", next_step=f"Send at most {LONGEST} characters.")
    found: list[Token] = []
    calls: list[bool] = []  # for each open parenthesis: does it hold arguments?
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        spaced = place > 0 and text[place - 1].isspace()
        number = _NUMBER_IN_CALL if calls and calls[-1] else _NUMBER
        if match := _BASED.match(text, place):
            found.append(Token("number", match.group(), place, Fraction(int(match.group(), 0)), spaced))
        elif match := number.match(text, place):
            value = Fraction(match.group().replace(",", "").replace("_", ""))
            found.append(Token("number", match.group(), place, value, spaced))
        elif match := _NAME.match(text, place):
            found.append(Token("name", match.group(), place, spaced=spaced))
        elif match := _SYMBOL.match(text, place):
            if match.group() == "(":
                calls.append(bool(found) and found[-1].kind == "name" and not spaced)
            elif match.group() == ")" and calls:
                calls.pop()
            found.append(Token("symbol", match.group(), place, spaced=spaced))
        else:
            raise ModelRetry(
                f"{text[place]!r} at place {place + 1} is no part of a sum.",
                next_step="Send numbers, units, + - * / ^ % ( ) and functions such as sqrt.",
            )
        place = match.end()
    return [*found, Token("end", "", len(text))]
