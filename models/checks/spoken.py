# ruff: noqa: E501 - a rule reads best on its line
"""Arithmetic as people write it, rewritten as symbols: "fifteen percent of 80" becomes "15/100 * 80"."""

from __future__ import annotations

import re

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: n for n, word in enumerate(_UNITS)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join([*_VALUES, *_SCALES])
_WORDED = re.compile(rf"\b(?:a\s+(?=hundred|thousand|million))?(?:{_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*\b", re.I)

_N = r"\$?\d+(?:\.\d+)?"
_PERCENT = r"(\d+(?:\.\d+)?)\s*%"
_NOUN = r"(?:\s+(?!(?:and|or|out|of|to|by|from|is|are|add|sum|total|together|altogether)\b)[a-z][a-z-]*)"
_LIST = rf"({_N}{_NOUN}?(?:\s*,\s*(?:and\s+)?{_N}{_NOUN}?)*\s*(?:,?\s*and|&)\s*{_N})"

# In order: what comes first may leave what a later rule needs.
_RULES: list[tuple[str, str]] = [
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),
    (r"[−–—](?=\s*[\d(])", "-"),
    (r"[×·⋅]|(?<=[\d)])\s*[xX]\s*(?=[\d(])", " * "),
    (r"÷", "/"),
    (r"\^|\bto the power(?: of)?\b|\braised to(?: the)?(?: power(?: of)?)?\b", " ** "),
    (r"[²]|\s+squared\b", " ** 2"),
    (r"[³]|\s+cubed\b", " ** 3"),
    (r"\s*\b(?:percent|per cent|pct)\b", "%"),
    (r"(?<=\d)\s*%\s*(?=\d)|\bmod(?:ulo)?\b", " mod "),
    (r"\b(?:the )?square root of\s*\(?(\d+(?:\.\d+)?)\)?|\bsqrt\s*\(\s*(\d+(?:\.\d+)?)\s*\)|√\s*(\d+(?:\.\d+)?)", r"(\1\2\3 ** 0.5)"),
    (rf"\b(?:the )?(?:sum|total) of {_LIST}", r"sum(\1)"),
    (rf"\b(?:the )?(?:average|mean)(?: value)? of {_LIST}", r"mean(\1)"),
    (rf"\b(?:the )?median of {_LIST}", r"median(\1)"),
    (rf"\b(?:the )?product of {_LIST}", r"product(\1)"),
    (rf"\b(?:the )?difference (?:between|of) {_LIST}", r"difference(\1)"),
    (rf"\badding (?:up )?{_LIST}|\badding (?:together )?({_N}) to ({_N})", r"sum(\1\2,\3)"),
    (rf"\bmultiplying {_LIST}|\bmultiplying ({_N}) (?:by|with) ({_N})", r"product(\1\2,\3)"),
    (rf"\b(?:if you |when you )?(?:subtract|subtracting|take|taking) ({_N}) (?:from|away from) ({_N})", r"(\2 - \1)"),
    (rf"\bdividing ({_N}) by ({_N})", r"(\1 / \2)"),
    (rf"{_LIST}(?=\s+(?:together|altogether|add(?:s|ed)? up to|sums? (?:up )?to|total)\b)(?:\s+(?:al)?together)?", r"sum(\1)"),
    (rf"\b(?:an? )?(?:increase|rise|growth|gain|going up) from ({_N}){_NOUN}? to ({_N}){_NOUN}?", r"((\2 - \1) / \1)"),
    (rf"\b(?:an? )?(?:decrease|drop|fall|decline|reduction|going down) from ({_N}){_NOUN}? to ({_N}){_NOUN}?", r"((\1 - \2) / \1)"),
    (rf"\bfrom ({_N}){_NOUN}? to ({_N}){_NOUN}? (?:is|means|makes) an? (?:(?:increase|rise|growth|gain) of )?{_PERCENT}(?: (?:increase|rise|growth|gain)\b)?(?! (?:decrease|drop|fall|decline|reduction))", r"((\2 - \1) / \1) = \3%"),
    (rf"\bfrom ({_N}){_NOUN}? to ({_N}){_NOUN}? (?:is|means|makes) an? (?:(?:decrease|drop|fall|decline|reduction) of )?{_PERCENT}(?: (?:decrease|drop|fall|decline|reduction)\b)?", r"((\1 - \2) / \1) = \3%"),
    (rf"{_PERCENT} off (?:of )?({_N})", r"(\2 * (1 - \1/100))"),
    (rf"({_N})(?:,)? (?:increased|raised|marked up|grown) by {_PERCENT}|({_N})\s*(?:\+|plus) {_PERCENT}(?! of)", r"(\1\3 * (1 + \2\4/100))"),
    (rf"({_N})(?:,)? (?:decreased|reduced|lowered|cut|discounted) by {_PERCENT}|({_N})\s*(?:-|minus|less) {_PERCENT}(?! of)", r"(\1\3 * (1 - \2\4/100))"),
    (rf"{_PERCENT} of (?:the )?(?=[\d$(])", r"\1/100 * "),
    (r"\bhalf (?:of )?(?=[\d$(])", "1/2 * "),
    (r"\b(?:a|1) third of (?=[\d$(])", "1/3 * "),
    (r"\b(?:a|1) quarter of (?=[\d$(])", "1/4 * "),
    (r"\b(?:twice|double) (?=[\d$(])", "2 * "),
    (r"\btriple (?=[\d$(])", "3 * "),
    (r"\b(\d+) dozen\b", r"(\1 * 12)"),
    (rf"\b(\d+){_NOUN}{{1,2}} (?:of|with|containing|holding|at|for|x) ({_N})(?={_NOUN}?(?: (?:each|apiece))?)", r"(\1 * \2)"),
    (r"\b(\d+(?:\.\d+)?) (?:out )?of (?:the )?(?=\d+[^.;\d]{1,25}\d+(?:\.\d+)?%(?! to))", r"\1 / "),
    (r"(?<=[\d)%])\s*\bplus\b|\s+\badded to\b", " + "),
    (r"(?<=[\d)%])\s*\bminus\b|(?<=[\d)%])\s+\bless\b(?! than)", " - "),
    (r"\b(?:times|multiplied by|multiplied with)\b", " * "),
    (r"\b(?:divided by|over)\b(?=\s*[\d(])", " / "),
    (r"\b(?:each|apiece)\b", ""),
    (r"[$€£]", ""),
]  # fmt: skip
_COMPILED = [(re.compile(pattern, re.IGNORECASE), into) for pattern, into in _RULES]


def as_symbols(text: str) -> str:
    """Return the text with number words as digits and spoken operations as operators and calls."""
    text = _WORDED.sub(lambda found: str(_number(found.group())), text)
    for pattern, into in _COMPILED:
        text = pattern.sub(into, text)
    return text


def _number(words: str) -> int:
    total = part = 0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _VALUES:
            part += _VALUES[word]
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in _SCALES:
            total, part = total + max(part, 1) * _SCALES[word], 0
    return total + part
