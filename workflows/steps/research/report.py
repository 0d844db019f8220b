"""The report: sections of checked claims over one registry of sources, and what is missing, said apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from agents.verifier import Verdict
from lyceum.sources import Claim, resolve
from models.offline import LABEL
from models.offline.model import OfflineModel
from workflows.runtime import Runtime
from workflows.steps.research.budget import Spent
from workflows.steps.research.contradictions import Contradiction
from workflows.steps.research.evidence import Gathered
from workflows.steps.research.plan import Opened, Plan
from workflows.steps.research.searching import ORDERS, Registered, registry_of

# Fields that differ between two runs of the same plan: times and durations, and the run's own id.
VOLATILE = ("run", "timeline", "registry.*.retrieved", "used.at")

SupportLabel = Literal["supported", "partly", "unsupported", "unchecked"]


class CheckedClaim(BaseModel):
    text: str
    citations: list[str]
    support: SupportLabel = "unchecked"
    probability: float = 0.0
    reason: str = ""


class Written(BaseModel):
    """A section as it was written: claims before they are checked, or why there are none; `limit` cut it short."""

    id: str
    claims: list[Claim] = []
    missing: str = ""
    limit: str = ""


class Section(BaseModel):
    id: str
    question: str
    sources: list[str]
    claims: list[CheckedClaim] = []
    missing: str = ""


class Rates(BaseModel):
    """Existence and support are different things: a citation that exists may still not carry its claim.

    `existing` of `cited` citations resolve in the registry; `supported` of `checked` claims are carried by what they
    cite, `partly` in part; `removed` were not and are not in the report; `unchecked` nobody could check.
    """

    cited: int = 0
    existing: int = 0
    written: int = 0
    checked: int = 0
    supported: int = 0
    partly: int = 0
    removed: int = 0
    unchecked: int = 0

    @property
    def existence(self) -> float | None:
        return self.existing / self.cited if self.cited else None

    @property
    def support(self) -> float | None:
        """The share of supported claims among those that were checked, the removed ones included."""
        return self.supported / self.checked if self.checked else None


class Moment(BaseModel):
    what: str
    at: datetime


class Objection(BaseModel):
    section: str
    reason: str


class Report(BaseModel):
    """`partial` says which limit cut the work short; `missing` what is therefore, or anyway, not answered."""

    version: Literal[1] = 1
    run: str
    question: str
    label: str = Field(description="Who wrote it, and what that means.")
    partial: str = ""
    missing: list[str] = []
    sections: list[Section] = []
    contradictions: list[Contradiction] = []
    objections: list[Objection] = []
    removed: list[CheckedClaim] = []
    notes: list[str] = []
    rates: Rates = Rates()
    since: str = Field(default="", description="The earlier run that `changes` compares it with.")
    changes: list[str] = []
    plan: Plan
    opened: list[Opened] = []
    registry: list[Registered] = []
    used: Spent = Spent()
    timeline: list[Moment] = []

    @property
    def cited(self) -> list[Registered]:
        """The sources that the report cites, in the order of their numbers."""
        claims = [claim for section in self.sections for claim in section.claims]
        ids = [cited for claim in claims for cited in claim.citations]
        ids += [cited for each in self.contradictions for cited in (each.source_a, each.source_b)]
        held = {each.source.id: each for each in self.registry}
        return [held[cited] for cited in dict.fromkeys(ids) if cited in held]


class Material(BaseModel):
    """All that a report is made of."""

    run: str
    question: str
    plan: Plan
    label: str = ""
    opened: list[Opened] = []
    gathered: list[Gathered] = []
    written: list[Written] = []
    verdicts: list[Verdict] = Field(default=[], description="Their ids are `section/number of the claim`.")
    contradictions: list[Contradiction] = []
    objections: list[Objection] = []
    notes: list[str] = []
    partial: str = ""
    used: Spent = Spent()
    timeline: list[Moment] = []


async def label_of(runtime: Runtime, model: str) -> str:
    """Return who writes, and what that means."""
    asked = runtime.models.get(model)
    return LABEL if isinstance(asked, OfflineModel) else f"written by {asked.model_name}"


async def compose_report(runtime: Runtime, material: Material) -> Report:
    del runtime
    return composed(material)


def composed(material: Material) -> Report:
    """Put the report together: only citations that resolve, only claims that were not found to be unsupported."""
    registry = registry_of([found for held in material.gathered for found in held.found])
    sources = {key: each.source for key, each in registry.items()}
    verdicts = {verdict.id: verdict for verdict in material.verdicts}
    written = {each.id: each for each in material.written}
    gathered = {each.id: each for each in material.gathered}
    exact = [found.said for held in material.gathered for found in held.found if found.said]
    rates, removed, sections = Rates(), list[CheckedClaim](), list[Section]()
    home = _homes(material)
    for question in material.plan.sub_questions:
        held = written.get(question.id)
        section = Section(id=question.id, question=question.question, sources=question.sources)
        for number, claim in enumerate(held.claims if held else []):
            rates.cited += len(claim.citations)
            rates.written += 1
            resolved = resolve([claim], sources)
            if not resolved.claims or not resolved.claims[0].citations:
                removed.append(CheckedClaim(text=claim.text, citations=[], reason="it cites no source that exists"))
                continue
            rates.existing += len(resolved.claims[0].citations)
            checked = _checked(resolved.claims[0], verdicts.get(f"{question.id}/{number}"), exact)
            _count(rates, checked)
            if checked.support == "unsupported":
                removed.append(checked)
            elif home.get(checked.text, question.id) == question.id:
                section.claims.append(checked)
        section.missing = _missing(section, held, gathered.get(question.id))
        sections.append(section)
    against = [each for each in material.contradictions if each.source_a in sources and each.source_b in sources]
    _note_contradictions(registry, against)
    return Report(
        run=material.run,
        question=material.question,
        label=material.label,
        partial=material.partial,
        missing=_missing_in_all(material, sections),
        sections=sections,
        contradictions=against,
        objections=material.objections,
        removed=removed,
        notes=[*material.notes, *_warnings(registry)],
        rates=rates,
        plan=material.plan,
        opened=material.opened,
        registry=sorted(registry.values(), key=lambda each: each.source.id),
        used=material.used,
        timeline=material.timeline,
    )


def _homes(material: Material) -> dict[str, str]:
    """Return where a claim stands that several sections make: under the question that it answers best."""
    scores = {(held.id, each.text): each.score for held in material.gathered for each in held.evidence}
    best: dict[str, tuple[float, str]] = {}
    for written in material.written:
        for claim in written.claims:
            score = scores.get((written.id, claim.text), 0.0)
            if claim.text not in best or score > best[claim.text][0]:
                best[claim.text] = (score, written.id)
    return {text: section for text, (_, section) in best.items()}


def _checked(claim: Claim, verdict: Verdict | None, exact: Sequence[str]) -> CheckedClaim:
    if claim.text in exact:  # made from a query's rows by code, which is no matter of opinion
        return CheckedClaim(text=claim.text, citations=claim.citations, support="supported", probability=1.0)
    if verdict is None:
        return CheckedClaim(text=claim.text, citations=claim.citations)
    return CheckedClaim(
        text=claim.text,
        citations=claim.citations,
        support=verdict.label,
        probability=verdict.probability,
        reason=verdict.reason,
    )


def _count(rates: Rates, claim: CheckedClaim) -> None:
    rates.unchecked += claim.support == "unchecked"
    rates.checked += claim.support != "unchecked"
    rates.supported += claim.support == "supported"
    rates.partly += claim.support == "partly"
    rates.removed += claim.support == "unsupported"


def _missing(section: Section, written: Written | None, held: Gathered | None) -> str:
    if section.claims:
        return ""
    if held is None:
        return "Not looked up: the run ended before."
    if held.skipped:
        return held.skipped
    if written is not None and written.claims:
        return "What was found did not hold when it was checked, or stands above already."
    problems = [found.problem for found in held.found if found.problem]
    reason = (written.missing if written else "") or (problems[0] if problems else "")
    return reason or "None of its sources says anything about it."


def _missing_in_all(material: Material, sections: Sequence[Section]) -> list[str]:
    missing = [f"{each.id} {each.question}: {each.missing}" for each in sections if each.missing]
    missing += [f"Source {each.name}: {each.problem}" for each in material.opened if each.problem]
    return missing


def _warnings(registry: dict[str, Registered]) -> list[str]:
    return [f"{key} {ORDERS}." for key, each in sorted(registry.items()) if ORDERS in each.notes]


def _note_contradictions(registry: dict[str, Registered], found: Sequence[Contradiction]) -> None:
    for each in found:
        for mine, other in ((each.source_a, each.source_b), (each.source_b, each.source_a)):
            note = f"contradicted by {other}"
            if note not in registry[mine].notes:
                registry[mine] = registry[mine].model_copy(update={"notes": [*registry[mine].notes, note]})
