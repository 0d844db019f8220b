"""Who takes a request, decided from its words alone: the fast path that costs no model call."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel

from models.offline.everyday import everyday_call
from models.offline.skill import content_words

Worker = Literal["researcher", "sql", "coder", "calculator", "tutor", "reviewer"]

_CODE = re.compile(
    r"```|\b(run|execute|evaluate)\b.{0,20}\b(python|code|snippet|script)\b"
    r"|\b(write|implement|code)\b.{0,40}\b(function|script|program|class|python|code|test)\b|\bin python\b",
    re.IGNORECASE | re.DOTALL,
)
_TEACH = re.compile(
    r"\b(teach|tutor)\b|\b(lesson|quiz)\b.{0,12}\b(on|about|me)\b|\bhelp me (learn|understand)\b|\bi want to learn\b",
    re.IGNORECASE,
)
ASKS_REVIEW = r"^\s*(?:please\s+)?(?:review|check|verify|proofread)\b"
_REVIEW = re.compile(rf"{ASKS_REVIEW}[^:\n]{{0,80}}[:\n]|^\s*step 1\s*[:.)]", re.IGNORECASE)
_TABLES = re.compile(
    r"\b(how many|how much|number of|count|total|average|avg|sum|most|least|fewest|top \d+|highest|lowest|longest"
    r"|shortest|cheapest|largest|smallest|oldest|newest|latest|per|list|which|show|who"
    r"|names? of|more than|less than)\b",
    re.IGNORECASE,
)
_OPENING = (
    r"(?:what|who|whom|whose|which|when|where|why|how|is|are|does|do|did|can|list|show|count|find|give|tell|explain"
    r"|describe|compare|name|teach|run|execute|write|calculate|compute)"
)
_JOINT = re.compile(
    rf"(?<=[?!.;])\s+(?:and\s+|also\s+|then\s+|finally\s+)*(?={_OPENING}\b)"
    rf"|[,;]?\s+(?:and(?:\s+(?:also|then))?|then|also)\s*,?\s+(?={_OPENING}\b)",
    re.IGNORECASE,
)


class Assignment(BaseModel):
    role: Worker
    reason: str
    runner_up: Worker | None = None


def split(request: str) -> list[str]:
    """Cut a request at the places where a new question or order begins; code, and work to review, stay whole."""
    if _CODE.search(request) or _REVIEW.search(request):
        return [request.strip()]
    parts = [part.strip(" ,;") for part in _JOINT.split(request)]
    kept: list[str] = []
    for part in parts:
        # "and why is it used" belongs to the question before it: it has no subject of its own.
        if kept and (
            len(content_words(part)) < 1
            or re.search(r"\b(it|they|them|its|their|that|this|one$)\b", part.rstrip(" ?!."))
        ):
            kept[-1] = f"{kept[-1]} and {part}"
        elif part:
            kept.append(part)
    return kept or [request.strip()]


def assign(part: str, vocabulary: frozenset[str]) -> Assignment:
    """Choose who takes one question; `vocabulary` holds the words of the tables' names, columns and listed values."""
    if _CODE.search(part):
        return Assignment(role="coder", reason="it asks for code")
    if _REVIEW.search(part):
        return Assignment(role="reviewer", reason="it asks for a review")
    if _TEACH.search(part):
        return Assignment(role="tutor", reason="it asks to be taught")
    subject = _by_subject(part, vocabulary)
    if everyday_call(part) is not None:
        return Assignment(role="calculator", reason="it can be worked out", runner_up=subject.role)
    return subject


def _by_subject(part: str, vocabulary: frozenset[str]) -> Assignment:
    words = content_words(part)
    known = [word for word in words if word in vocabulary]
    share = len(known) / len(words) if words else 0.0
    if known and _TABLES.search(part) and share >= 0.25:
        return Assignment(role="sql", reason=f"it counts or lists {', '.join(known[:3])}", runner_up="researcher")
    return Assignment(role="researcher", reason="it asks about a subject", runner_up="sql" if known else None)
