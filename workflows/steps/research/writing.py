"""From evidence to claims and back: what the writer is shown, what the verifier is asked, what the reviewer sees."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents import verifier
from agents.reviewer import StepEvidence, Work
from agents.verifier import Checkup, Cited, Verdicts
from agents.writer import MOST_QUOTED, Brief, Quoted
from lyceum.sources import Claim
from workflows.runtime import Runtime
from workflows.steps.research.evidence import Gathered
from workflows.steps.research.plan import SubQuestion
from workflows.steps.research.report import Written
from workflows.steps.research.searching import Registered, registry_of, text_of

SHOWN = 6000  # characters of evidence for the reviewer


def brief_of(question: str, held: Gathered) -> Brief:
    """Quote the evidence for the writer; rows are stated as their query gave them and need no words of its own."""
    registry = registry_of(held.found)
    evidence = [
        Quoted(id=each.source, title=registry[each.source].source.title, text=each.text, also=each.also)
        for each in held.evidence
        if each.kind != "rows"
    ]
    return Brief(question=question, evidence=evidence)


def _rows(held: Gathered) -> list[Claim]:
    return [Claim(text=each.text, citations=[each.source]) for each in held.evidence if each.kind == "rows"]


def with_rows(held: Gathered, claims: Sequence[Claim], declined: str) -> Written:
    """Put the claims of queries, exact as they are, before those of the writer."""
    rows = _rows(held)
    return Written(id=held.id, claims=[*rows, *claims], missing="" if rows else declined)


def quoted(held: Gathered) -> Written:
    """Write a section without a writer: its best evidence, word for word."""
    prose = [each for each in held.evidence if each.kind != "rows"][:MOST_QUOTED]
    claims = [Claim(text=each.text, citations=[each.source, *each.also]) for each in prose]
    return Written(id=held.id, claims=[*_rows(held), *claims])


def checkup_of(written: Written, gathered: Sequence[Gathered]) -> Checkup:
    """Ask whether each claim's own citations carry it; what a query returned needs no judgement."""
    registry: dict[str, Registered] = registry_of([found for held in gathered for found in held.found])
    exact = [found.said for held in gathered for found in held.found if found.said]
    claims = [
        Cited(
            id=f"{written.id}/{number}",
            text=claim.text,
            passages=[text_of(registry[cited].source) for cited in claim.citations if cited in registry],
        )
        for number, claim in enumerate(written.claims)
        if claim.text not in exact
    ]
    return Checkup(claims=[claim for claim in claims if claim.passages])


async def check_words(runtime: Runtime, checkup: Checkup) -> Verdicts:
    """Check claims without any model: what is left where the verifier cannot be asked."""
    del runtime
    return await asyncio.to_thread(verifier.checked, checkup)


async def work_of(
    runtime: Runtime, question: str, questions: list[SubQuestion], gathered: list[Gathered], written: list[Written]
) -> Work:
    """Show the reviewer each section that has claims, with the evidence that it rests on."""
    del runtime
    registry = registry_of([found for held in gathered for found in held.found])
    sections = {each.id: each for each in written}
    steps: list[StepEvidence] = []
    for asked in questions:
        section = sections.get(asked.id)
        if section is None or not section.claims:
            continue
        cited = dict.fromkeys(cited for claim in section.claims for cited in claim.citations)
        evidence = "\n\n".join(text_of(registry[each].source) for each in cited if each in registry)
        said = {each.text for held in gathered for each in held.evidence if each.kind == "rows"}
        stated = [claim.text for claim in section.claims if claim.text not in said]
        exact = [claim.text for claim in section.claims if claim.text in said]
        steps.append(
            StepEvidence(
                id=asked.id,
                task=asked.question,
                answer=" ".join([*exact, *stated]),
                evidence="\n".join([evidence[:SHOWN], *exact]),
                failed="",
            )
        )
    return Work(request=question, steps=steps)
