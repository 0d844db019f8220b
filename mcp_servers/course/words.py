"""Words as the course's search compares them: stemmed, compounds both joined and split, everyday words left out."""

from __future__ import annotations

import re
from functools import cache

from models.offline.skill import FUNCTION_WORDS

_WORD = re.compile(r"[^\W_]+(?:[-_@'’/][^\W_]+)*")
_PART = re.compile(r"[-_@'’/]")
_MODEL = re.compile(r"[A-Z]\w*-\d")
# What people wrap a question in; unlike a topic's words these say nothing about where its answer stands.
_ASKING = frozenset(
    """
    actually again already always answer another anything ask away bad become best better between big bit call
    called case come common cons consider dangerous difference differ different differently does else enough ever
    every exactly explain find fine get give go going good great happen happens help hey hi idea instead just keep
    kind know large let like long look lot main make makes matter mean meaning might must name need needs never new
    now ok okay one only other overview pick please possible pro problem pros purpose put question quite rather real
    really reason role say see set short should simple since something sort still stop suited sure take tell term thing
    think thanks too topic try two type typical understand up usual usually using versus vs want way well whether
    without word work worse worth yes yet
    """.split()
)
_DAYS = frozenset({"today", "tonight", "tomorrow", "yesterday", "currently", "nowadays"})
_ENDINGS = (
    ("ization", "iz"), ("isation", "iz"), ("ations", ""), ("ation", ""), ("ings", ""), ("ing", ""), ("ions", ""),
    ("ion", ""), ("ised", "iz"), ("ized", "iz"), ("ises", "iz"), ("izes", "iz"), ("ise", "iz"), ("ize", "iz"),
    ("ers", ""), ("er", ""), ("ies", "y"), ("ied", "y"), ("ed", ""), ("es", ""), ("ly", ""), ("s", ""), ("e", ""),
)  # fmt: skip
SHORTEST_STEM = 3


@cache
def stem(word: str) -> str:
    """Cut one ending off a lower-case word, so that quantize, quantized, quantization and quantizing meet.

    A light stemmer in the spirit of Lovins (1968): over a vocabulary of some thousand technical words it rarely
    merges too much, and unlike a lemmatizer it needs no dictionary.
    """
    if not word.isalpha() or word.endswith(("ss", "us", "is")):
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if len(word) > SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeiou" else word


def terms(text: str) -> list[str]:
    """Return the stemmed words of a text in order; a compound gives its joined form and its parts."""
    found: list[str] = []
    for match in _WORD.finditer(text.lower()):
        parts = [part for part in _PART.split(match.group()) if part != "s"]
        forms = parts if len(parts) == 1 else ["".join(parts), *parts]
        found += [stem(form) for form in forms if len(form) > 1 and form not in FUNCTION_WORDS]
    return found


def asked(question: str) -> list[str]:
    """Return the distinct terms of a question that carry its subject; none where it names no subject."""
    return list(dict.fromkeys(term for term in terms(question) if term not in _EVERYDAY))


def joined(term: str, question: str) -> bool:
    """Tell whether a term is only the joined form of a compound in the question; GPT-5 is a name and no compound."""
    compounds = (word for word in _WORD.findall(question) if _PART.search(word) and not _MODEL.match(word))
    return any(stem("".join(_PART.split(word.lower()))) == term for word in compounds)


def names(question: str) -> set[str]:
    """Return the terms that look like names: capitalised after the first word, or with a digit or capitals inside.

    Names of days count too: what was written once cannot say how things stand today.
    """
    looks: set[str] = set()
    for number, match in enumerate(_WORD.finditer(question)):
        word = match.group()
        spelled = any(letter.isdigit() for letter in word) or word[1:] != word[1:].lower()
        if spelled or (number and word[0].isupper()) or word.lower() in _DAYS:
            looks |= set(terms(word))
    return looks


_EVERYDAY = frozenset(stem(word) for word in _ASKING)
