"""Works out expressions of numbers, percentages and units: a grammar of its own, so nothing else can be run.

    sum     := term (("+" | "-") term)*           200 + 10% takes the percentage of what stands before it
    term    := sign (("*" | "/" | "//" | "of" | "mod") sign)*
    sign    := ("+" | "-") sign | measure
    measure := power unit* (number unit+)*        5 ft 3 in
    power   := postfix ("^" ("-")? power)?
    postfix := primary ("!" | "%")*
    primary := number | constant | unit | function "(" sum ("," sum)* ")" | "(" sum ")"

Numbers are fractions as long as the functions used allow it. Size, depth and digits are bounded, and with them time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from lyceum.errors import ModelRetry, nearest
from mcp_servers.basics.functions import CONSTANTS, FUNCTIONS, Number, call, checked, power
from mcp_servers.basics.tokens import Token, tokens_of
from mcp_servers.basics.units import convert, registry, symbols, unit_named

DEEPEST = 40
_WORD_OPERATORS = {"of", "mod", "modulo", "over", "to", "in", "as", "and"}
_SAME_UNIT = {"abs", "round", "floor", "ceil", "min", "max", "sum", "total", "mean", "average", "median", "stdev"}
_OF_ANGLES = {"sin", "cos", "tan"}


@dataclass(frozen=True)
class Amount:
    """A number, with a unit where it has one; `percent`: it was written with a percent sign."""

    value: Number
    unit: Any = None
    percent: bool = False

    @property
    def quantity(self) -> Any:
        return registry().Quantity(self.value, self.unit or registry().dimensionless)


def amount_of(quantity: Any) -> Amount:
    """Return a quantity as an amount; one whose units cancel out is a plain number."""
    if quantity.unitless or (quantity.dimensionless and not quantity.units._units):
        return Amount(checked(_number(quantity.magnitude)))
    return Amount(checked(_number(quantity.magnitude)), quantity.units)


def _number(value: Any) -> Number:
    return value if isinstance(value, float | Fraction) else Fraction(value)


def work_out(expression: str) -> Amount:
    """Return the value of an expression without a target unit; raises ModelRetry where it cannot be read."""
    return Reader(tokens_of(expression)).whole()


def in_unit(amount: Amount, unit: Any) -> Amount:
    moved = convert(amount.quantity, unit)
    return Amount(checked(_number(moved.magnitude)), unit)


class Reader:
    """Reads tokens from left to right, and works out on the way."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.notes: list[str] = []

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> Token | None:
        token = self._next
        if token.kind != "end" and token.kind != "number" and token.text.lower() in texts:
            self._at += 1
            return token
        return None

    def whole(self) -> Amount:
        try:
            amount = self._sum()
        except ZeroDivisionError:
            raise ModelRetry("That divides by zero.", next_step="Send a divisor other than 0.") from None
        except OverflowError:
            raise ModelRetry("The result is beyond what can be held.", next_step="Send smaller numbers.") from None
        if self._next.kind != "end":
            raise self._unreadable()
        return amount

    def _unreadable(self) -> ModelRetry:
        token = self._next
        if token.kind == "end":
            return ModelRetry("The expression ends too early.", next_step="Finish it, e.g. 3 kg + 200 g.")
        return ModelRetry(
            f"{token.text!r} at place {token.place + 1} cannot be read there.",
            next_step="Send one expression, e.g. 17.5% of 3,240 kg in pounds.",
        )

    def _sum(self) -> Amount:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ModelRetry("The expression is nested too deeply.", next_step=f"Nest at most {DEEPEST} deep.")
        left = self._term()
        while sign := self._take("+", "-"):
            right = self._term()
            if right.percent and not left.percent:
                share = 1 + right.value if sign.text == "+" else 1 - right.value
                left = replace(left, value=checked(left.value * share))
                self.notes.append("A percentage that is added or taken off is of what stands before it.")
            else:
                left = _added(left, right, 1 if sign.text == "+" else -1)
        self._depth -= 1
        return left

    def _term(self) -> Amount:
        left = self._sign()
        while operator := self._take("*", "/", "//", "of", "over", "mod", "modulo"):
            left = _multiplied(left, self._sign(), operator.text.lower())
        return left

    def _sign(self) -> Amount:
        if sign := self._take("+", "-"):
            self._depth += 1
            if self._depth > DEEPEST:
                raise ModelRetry("There are too many signs.", next_step="Send one sign before a number.")
            amount = self._sign()
            self._depth -= 1
            return amount if sign.text == "+" else replace(amount, value=-amount.value)
        return self._measure()

    def _measure(self) -> Amount:
        """A number with its units, and smaller units of the same kind after it."""
        amount = self._with_units(self._power())
        while amount.unit is not None and (follow := self._follows()) is not None:
            self._at = follow
            more = self._with_units(self._power())
            amount = _added(amount, more, -1 if amount.value < 0 else 1)
        return amount

    def _follows(self) -> int | None:
        """The place of a number and a unit that go on with a measure, e.g. of "3 in" after "5 ft"."""
        at = self._at + (self._next.kind == "name" and self._next.text.lower() == "and")
        if at + 1 < len(self._tokens) and self._tokens[at].kind == "number" and self._is_unit(at + 1):
            return at
        return None

    def _is_unit(self, at: int) -> bool:
        token = self._tokens[at]
        if token.kind != "name" or token.text.lower() in _WORD_OPERATORS - {"in"}:
            return False
        opens = self._tokens[at + 1].text == "(" and token.text.lower() in FUNCTIONS
        if token.text == "in":  # an inch only right after a number
            return at > 0 and self._tokens[at - 1].kind == "number" and self._tokens[at - 2].text != "^"
        return not opens

    def _with_units(self, amount: Amount) -> Amount:
        first = True
        while self._is_unit(self._at) and not amount.percent:
            unit = self._unit()
            if first and amount.unit is None:
                amount = replace(amount, unit=unit)  # set, not multiplied: 20 degrees Celsius are no product
            else:
                amount = amount_of(amount.quantity * registry().Quantity(Fraction(1), unit))
            first = False
        return amount

    def _unit(self) -> Any:
        unit = unit_named(self._next.text)
        self._at += 1
        if self._take("^"):
            negative = self._take("-") is not None
            if self._next.kind != "number" or not 1 <= self._next.value <= 9:
                raise self._unreadable()
            exponent = self._next.value
            self._at += 1
            unit = unit ** int(-exponent if negative else exponent)
        return unit

    def _power(self) -> Amount:
        base = self._postfix()
        if not self._take("^"):
            return base
        self._depth += 1
        negative = self._take("-") is not None
        if self._depth > DEEPEST:
            raise ModelRetry("There are too many exponents.", next_step="Send fewer.")
        exponent = self._power()
        self._depth -= 1
        if exponent.unit is not None:
            raise ModelRetry("An exponent has no unit.", next_step="Send a plain number after ^.")
        raised = -exponent.value if negative else exponent.value
        if base.unit is None:
            return Amount(power(base.value, raised))
        if abs(raised) > 20:
            raise ModelRetry("Units are raised to 20 at most.", next_step="Send a smaller exponent.")
        return amount_of(registry().Quantity(power(base.value, raised), base.unit**raised))

    def _postfix(self) -> Amount:
        amount = self._primary()
        while self._next.text in ("!", "%") and self._next.kind == "symbol":
            if self._next.text == "%" and self._begins_operand(self._at + 1):  # 17 % 5
                self._at += 1
                return _multiplied(amount, self._postfix(), "mod")
            symbol = self._next.text
            self._at += 1
            if symbol == "!":
                amount = Amount(call("factorial", [amount.value]))
            else:
                amount = Amount(amount.value / 100, percent=True)
        return amount

    def _begins_operand(self, at: int) -> bool:
        token = self._tokens[at]
        return token.kind == "number" or token.text == "("

    def _primary(self) -> Amount:
        token = self._next
        if token.kind == "number":
            self._at += 1
            return self._fraction(Amount(checked(token.value)))
        if self._take("("):
            amount = self._sum()
            if not self._take(")"):
                raise ModelRetry("A parenthesis is not closed.", next_step="Close every parenthesis.")
            return amount
        if token.kind == "name":
            name = token.text
            if self._tokens[self._at + 1].text == "(" and not _is_money_sign(name):
                return self._call(name)
            if name.lower() in CONSTANTS:
                self._at += 1
                return Amount(CONSTANTS[name.lower()])
            if _is_money_sign(name) and self._tokens[self._at + 1].kind == "number":
                self._at += 1
                return replace(self._primary(), unit=unit_named(name))
            if name.lower() not in _WORD_OPERATORS:
                return Amount(Fraction(1), self._unit())
        raise self._unreadable()

    def _fraction(self, amount: Amount) -> Amount:
        """`1/2 kg` is half a kilogram, while `1 / 2 kg` divides by two kilograms."""
        slash, below = self._next, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if slash.text == "/" and below.kind == "number" and not slash.spaced and not below.spaced and below.value:
            after = self._tokens[self._at + 2]
            if after.kind == "name" and after.spaced and self._is_unit(self._at + 2):
                self._at += 2
                return Amount(amount.value / below.value)
        return amount

    def _call(self, name: str) -> Amount:
        lower = name.lower()
        if lower not in FUNCTIONS:
            raise ModelRetry(f"There is no function {name!r}.", next_step=nearest(lower, FUNCTIONS, what="functions"))
        self._at += 2
        given = [self._sum()]
        while self._take(","):
            given.append(self._sum())
        if not self._take(")"):
            raise ModelRetry(f"{name}( is not closed.", next_step="Close every parenthesis.")
        if lower == "log" and len(given) == 1:
            self.notes.append("log is to base 10; ln is the natural one.")
        if lower in _OF_ANGLES and all(each.unit is None for each in given):
            self.notes.append(f"{lower} takes radians; write {lower}(30 degrees) for degrees.")
        return _applied(lower, given)


def _is_money_sign(name: str) -> bool:
    return name in "$€£¥₹"


def _applied(name: str, given: list[Amount]) -> Amount:
    first = given[0]
    if all(each.unit is None for each in given):
        return Amount(call(name, [each.value for each in given]))
    if name in _SAME_UNIT and first.unit is not None:
        places = [each.value for each in given[1:]] if name == "round" else []
        values = [first.value] if name == "round" else [in_unit(each, first.unit).value for each in given]
        return Amount(call(name, [*values, *places]), first.unit)
    if name in ("sqrt", "cbrt") and first.unit is not None:
        degree = Fraction(1, 2 if name == "sqrt" else 3)
        return amount_of(registry().Quantity(call(name, [first.value]), first.unit**degree))
    if name in _OF_ANGLES:
        return Amount(call(name, [float(in_unit(first, registry().radian).value)]))
    plain = [in_unit(each, registry().dimensionless).value for each in given]
    return Amount(call(name, plain))


def _added(left: Amount, right: Amount, sign: int) -> Amount:
    if left.unit is None and right.unit is None:
        return Amount(checked(left.value + sign * right.value), percent=left.percent and right.percent)
    unit = left.unit or registry().dimensionless
    if left.unit is None and not right.quantity.check("[]"):
        raise ModelRetry(
            f"A plain number and {symbols(right.unit)} cannot be added.", next_step="Give both the same kind of unit."
        )
    return amount_of(left.quantity + sign * convert(right.quantity, unit))


def _multiplied(left: Amount, right: Amount, operator: str) -> Amount:
    if left.unit is None and right.unit is None:
        return Amount(_combined(left.value, right.value, operator))
    if operator in ("//", "mod", "modulo"):
        unit = left.unit or registry().dimensionless
        value = _combined(left.value, in_unit(right, unit).value, operator)
        return Amount(value) if operator == "//" else Amount(value, unit)
    result = left.quantity / right.quantity if operator in ("/", "over") else left.quantity * right.quantity
    result = result.to_reduced_units() if result.units.dimensionless else result
    return amount_of(result)


def _combined(left: Number, right: Number, operator: str) -> Number:
    match operator:
        case "/" | "over":
            return checked(left / right)
        case "//":
            return checked(Fraction(left // right))
        case "mod" | "modulo":
            return checked(left % right)
        case _:
            return checked(left * right)
