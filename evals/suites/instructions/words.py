"""Words by which instructions deny, limit, count and leave to liking."""

from __future__ import annotations

import re

NEGATED = re.compile(
    r"\b(?:no|not(?!,)|never|nor|neither|none|nothing|cannot|\w+n['’]t|without|instead of|rather than|avoid|skip|omit|ignore|disregard|"
    r"exclude|refuse|refrain|leave (?:\w+ )?(?:out|aside)|leave (?:your|its|any|all)|(?:put|set|lay) aside)\b",
    re.IGNORECASE,
)
ONLY = re.compile(
    r"\bonly\b(?! (?:then|when|if|where|after|once)\b)|\b(?:nothing|nowhere|none|no \w+) (?:but|else|other|except)\b|\bno others?\b|"
    r"\b(?:solely|alone|exclusively|strictly)\b|(?:n['’]t|\b(?:not|never)) (?:\w+ ){1,2}?(?:anything|any \w+) (?:else|other|but|except)\b",
    re.IGNORECASE,
)
HEDGES = re.compile(
    r"\b(?:usually|normally|generally|mostly|often|rarely|seldom|occasionally|"
    r"sometimes(?! (?:fail|wrong|be|is|are|contain|hold))|preferably|optional|optionally|ideally|perhaps|try to|when in doubt|"
    r"(?:if|where|when|wherever|whenever) (?:(?:it|that|this) is |you are |you['’]re |in )?"
    r"(?:convenient|possible|feasible|unsure|uncertain|not sure|doubt|hard|easy|obvious|"
    r"practical|you (?:can|like|want|wish|prefer|feel|have time)|there is time|needed|necessary)|"
    r"only (?:if|when|where) (?:you|it is|in doubt|unsure|needed|necessary|asked|told))\b",
    re.IGNORECASE,
)
_UNITS = "one two three four five six seven eight nine ten eleven twelve".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred".split()
_COUNTS = {
    **{word: number for number, word in enumerate(_UNITS, 1)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
    **{"once": 1, "single": 1, "twice": 2, "couple": 2, "thrice": 3, "dozen": 12, "thousand": 1000},
}
_NUMBER = re.compile(rf"(?<![\w.])(?:\d+|{'|'.join(_COUNTS)})(?!\w)", re.IGNORECASE)


def numbers_in(text: str) -> list[int]:
    """Return the numbers of a text, in digits or in words."""
    return [int(each) if each.isdigit() else _COUNTS[each.lower()] for each in _NUMBER.findall(text)]
