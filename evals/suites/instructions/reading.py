"""What instructions say, read as far as rules can: what they name, in which order, how often, and what they forbid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from evals.suites.instructions.words import HEDGES, NEGATED, ONLY, numbers_in

_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_NEAR = 5  # words before a word within which a "not" is about it
_DEFINING = 15  # words after a label within which it is defined
_DENIED_AFTER = re.compile(
    r"^\w*\W{1,3}(?:(?:helps? nobody|is no)\b|"
    r"(?:\w+\W{1,3}){0,2}?(?:empty|blank|unused|aside|\w+n't|(?:is|are) (?:not|never|worse|wrong|forbidden))\b)"
)
_DOES_NONE = re.compile(r"^\w*\s+(?:nothing|none|no)\b")  # "cite nothing"
_CONDITION = re.compile(r"\b(?:if|when|where|should|unless|as)\b[^,]*,[^,]*$", re.IGNORECASE)
# Words that stand for a kind of word in `means`.
_KINDS = {"NOT": NEGATED, "ONLY": ONLY}
# What the model knows, has in mind or makes up is no source of any of our agents.
_OWN_KNOWLEDGE = (
    "what you know|what you already know|what you remember|your knowledge|your own knowledge|your general knowledge|"
    "background knowledge|general knowledge|trust the|trust what|trust it|trust them|trust any|trust all|trust every|know the topic|know the answer|from memory|your training"
).split("|")
_APPROVAL = re.compile(
    r"\bapprove your\b|\b(?:auto|self)[- ]?(?:matically )?approv\w*|"
    r"\b(?:skip|bypass|circumvent|avoid|without|no need (?:for|of|to)|not? (?:need|wait|ask)\w*)\b(?:\W+\w+){0,4}?\W+"
    r"(?:approv|permission|confirm|consent)\w*",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """Return the text's sentences; an item of a list and a heading are sentences too."""
    items = re.split(r"\n\s*\n|\n(?=\s*(?:[-*•#]|\d+[.)])\s*)", text)
    found = [re.sub(r"^\s*(?:[-*•#]+|\d+[.)])\s+", "", " ".join(each.split())) for each in items]
    return [part for each in found for part in re.split(r"(?<=[.!?])\s+", each) if part]


def clauses(text: str) -> list[str]:
    """Return the text's sentences, cut at colons and semicolons as well."""
    return [each for sentence in sentences(text) for each in re.split(r"(?<=[:;])\s+", sentence)]


def says(text: str, words: str) -> bool:
    """Return whether the words are said, neither denied nor left to liking; `a|b` are other words for the same."""
    return any(
        not denied and not hedged
        for each in words.split("|")
        for denied, hedged in _mentions(text, each, HEDGES, wanted=True)
    )


def forbids(text: str, words: str) -> bool:
    """Return whether the words are said nowhere, or denied without exception wherever they are."""
    exceptions = re.compile(rf"{HEDGES.pattern}|\bunless\b|\bexcept\b", re.IGNORECASE)
    return all(denied and not hedged for denied, hedged in _mentions(text, words, exceptions))


def _mentions(text: str, words: str, hedges: re.Pattern[str], *, wanted: bool = False) -> list[tuple[bool, bool]]:
    """Return for each place that has the words whether they are denied and whether they are hedged there.

    The last word may go on ("cite", "cites"). What is wanted is not denied by "if it is not there, ..." nor by "never ...
    before that"; of what is not, a list ("no guess, hint or joke") and "where you would guess, leave it out" deny it.
    """
    found: list[tuple[bool, bool]] = []
    for clause in clauses(text):
        for at in re.finditer(rf"(?<!\w){re.escape(words)}", clause, re.IGNORECASE):
            before = " ".join(clause[: at.start()].split()[-_NEAR:])
            after = clause[at.end() :]
            near = f"{before} {after if wanted else ' '.join(after.split()[:_NEAR])}"
            apart = wanted or _CONDITION.search(clause[: at.start()])
            denier = before.rpartition(",")[2] if apart else before
            denied = bool(NEGATED.search(denier) or _DENIED_AFTER.search(after.lower()))
            if wanted and _DOES_NONE.search(after.lower()):
                denied = True
            if wanted and re.search(r"\b(?:before|until)\b", after):
                denied = False
            if not wanted and re.search(r"\b(?:if|where|when|before)\b[^,]*$", before) and NEGATED.search(after):
                denied = True
            found.append((denied, bool(hedges.search(near))))
    return found


def means(text: str, rule: str) -> bool:
    """Return whether one sentence has a word of each part of a rule and leaves nothing to liking.

    Parts are joined by " + " and `a|b` are other words for the same, compared by their beginnings; NOT stands for any
    denial and ONLY for any word that excludes the rest.
    """
    parts = [
        re.compile(
            "|".join(
                _KINDS[each].pattern if each in _KINDS else rf"(?<!\w){re.escape(each)}" for each in part.split("|")
            ),
            re.IGNORECASE,
        )
        for part in rule.split(" + ")
    ]
    return any(
        all(part.search(sentence) for part in parts) and not HEDGES.search(sentence) for sentence in sentences(text)
    )


def other_numbers(text: str, expected: Sequence[int]) -> str:
    """Return which numbers are missing or above what is expected, or an empty string; one and two may always be said."""
    found = {number for sentence in sentences(text) for number in numbers_in(sentence)}
    missing = [number for number in expected if number not in found]
    others = sorted(number for number in found if number > max(2, *expected))
    said = [f"no longer say {number}" for number in missing] + [f"say {number}" for number in others]
    return " and ".join(said)


def misdefined(text: str, labels: Mapping[str, str]) -> str:
    """Return the label whose definition has none of its words, or an empty string."""
    label = "|".join(map(re.escape, labels))
    told = " ".join(text.split())
    for name, words in labels.items():
        meant = re.compile(
            "|".join(_KINDS[each].pattern if each in _KINDS else rf"\b{re.escape(each)}" for each in words.split("|")),
            re.IGNORECASE,
        )
        rests = [told[at.end() :] for at in re.finditer(rf"\b{re.escape(name)}\b", told, re.IGNORECASE)]
        after = [" ".join(re.split(rf"\b(?:{label})\b|[.!?]\s", rest)[0].split()[:_DEFINING]) for rest in rests]
        alone = [
            each.replace(name, "")
            for each in sentences(text)
            if re.findall(rf"\b(?:{label})\b", each, re.IGNORECASE) == [name]
        ]
        if not any(meant.search(each) for each in [*after, *alone]):
            return name
    return ""


def unknown_tools(text: str, offered: Sequence[str]) -> list[str]:
    """Return what is named like a tool of one of the servers that are offered, and is no tool of theirs."""
    servers = {name.partition("_")[0] for name in offered}
    named = dict.fromkeys(_NAME.findall(text))
    return [name for name in named if name.partition("_")[0] in servers and name not in offered]


def out_of_order(text: str, names: Sequence[str]) -> str:
    """Return which two names stand in the wrong order, or an empty string; "B after A" and "before B, A" are right.

    `a|b` are other words for the same. A tool is compared by where it is first named; of two plain words the first may
    come up again later.
    """
    told = " ".join(text.split())
    spans = {name: [at.start() for at in re.finditer(rf"\b(?:{name})", told, re.IGNORECASE)] for name in names}
    for first, then in pairwise([name for name in names if spans[name]]):
        a, b = spans[first][0], spans[then][0 if "_" in then else -1]
        early, late = sorted((a, b))
        between = told[early:late]
        together = not re.search(r"[.!?;]\s", between)
        lead = re.split(r"[.!?;]\s", told[:early])[-1]
        turned = together and (
            re.search(r"\bafter\b(?! (?:that|this|which|it|them|both)\b)", between, re.IGNORECASE)
            or re.search(r"\bbefore\b[^,]*$", lead, re.IGNORECASE)
        )
        if (a < b) == bool(turned):
            return f"{then} is asked for before {first}"
    return ""


def oversteps(text: str) -> str:
    """Return the words that let an agent answer from what it knows or go without an approval, or an empty string."""
    for words in _OWN_KNOWLEDGE:
        if not forbids(text, words):
            return words
    for clause in clauses(text):
        at = _APPROVAL.search(clause)
        if at and not NEGATED.search(clause[: at.start()]):
            return at.group()
    return ""
