"""The stages of a research run: look up, write, check, review, each within what the approved plan leaves for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from agents.reviewer import Review, Work
from agents.verifier import Verdicts
from agents.writer import Section as WrittenSection
from lyceum.errors import LimitReached, LyceumError, Stopped
from lyceum.events import Note, SourceFound, StepFinished, StepStarted, ToolCalled, ToolReturned, result_hash
from workflows.context import AgentInput, Context
from workflows.steps.research.budget import (
    QUERY_CALLS,
    WEB_PAGES,
    Budget,
    Limits,
    Spent,
    Stage,
    exhausted,
    shares,
    spent,
)
from workflows.steps.research.evidence import Gathered, pick_evidence
from workflows.steps.research.plan import Kind, Opened, Place, Plan, SubQuestion, steered
from workflows.steps.research.report import Moment, Objection, Written
from workflows.steps.research.searching import Found, fetch_page, rows_found, search_documents, search_web
from workflows.steps.research.writing import brief_of, check_words, checkup_of, quoted, with_rows, work_of

STEER = "steer"  # the channel of notes to a run

T = TypeVar("T")


class ResearchRequest(BaseModel):
    """`approve` as in a chat request: "research_plan" or "*" in it means that the plan needs no approval."""

    question: str = Field(min_length=3, max_length=20_000)
    places: list[Place] = Field(min_length=1, max_length=20)
    model: str = "default"
    rounds: int = Field(default=1, ge=0, le=3)
    budget: Budget = Budget()
    again: str = Field(default="", description="An earlier run: its approved plan is carried out, and compared with.")
    plan_only: bool = False
    yes: bool = Field(default=False, description="Faces approve the plan as it is asked, also after a restart.")
    approve: list[str] = []
    answer_within: float = Field(default=86_400, gt=0, description="Seconds until an open question is taken as it is.")


@dataclass
class Job:
    """What the parts of a run share; branches only read it."""

    request: ResearchRequest
    began: datetime
    plan: Plan
    opened: list[Opened] = field(default_factory=list[Opened])
    gathered: dict[str, Gathered] = field(default_factory=dict[str, Gathered])
    written: list[Written] = field(default_factory=list[Written])
    verdicts: Verdicts = field(default_factory=Verdicts)
    objections: list[Objection] = field(default_factory=list[Objection])
    notes: list[str] = field(default_factory=list[str])
    timeline: list[Moment] = field(default_factory=list[Moment])
    label: str = ""
    used: Spent = field(default_factory=Spent)
    partial: str = ""
    preferred: Kind | None = None

    @property
    def questions(self) -> list[SubQuestion]:
        return self.plan.sub_questions

    @property
    def held(self) -> list[Gathered]:
        """What was found, what is preferred first."""
        found = [self.gathered[each.id] for each in self.questions if each.id in self.gathered]
        return [each.preferring(self.preferred) for each in found]


async def used_so_far(ctx: Context) -> Spent:
    return await ctx.step(spent, ctx.run_id, await ctx.now())


async def _no_room(ctx: Context, job: Job, stage: Stage, base: Spent | None = None, *, model: bool = True) -> str:
    """Return which limit leaves no room for more of a stage that began with `base` used, or an empty string.

    Calls are shared out before a stage begins; without a `model` tokens and money are no limit.
    """
    without = {"calls": None} if model else {"calls": None, "tokens": None, "dollars": None}
    job.used = used = await used_so_far(ctx)
    reason = exhausted(job.plan.budget.model_copy(update=without), used, job.began, "the run")
    own = job.plan.budget.stages.get(stage)
    if not reason and own is not None:
        began = (base.at if base else None) or used.at or job.began
        reason = exhausted(own.model_copy(update=without), used.since(base or used), began, f"stage {stage}")
    return reason


async def _begin(ctx: Context, job: Job, stage: Stage, *, model: bool = True) -> Spent | None:
    """Return what is used as a stage begins, or None where nothing is left for it, which is then said."""
    base = await used_so_far(ctx)
    reason = await _no_room(ctx, job, stage, base, model=model)
    if not reason:
        return base
    job.partial = job.partial or reason
    await ctx.emit(Note(level="warning", text=f"{reason}: {stage} is left out"))
    return None


async def _each(ctx: Context, job: Job, stage: Stage, branches: Sequence[Callable[[Context], Awaitable[T]]]) -> list[T]:
    """Run branches side by side; one after the other where the stage has tokens or money of its own to keep to."""
    own = job.plan.budget.stages.get(stage)
    if own is None or (own.tokens is None and own.dollars is None):
        return await ctx.gather(*branches)
    return [result for branch in branches for result in await ctx.gather(branch)]


async def looked_up(ctx: Context, job: Job, stage: Stage, queries: dict[str, str]) -> bool:
    """Look up sub-questions side by side, within calls that are shared out before; False where a limit ends it."""
    for note in await _notes(ctx, job):
        await ctx.emit(Note(text=note))
    base = await _begin(ctx, job, stage, model=False)
    if base is None:
        return False
    asked = [question for question in job.questions if question.id in queries]
    left = _calls_left(job, stage, base.calls)
    kinds = {each.name: each.kind for each in job.opened if not each.problem}
    wanted = [
        sum(QUERY_CALLS if kinds[name] == "sql" else 1 + WEB_PAGES * (kinds[name] == "web")
            for name in question.sources if name in kinds)
        for question in asked
    ]  # fmt: skip
    given = shares(left, wanted) if left is not None else wanted

    def branch(question: SubQuestion):
        async def run(inner: Context) -> Gathered:
            reason = await _no_room(inner, job, stage, base, model=False)
            if reason:
                return Gathered(id=question.id, skipped=f"Not looked up: {reason}.")
            found = await _researched(inner, job, stage, question, queries[question.id], kinds)
            job.gathered[question.id] = found  # at once: a run that is stopped reports what is finished
            return found

        return run

    kept = [question for question, share in zip(asked, given, strict=True) if share]
    skipped = [question for question, share in zip(asked, given, strict=True) if not share]
    for gathered in await _each(ctx, job, stage, [branch(question) for question in kept]):
        if gathered.skipped:
            job.partial = job.partial or gathered.skipped.removeprefix("Not looked up: ").rstrip(".")
            job.gathered.setdefault(gathered.id, gathered)
    for question in skipped:
        reason = "Not looked up: no calls of the budget were left."
        if not any(name in kinds for name in question.sources):
            job.gathered[question.id] = Gathered(id=question.id, skipped="None of its sources can be read.")
            continue
        if stage == "search":
            job.gathered[question.id] = Gathered(id=question.id, skipped=reason)
        job.partial = job.partial or f"the budget of calls was too small for all of {stage.replace('_', '-')}"
        await ctx.emit(StepFinished(step=question.id, ok=False, reason=reason))
    job.timeline.append(Moment(what=f"{stage.replace('_', '-')} done", at=await ctx.now()))
    return not job.partial or stage == "search"


def _calls_left(job: Job, stage: Stage, used: int) -> int | None:
    """Return how many calls a stage may make, the least of what the run and the stage have left; None: any number."""
    own = job.plan.budget.stages.get(stage, Limits()).calls
    total = None if job.plan.budget.calls is None else max(0, job.plan.budget.calls - used)
    known = [each for each in (own, total) if each is not None]
    return min(known) if known else None


async def _notes(ctx: Context, job: Job) -> list[str]:
    """Take up what was said to the run since the last look; returns what was done about it."""
    notes = await ctx.received(STEER)
    if not notes:
        return []
    job.plan, preferred, said = steered(job.plan, notes, [*job.gathered])
    job.preferred = preferred or job.preferred
    job.notes += [f"steered: {each}" for each in said]
    return said


async def _researched(
    ctx: Context, job: Job, stage: Stage, question: SubQuestion, query: str, kinds: dict[str, str]
) -> Gathered:
    """Look one sub-question up in each of its sources, side by side, and choose the evidence in all that was found."""
    await ctx.emit(StepStarted(step=question.id, role="researcher", task=query))

    def branch(name: str):
        async def run(inner: Context) -> list[Found]:
            if kinds[name] == "docs":
                return [await _call(inner, search_documents, name, query)]
            if kinds[name] == "sql":
                return [] if stage == "follow_up" else [await _queried(inner, job, name, query)]
            return await _browsed(inner, name, query)

        return run

    lists = await ctx.gather(*[branch(name) for name in question.sources if name in kinds])
    before = job.gathered.get(question.id, Gathered(id=question.id))
    found = [*before.found, *(each for found in lists for each in found)]
    evidence = await ctx.step(pick_evidence, question.question, found)
    reason = "" if evidence else next((each.problem for each in found if each.problem), "nothing found")
    await ctx.emit(StepFinished(step=question.id, ok=bool(evidence), reason=reason))
    return Gathered(id=question.id, found=found, evidence=evidence)


async def _call(ctx: Context, fn: Any, origin: str, query: str, *more: str) -> Found:
    """Make one call of a tool server as a step, told as any tool call; one that fails is a find without sources."""
    server, tool = ("web", "web_fetch") if more else ("retrieval", "retrieval_search")
    call = await ctx.uuid()
    arguments = {"url": more[0]} if more else {"query": query, "collection": origin}
    await ctx.emit(ToolCalled(call=call, server=server, tool=tool, arguments=arguments, agent="researcher"))
    try:
        found: Found = await ctx.step(fn, origin, query, *more)
    except Stopped:
        raise
    except LyceumError as error:
        found = Found(origin=origin, tool=tool, query=query, problem=error.message)
    for registered in found.registered:
        await ctx.emit(SourceFound(source=registered.source, agent="researcher"))
    await ctx.emit(_returned(call, server, tool, found.problem, found.milliseconds, found))
    return found


def _returned(call: str, server: str, tool: str, problem: str, milliseconds: float, found: BaseModel) -> ToolReturned:
    sources = [each.source.id for each in found.registered] if isinstance(found, Found) else []
    content = found.model_dump(mode="json", exclude={"milliseconds"})
    return ToolReturned(
        call=call, server=server, tool=tool, ok=not problem, result_hash=result_hash(content),
        preview=problem or f"{len(sources)} sources", latency_ms=milliseconds, sources=sources, agent="researcher",
    )  # fmt: skip


async def _queried(ctx: Context, job: Job, name: str, question: str) -> Found:
    """Have the SQL agent ask a database; its read-only calls are kept one by one."""
    try:
        given = AgentInput(prompt=f"Database: {name}\n\n{question}")
        output: BaseModel = await ctx.agent("sql", given, job.request.model)
    except LyceumError as error:
        return Found(origin=name, tool="sql_query", query=question, problem=error.message)
    return await ctx.step(rows_found, ctx.run_id, name, question, output.model_dump(mode="json"))


async def _browsed(ctx: Context, name: str, query: str) -> list[Found]:
    """Search the web once and read the first pages side by side."""
    call = await ctx.uuid()
    await ctx.emit(
        ToolCalled(call=call, server="web", tool="web_search", arguments={"query": query}, agent="researcher")
    )
    links = await ctx.step(search_web, query, WEB_PAGES)
    await ctx.emit(_returned(call, "web", "web_search", links.problem, links.milliseconds, links))
    if links.problem:
        return [Found(origin=name, tool="web_search", query=query, problem=links.problem)]

    def branch(url: str):
        async def run(inner: Context) -> Found:
            return await _call(inner, fetch_page, name, query, url)

        return run

    return await ctx.gather(*[branch(link.url) for link in links.links])


async def write(ctx: Context, job: Job) -> None:
    """Have every section written, side by side; where the writer fails, the evidence is quoted."""
    base = await _begin(ctx, job, "write")
    if base is None:
        job.written = [quoted(held) for held in job.held]
        return
    asked = {question.id: question.question for question in job.questions}

    def branch(held: Gathered):
        async def run(inner: Context) -> Written:
            if not held.evidence:
                return Written(id=held.id)
            if reason := await _no_room(inner, job, "write", base):
                return quoted(held).model_copy(update={"limit": reason})
            try:
                given = AgentInput(prompt=brief_of(asked[held.id], held).model_dump_json())
                section: WrittenSection = await inner.agent("writer", given, job.request.model)
            except LyceumError as error:
                await inner.emit(Note(level="warning", text=f"{held.id} is quoted, not written: {error.message}"))
                limit = error.message if isinstance(error, LimitReached) else ""
                return quoted(held).model_copy(update={"limit": limit})
            return with_rows(held, section.claims, section.declined)

        return run

    job.written = await _each(ctx, job, "write", [branch(held) for held in job.held])
    limits = [each.limit for each in job.written if each.limit]
    job.partial = job.partial or (limits[0].rstrip(".") if limits else "")
    job.timeline.append(Moment(what="written", at=await ctx.now()))


async def verify(ctx: Context, job: Job) -> None:
    """Have every claim checked against what it cites; a verifier that fails leaves claims unchecked, and says so."""
    base = await _begin(ctx, job, "verify", model=False)
    if base is None:
        return

    def branch(written: Written):
        async def run(inner: Context) -> Verdicts:
            checkup = checkup_of(written, job.held)
            if not checkup.claims:
                return Verdicts()
            reason = await _no_room(inner, job, "verify", base)
            if not reason:
                try:
                    given = AgentInput(prompt=checkup.model_dump_json())
                    return await inner.agent("verifier", given, job.request.model)
                except LyceumError as error:
                    reason = error.message
            note = f"{written.id} was checked by its words only: {reason}"
            try:
                verdicts = await inner.step(check_words, checkup)
            except LyceumError:
                note = f"{written.id} could not be checked: {reason}"
                verdicts = Verdicts()
            await inner.emit(Note(level="warning", text=note))
            return verdicts.model_copy(update={"declined": note})

        return run

    lists = await _each(ctx, job, "verify", [branch(written) for written in job.written])
    job.verdicts = Verdicts(verdicts=[verdict for each in lists for verdict in each.verdicts])
    job.notes += [each.declined for each in lists if each.declined]
    job.timeline.append(Moment(what="checked", at=await ctx.now()))


async def review(ctx: Context, job: Job) -> None:
    """Have the whole looked over; what the reviewer objects to is printed, not hidden."""
    if await _begin(ctx, job, "review") is None:
        return
    work: Work = await ctx.step(work_of, job.request.question, job.questions, job.held, job.written)
    if not work.steps:
        return
    try:
        review: Review = await ctx.agent("reviewer", AgentInput(prompt=work.model_dump_json()), job.request.model)
    except LyceumError as error:
        job.notes.append(f"The report was not reviewed: {error.message}")
        return
    job.objections = [Objection(section=issue.step, reason=issue.reason) for issue in review.issues]
    job.timeline.append(Moment(what="reviewed", at=await ctx.now()))
