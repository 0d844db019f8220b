# ruff: noqa: E501 - a rule reads best on its line
"""A sum as people ask for it, as an expression: the question around it cut off, words of operation as symbols."""

from __future__ import annotations

import re

from mcp_servers.basics.units import with_phrases
from models.checks.spoken import as_symbols

_OPENING = re.compile(
    r"^\s*(?:please\s+)?(?:can you\s+)?(?:what(?:'s| is| are| would be| does)|how (?:much|many) (?:is|are)|calculate|compute"
    r"|work out|evaluate|solve|convert|express|change|how much does)\s+(?:me\s+)?(?:the (?:value|result) of\s+)?",
    re.IGNORECASE,
)
_ENDING = re.compile(r"\s*(?:\bequals?\b|\bmakes?\b|\bcome to\b|=)?\s*[?=.]*\s*$", re.IGNORECASE)
_ANY = r"(.+?)"
# In order; each is a whole expression.
_FORMS: list[tuple[str, str]] = [
    (rf"how (?:many|much) {_ANY} (?:are |is )?(?:there )?(?:in|make|makes) (?!total\b){_ANY}", r"\2 to \1"),
    (rf"what (?:percent|percentage) of {_ANY} (?:is|are) {_ANY}", r"(\2) / (\1) to %"),
    (rf"{_ANY} (?:is|are) what (?:percent|percentage|%) of {_ANY}", r"(\1) / (\2) to %"),
    (rf"{_ANY} as an? (?:percent|percentage) of {_ANY}", r"(\1) / (\2) to %"),
    (rf"(?:the )?percent(?:age)? (?:change|increase|growth|rise|difference) (?:from|between) {_ANY} (?:to|and) {_ANY}", r"((\2) - (\1)) / (\1) to %"),
    (rf"(?:the )?percent(?:age)? (?:decrease|drop|fall|reduction) from {_ANY} to {_ANY}", r"((\1) - (\2)) / (\1) to %"),
    (rf"(?:increase|raise) {_ANY} by {_ANY}", r"\1 + \2"),
    (rf"(?:decrease|reduce|lower) {_ANY} by {_ANY}", r"\1 - \2"),
    (rf"{_ANY} (?:increased|raised) by {_ANY}", r"\1 + \2"),
    (rf"{_ANY} (?:decreased|reduced|discounted|lowered) by {_ANY}", r"\1 - \2"),
    (rf"{_ANY}(?:%| percent| per cent)(?: discount)? off (?:of )?{_ANY}", r"\2 - \1%"),
    (rf"an? {_ANY}(?:%| percent)? tip on {_ANY}", r"\1% of \2"),
    (rf"(?:the )?difference between {_ANY} and {_ANY}", r"abs((\1) - (\2))"),
    (rf"(?:the )?(sum|product|average|mean|median|total) of {_ANY}", r"\1(\2)"),
]  # fmt: skip
_WORDS: list[tuple[str, str]] = [
    (r"(?<=\d)\s*thousand\b", " * 10^3"),
    (r"(?<=\d)\s*million\b", " * 10^6"),
    (r"(?<=\d)\s*billion\b", " * 10^9"),
    (r"(?<=\d)\s*trillion\b", " * 10^12"),
    (r"\b(?:the )?(?:square root of|sqrt of)\s*(\([^()]*\)|[\d.,]*\d)", r"sqrt(\1)"),
    (r"√\s*(\([^()]*\)|[\d.,]*\d)", r"sqrt(\1)"),
    (r"\b(?:the )?cube root of\s*(\([^()]*\)|[\d.,]*\d)", r"cbrt(\1)"),
    (r"\b(?:the )?factorial of\s*(\d+)|\b(\d+) factorial\b", r"factorial(\1\2)"),
    (r"\b(?:raised )?to the power(?: of)?\b|\braised to\b|\*\*", "^"),
    (r"\s+squared\b|²", "^2"),
    (r"\s+cubed\b|³", "^3"),
    (r"[−–—]", "-"),
    (r"[×·⋅]|\btimes\b|\bmultiplied by\b|(?<=[\d)])\s*[xX]\s*(?=[\d(.])", "*"),
    (r"÷|\bdivided by\b|\bper\b", "/"),
    (r"\bplus\b", "+"),
    (r"\bminus\b", "-"),
    (r"\b(?:per ?cent|percent|pct)\b", "%"),
    (r"\b(?:a )?half of\b", "1/2 *"),
    (r"\ba third of\b", "1/3 *"),
    (r"\ba quarter of\b", "1/4 *"),
    (r"→|->|\binto\b", "to"),
    (r"%\s*on\b", "% of"),
    (r"½", " 1/2 "),
    (r"¼", " 1/4 "),
    (r"¾", " 3/4 "),
    (r"π", " pi "),
]


def expression_in(text: str) -> str:
    """Return the expression that a question asks for; a text that is one already keeps its meaning."""
    text = _ENDING.sub("", " ".join(text.split()))
    if not re.search(r"\d", text):
        text = as_symbols(text)
    text = _formed(text) or _formed(_OPENING.sub("", text)) or _OPENING.sub("", text)
    for words, symbol in _WORDS:
        text = re.sub(words, symbol, text, flags=re.IGNORECASE)
    text = with_phrases(text)
    return " ".join(text.split())


def _formed(text: str) -> str:
    for form, expression in _FORMS:
        if found := re.fullmatch(form, text, re.IGNORECASE):
            listed = re.match(r"\\1\(\\2\)", expression)
            if listed:
                return f"{found[1].lower()}({re.sub(r',? and | & ', ', ', found[2])})"
            return found.expand(expression)
    return ""
