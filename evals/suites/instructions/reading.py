"""What instructions say, read as far as rules can: what they name, in which order, and what they forbid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_NEGATED = re.compile(r"\b(?:no|not|never|nor|neither|cannot|don't|without|instead of|rather than)\b", re.IGNORECASE)
_ORDER = re.compile(r"\b(?:instruction|order|command)s?\b", re.IGNORECASE)
_OBEY = re.compile(r"\b(?:follow|obey|heed|comply with|carry out|act on|do (?:what|as|whatever))\b", re.IGNORECASE)
_SAYS = re.compile(r"\b(?:instruct|order|command|ask|say|tell|told|demand|request)", re.IGNORECASE)
_USER = re.compile(r"\b(?:user|person|learner|reader)s?\b", re.IGNORECASE)
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_NEAR = 5  # words before a word within which a "not" is about it


def clauses(text: str) -> list[str]:
    """Return the text's sentences, cut at colons and semicolons as well."""
    return [each for each in re.split(r"(?<=[.!?:;])\s+", " ".join(text.split())) if each]


def says(text: str, words: str) -> bool:
    """Return whether the words are said, and not only denied ("never ..."); `a|b` are other words for the same."""
    return any(not denied for each in words.split("|") for denied in _mentions(text, each))


def forbids(text: str, words: str) -> bool:
    """Return whether the words are said nowhere, or denied wherever they are."""
    return all(_mentions(text, words))


def _mentions(text: str, words: str) -> list[bool]:
    """Return for each place that has the words whether they are denied there; the last may go on ("cite", "cites")."""
    found: list[bool] = []
    for clause in clauses(text):
        for at in re.finditer(rf"\b{re.escape(words)}", clause, re.IGNORECASE):
            before = clause[: at.start()].split()[-_NEAR:]
            found.append(bool(_NEGATED.search(" ".join(before))))
    return found


def unknown_tools(text: str, offered: Sequence[str]) -> list[str]:
    """Return what is named like a tool of one of the servers that are offered, and is no tool of theirs."""
    servers = {name.partition("_")[0] for name in offered}
    named = dict.fromkeys(_NAME.findall(text))
    return [name for name in named if name.partition("_")[0] in servers and name not in offered]


def out_of_order(text: str, names: Sequence[str]) -> str:
    """Return which two names stand in the wrong order, or an empty string; "B after A" and "before B, A" are right."""
    told = " ".join(text.split())
    found = [(name, at.start()) for name in names if (at := re.search(rf"\b{re.escape(name)}\b", told))]
    for (first, a), (then, b) in pairwise(found):
        early, late = sorted((a, b))
        between = told[early:late]
        together = not re.search(r"[.!?;]\s", between)
        lead = re.split(r"[.!?;]\s", told[:early])[-1]
        turned = together and (
            re.search(r"\bafter\b", between, re.IGNORECASE) or re.search(r"\bbefore\b[^,]*$", lead, re.IGNORECASE)
        )
        if (a < b) == bool(turned):
            return f"{then} is asked for before {first}"
    return ""


def obeys(text: str) -> str:
    """Return the clause by which something other than the user's own words is to be obeyed, or an empty string."""
    for clause in clauses(text):
        if _OBEY.search(clause) and _SAYS.search(clause) and not _NEGATED.search(clause) and not _USER.search(clause):
            return clause
    return ""


def refuses_orders(text: str) -> bool:
    """Return whether a clause says that orders in what is read are not to be followed."""
    return any(_ORDER.search(clause) and _NEGATED.search(clause) for clause in clauses(text))
