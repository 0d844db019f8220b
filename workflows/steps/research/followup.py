"""Questions after a report: what it says of itself is read off it, the rest is looked for in the sources of it."""

from __future__ import annotations

import re
from typing import Any, cast

from lyceum.events import Answered
from lyceum.sources import Claim
from models.offline.model import OfflineModel
from workflows.runtime import Runtime
from workflows.steps.chat_turn import Piece
from workflows.steps.research.evidence import pick_evidence
from workflows.steps.research.report import Report
from workflows.steps.research.searching import Found, text_of

MOST = 4  # claims in an answer
LONGEST = 600  # characters of a source that is shown

_NUMBER = re.compile(
    r"\[(\d{1,3})\]|\b(?:source|citation|reference|footnote)\s+(?:no\.?\s*|number\s+)?(\d{1,3})\b", re.I
)
_AGAINST = re.compile(r"\b(?:contradict\w*|disagree\w*|conflict\w*)\b", re.IGNORECASE)
_MISSING = re.compile(r"\b(?:missing|left out|not answered|unanswered|open questions?)\b", re.IGNORECASE)
_WHOLE = re.compile(
    r"\b(?:summar(?:y|i[sz]e)|sum up|main (?:points|findings|results)|key (?:points|findings)|conclusions?|findings|"
    r"what (?:does|did) (?:the|this|that|your) report (?:say|find|conclude))\b",
    re.IGNORECASE,
)
_REPORT = re.compile(r"\b(?:report|research|sources?|findings|that|it)\b|^\W*\w+(?:\W+\w+){0,2}\W*$", re.IGNORECASE)


async def about_report(runtime: Runtime, run: str, question: str) -> Piece | None:
    """Answer what is asked about a report itself: a source by its number, contradictions, what is missing, all of it.

    Returns None where it is about something else.
    """
    report = await _report(runtime, run)
    if report is None:
        return None
    claims: list[Claim] = []
    numbers = [int(found[1] or found[2]) for found in _NUMBER.finditer(question)]
    held = [report.cited[number - 1] for number in numbers if 0 < number <= len(report.cited)]
    if held:
        claims = [
            Claim(text=_shown(each.source.title, text_of(each.source)), citations=[each.source.id]) for each in held
        ]
    elif _AGAINST.search(question) and _REPORT.search(question):
        claims = [
            Claim(text=f"{each.value_a} against {each.value_b}: {each.text_a} / {each.text_b}",
                  citations=[each.source_a, each.source_b])
            for each in report.contradictions
        ] or [Claim(text="The report found no sources that contradict each other.")]  # fmt: skip
    elif _MISSING.search(question) and _REPORT.search(question):
        claims = [Claim(text=each) for each in report.missing] or [
            Claim(text="The report says of nothing that it is missing.")
        ]
    elif _WHOLE.search(question) and isinstance(runtime.models.get(), OfflineModel):
        claims = [
            Claim(text=each.text, citations=each.citations) for part in report.sections for each in part.claims[:MOST]
        ]
    return _piece(report, question, claims) if claims else None


async def from_report(runtime: Runtime, run: str, question: str) -> Piece | None:
    """Answer from the passages, rows and pages that a report rests on; None where they do not bear on the question."""
    report = await _report(runtime, run)
    if report is None:
        return None
    found = Found(origin="report", tool="report", query=question, registered=report.registry, confident=True)
    evidence = await pick_evidence(runtime, question, [found])
    claims = [Claim(text=each.text, citations=[each.source, *each.also]) for each in evidence[:MOST]]
    return _piece(report, question, claims) if claims else None


async def _report(runtime: Runtime, run: str) -> Report | None:
    answers = [event for event in await runtime.store.events(run) if isinstance(event, Answered)]
    output = cast("dict[str, Any]", answers[-1].output or {}) if answers else {}
    return Report.model_validate(output) if "sections" in output else None


def _piece(report: Report, question: str, claims: list[Claim]) -> Piece:
    held = {each.source.id: each.source for each in report.registry}
    cited = dict.fromkeys(each for claim in claims for each in claim.citations)
    return Piece(
        id="s1", role="researcher", task=question, claims=claims, sources=[held[each] for each in cited if each in held]
    )


def _shown(title: str, text: str) -> str:
    plain = " ".join(text.split())
    return f"{title}: {plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + '…'}"
