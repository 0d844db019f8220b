"""Cases from documents: a sentence of a passage up to what it tells, which the answer must hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import JsonValue

from evals.growing.secrets import hide
from evals.matching.predicates import plain
from evals.suite import Case, Split

MOST = 20  # cases of one document
SHORTEST, LONGEST = 25, 400  # characters of a sentence
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_TELLING = re.compile(r"\d+(?:[.,:]\d+)*|[A-Z][\w-]+(?:\s+[A-Z][\w-]+)+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_FEWEST = 13  # characters before what is asked for: fewer do not say what is meant

Passages = Iterable[tuple[str, str]]  # the heading that it stands under, and its text


def from_document(name: str, passages: Passages, *, most: int = MOST, split: Split = "dev") -> list[Case]:
    """Return at most `most` cases, from all over a document: of each passage the first sentence that tells something.

    A passage without a number or a name that an answer could be checked by is passed over.
    """
    found = list(_questions(passages))
    if len(found) > most:
        found = [found[place * len(found) // most] for place in range(most)]
    stem = re.sub(r"[^a-z0-9]+", "-", name.rsplit(".", 1)[0].lower()).strip("-") or "document"
    return [
        Case(
            id=f"{stem}-{number}",
            input=question,
            expected={"answer": _holds(wanted), "marks": True},
            tags=["from-document", f"attach:{name}", f"passage:{sentence[:160]}"],
            split=split,
        )
        for number, (question, wanted, sentence) in enumerate(found, 1)
    ]


def _holds(wanted: str) -> dict[str, JsonValue]:
    """A number must stand alone: 25 is not told by 1925."""
    return {"$regex": rf"\b{re.escape(wanted)}\b"} if wanted[0].isdigit() else {"$contains": wanted}


def _questions(passages: Passages) -> Iterator[tuple[str, str, str]]:
    for heading, passage in passages:
        about = f" ({heading})" if heading else ""
        for sentence in _sentences(passage):
            if (
                SHORTEST <= len(sentence) <= LONGEST
                and hide(sentence) == sentence
                and (cut := _cut(sentence)) is not None
            ):
                asked, wanted = cut
                if plain(wanted) not in plain(asked + about):
                    yield f"Complete from the source{about}: {asked} …", wanted, sentence
                    break


def _sentences(passage: str) -> Sequence[str]:
    """Return sentences without markup; an item of a list is one, wherever its line ends."""
    items: list[str] = []
    for line in _LINK.sub(r"\1", passage).replace("**", "").replace("`", "").splitlines():
        if items and not _ITEM.match(line):
            items[-1] += f" {line.strip()}"
        else:
            items.append(_ITEM.sub("", line).strip())
    return [sentence for item in items for sentence in _SENTENCE.split(" ".join(item.split()))]


def _cut(sentence: str) -> tuple[str, str] | None:
    for telling in _TELLING.finditer(sentence):
        asked = sentence[: telling.start()].rstrip(" ,;:([\"'“$€£")
        if len(asked) >= _FEWEST:
            return asked, telling[0]
    return None
