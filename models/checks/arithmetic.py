"""Sums in a text, worked out again: what is stated as equal and is not."""

from __future__ import annotations

import ast
import operator
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise

from models.checks.spoken import as_symbols

ROUGHLY = 0.05  # how far "about" may be off
LARGEST_POWER = 400
MOST_PARTS = 12

_NUMBER = r"\d+(?:\.\d+)?%?"
_VERB = (
    r"(?:should\s+be|would\s+be|will\s+be|must\s+be|is|are|was|equals?|makes?|gives?|gets?(?:\s+you)?|yields?|leaves?"
    r"|costs?|contains?|holds?|comes?\s+(?:out\s+)?(?:to|at|as)|works?\s+out\s+(?:to|at|as)|evaluates?\s+to|totals?"
    r"|results?\s+in|amounts?\s+to|(?:add|sum)s?\s+(?:up\s+)?to|as|have|has|produces?|returns?)\b"
)
_RELATION = (
    r"(?:\s*,?\s*(?:which|that|it|this|they|you|we)\b)?\s*(?:"
    r"(?P<not>≠|!=|\bis\s+not\b|\bisn't\b|\bdoes\s+not\s+equal\b|\bdoesn't\s+equal\b)"
    r"|(?P<above>>=?|≥|\bis\s+(?:greater|more|larger|bigger|higher)\s+than\b|\bexceeds\b)"
    r"|(?P<below><=?|≤|\bis\s+(?:less|smaller|fewer|lower)\s+than\b)"
    r"|(?P<equal>≈|==?(?!>)|\b(?:is|are|equals?)\b(?!\s+(?:greater|more|larger|bigger|higher|less|smaller|lower|not)\b))"
    r"|=>|->|→|:|\?\s*(?:(?:the\s+)?(?:answer|result|a|it|that)\b\s*(?:is|'s|:)?)?"
    rf"|\b{_VERB})"
    r"\s*(?:=\s*)?(?P<roughly>≈|~|\b(?:about|roughly|approximately|around|nearly|almost|approx\.?|circa|some)\b)?"
    r"\s*(?:\b(?:exactly|equal\s+to|the|a\s+total\s+of|only|just|now|then|correctly)\b\s*)*"
)
_NO_UNIT = rf"(?:{_VERB}|and|or|of|to|per|the|an?|mod|which|that|in|so|it|not|exceeds|does|come|work|add|sum)\b"
_UNIT = rf"(?:\s?(?!{_NO_UNIT})[a-zA-Z°]+\b)"
_CALL = r"(?:sum|mean|median|product|difference)\([^()]*\)"
_TERM = rf"\(*\s*-?\s*\(*\s*(?:{_CALL}|{_NUMBER})(?:\s*\)+)?{_UNIT}?(?:\s*\)+)?"
_SIDE = rf"{_TERM}(?:\s*(?:\*\*|//|[-+*/]|\bmod\b)\s*{_TERM})*"
_EQUATION = re.compile(rf"(?<![\w.,/*+-])(?:{_SIDE})(?:{_RELATION}(?:{_SIDE}))+", re.IGNORECASE)
_RELATED = re.compile(_RELATION, re.IGNORECASE)
_SIDES = re.compile(_SIDE, re.IGNORECASE)
_WORDS = re.compile(r"(?<![a-zA-Z])(?!(?:sum|mean|median|product|difference|mod)\b)[a-zA-Z°]+")
_OPERATES = re.compile(rf"{_CALL}|[\d)%a-z]\s*(?:\*\*|//|[-+*/]|\bmod\b)\s*[-(]*\s*[\d]", re.IGNORECASE)
# A match that begins inside a formula says something else than it seems to.
_CUT_BEFORE = re.compile(
    r"(?:\b(?:ln|log\d*|exp|sqrt|cos|sin|tan|max|min)\s*\(?|[a-z_]\(|[-*/+^|²]\s*)$", re.IGNORECASE
)
_PART = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w%]|\.\d)")
_TOTAL = re.compile(
    r"(?:\bin total|\baltogether|\bin all|\ba total(?: of)?|\btotals?(?: is| of|ling)?|\bsums? (?:up )?to|\badds? up to"
    r"|\badding up to|\bsumming to|\btogether(?: is| are| makes?)?)\s*[:=,]?\s*"
    r"(?:(?:is|are|was|we have|makes?|that is)\s+)?(?:about\s+)?(?P<after>\d+(?:\.\d+)?)(?![\w%]|\.\d)"
    r"|(?<![\w.-])(?P<before>\d+(?:\.\d+)?)(?:\s+[a-z]+){0,2}"
    r"\s+(?:in total|altogether|in all|total)\b(?P<early>\s*[:(])?",
    re.IGNORECASE,
)

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}
_CALLS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "sum": lambda given: sum(given, Fraction(0)),
    "mean": statistics.mean,
    "median": statistics.median,
    "product": lambda given: _product(given),
    "difference": lambda given: abs(given[0] - given[-1]),
}


@dataclass(frozen=True)
class Equation:
    """Two sides that a text states as equal (or as `relation` says); `holds` is None where units leave it open."""

    left: str
    right: str
    holds: bool | None
    wrong: str = ""


def equations(text: str) -> list[Equation]:
    """Return every statement of arithmetic in a text, worked out; plain sentences give none."""
    found: list[Equation] = []
    plain = as_symbols(text)
    for match in _EQUATION.finditer(plain):
        if not (_CUT_BEFORE.search(plain[: match.start()]) or plain[match.end() :].startswith("(")):
            found += _pairs(match.group())
    return found or totals(plain)


def totals(text: str) -> list[Equation]:
    """Return the totals that sentences state after their parts: "12 in May and 15 in June, 27 in total".

    A total holds when any two or more of the parts give it, since a sentence may name numbers that do not count.
    """
    found: list[Equation] = []
    for sentence in re.split(r"(?<=[.!?;])\s+(?=[A-Z])|\n{2,}", text):
        total = _TOTAL.search(sentence)
        if total is None:
            continue
        stated = total["after"] or total["before"]
        others = sentence[: total.start()] + (sentence[total.end() :] if total["early"] else "")
        parts = [Fraction(part) for part in _PART.findall(others) if not re.fullmatch(r"(?:19|20)\d\d", part)]
        whole = sum(parts, Fraction(0))
        if not 2 <= len(parts) <= MOST_PARTS or not whole / 2 < Fraction(stated) < whole * 2:
            continue  # what is far off was never meant as their total
        sums = {sum(some) for size in range(2, len(parts) + 1) for some in combinations(parts, size)}
        left = " + ".join(_shown(part) for part in parts)
        holds = Fraction(stated) in sums
        found.append(Equation(left, stated, holds, "" if holds else f"{left} is {_shown(whole)}, not {stated}"))
    return found


def value_of(expression: str) -> Fraction:
    """Work out an expression of numbers; raises ValueError where it is none, or too large."""
    plain = re.sub(r",?\s*(?:\band\b|&)", ",", expression)
    plain = _WORDS.sub("", plain).replace("mod", "%%")
    plain = re.sub(r"(\d+(?:\.\d+)?)%(?!%)", r"(\1/100)", plain).replace("%%", "%")
    plain = re.sub(r"(?<![\d.])0+(?=\d)", "", plain)
    try:
        tree = ast.parse(plain.strip(), mode="eval")
        return _worked_out(tree.body)
    except (SyntaxError, ZeroDivisionError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(expression) from error


def agrees(true: Fraction, said: str, *, roughly: bool = False) -> bool:
    """Tell whether a number as written stands for a value: exactly, or rounded to the decimals it shows."""
    percent = "%" in said
    digits = _WORDS.sub("", said).replace("%", "").replace(" ", "").strip("()")
    stated, scaled = Fraction(digits), true * 100 if percent else true
    off = abs(stated - scaled)
    decimals = len(digits.partition(".")[2])
    if roughly:
        return off <= max(abs(scaled) * Fraction(ROUGHLY), Fraction(1, 2 * 10**decimals))
    if off == 0 or (not decimals and not percent):
        return off == 0
    last = Fraction(1, 10**decimals)
    cut_off = off < last and abs(stated) < abs(scaled) and (scaled * 10 ** (decimals + 2)).denominator != 1
    return off <= last / 2 or cut_off


def _pairs(chain: str) -> list[Equation]:
    sides, relations, rest = list[str](), list[re.Match[str]](), chain
    while side := _SIDES.match(rest):
        sides.append(side.group().strip())
        rest = rest[side.end() :]
        relation = _RELATED.match(rest)
        if relation is None:
            break
        relations.append(relation)
        rest = rest[relation.end() :]
    last = len(sides) - 2
    pairs = enumerate(zip(pairwise(sides), relations, strict=False))
    return [
        each
        for place, ((left, right), relation) in pairs
        if (_OPERATES.search(left) or (relation["equal"] and place == last))  # "and 4 give (1 + 2) / 3 = 1" speaks of 1
        and (each := _compared(left, right, relation))
    ]


def _compared(left: str, right: str, relation: re.Match[str]) -> Equation | None:
    if not (_OPERATES.search(left) or _OPERATES.search(right)):
        return None
    if "leave" in relation.group() and "-" not in left:  # 4 devices of 80 GB leave what others do not take
        return None
    left, right = _balanced(left), _balanced(right)
    try:
        first, second = value_of(left), value_of(right)
    except ValueError:
        return None
    plain = [side for side in (right, left) if not _OPERATES.search(side)]
    true = first if plain and plain[0] == right else second
    if relation["above"] or relation["below"]:
        holds = first > second if relation["above"] else first < second
        holds = holds or ("=" in relation.group() and first == second)
    elif plain:
        holds = agrees(true, plain[0], roughly=bool(relation["roughly"]) or "≈" in relation.group())
    else:
        holds = abs(first - second) <= abs(first) * Fraction(1, 10**6)
    if relation["not"]:
        holds = not holds
    if not holds and not _same_units(left, right):
        return Equation(left, right, None)
    shown = plain[0] if plain else right
    worked = left if shown == right else right
    wrong = "" if holds else f"{_tidy(worked)} is {_shown(true, percent='%' in shown)}, not {_tidy(shown)}"
    if not holds and (relation["above"] or relation["below"] or relation["not"]):
        wrong = f"{_tidy(left)} is {_shown(first)} and {_tidy(right)} is {_shown(second)}"
    return Equation(left, right, holds, wrong)


def _same_units(left: str, right: str) -> bool:
    """What comes out in another unit than went in cannot be compared by its number."""
    before, after = ({word.lower().rstrip("s") for word in _WORDS.findall(side)} for side in (left, right))
    return not before or not after or bool(before & after)


def _balanced(side: str) -> str:
    """Cut the parentheses that belong to the sentence around a sum."""
    side = side.strip()
    while side.count("(") > side.count(")") and side.startswith("("):
        side = side[1:].strip()
    while side.count(")") > side.count("(") and side.endswith(")"):
        side = side[:-1].strip()
    return side


def _worked_out(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_worked_out(inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_worked_out(left), _worked_out(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_worked_out(left), _worked_out(right))
        case ast.Call(func=ast.Name(id=name), args=given) if name in _CALLS and given:
            return _CALLS[name]([_worked_out(each) for each in given])
        case _:
            raise ValueError(ast.dump(node))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent) > LARGEST_POWER or base.numerator.bit_length() > LARGEST_POWER:
        raise ValueError("too large")
    power = base**exponent
    return power if isinstance(power, Fraction) else Fraction(str(power))


def _product(given: Sequence[Fraction]) -> Fraction:
    result = Fraction(1)
    for each in given:
        result *= each
    return result


def _shown(value: Fraction, *, percent: bool = False) -> str:
    value = value * 100 if percent else value
    text = str(value) if value.denominator == 1 else f"{float(value):.4f}".rstrip("0")
    return f"{text}%" if percent else text


def _tidy(side: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\s*([*/+]|\*\*)\s*", r" \1 ", side)).replace("* *", "**").strip()
