"""Deep research: an approved plan, researchers side by side, claims that are checked, a report that cites one registry.

The model that reads what was found has no tools; what is looked up, where and how often is settled by the plan. Every
call is a step of its own, and shares of the budget are fixed before anybody runs, so a resumed run goes the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from agents.planner import Plan as Steps
from agents.reviewer import Review, Work
from agents.verifier import Verdicts
from agents.writer import Section as WrittenSection
from lyceum.errors import LimitReached, LyceumError, Stopped, UserError
from lyceum.events import (
    Answered,
    Note,
    PlanMade,
    PlannedStep,
    Routed,
    SourceFound,
    StepFinished,
    StepStarted,
    ToolCalled,
    ToolReturned,
    result_hash,
)
from lyceum.sources import Claim
from workflows.context import AgentInput, Context
from workflows.steps.research import budget as budgets
from workflows.steps.research.budget import WEB_PAGES, Budget, Limits, Spent, exhausted, shares, spent
from workflows.steps.research.evidence import Gap, Gathered, assess, contradict, pick_evidence
from workflows.steps.research.markdown import render_report
from workflows.steps.research.plan import Opened, Place, Plan, SubQuestion, open_source, plan_over, shape_plan, steered
from workflows.steps.research.report import Material, Moment, Objection, Report, Written, compose_report
from workflows.steps.research.searching import Found, fetch_page, rows_found, search_documents, search_web
from workflows.steps.research.writing import brief_of, checkup_of, quoted, with_rows, work_of

TOOL = "research_plan"  # what is approved, as `--approve` names it
STEER = "steer"  # the channel of notes to a run


class ResearchRequest(BaseModel):
    """`approve` as in a chat request: "research_plan" or "*" in it means that the plan needs no approval."""

    question: str = Field(min_length=3, max_length=20_000)
    places: list[Place] = Field(min_length=1, max_length=20)
    model: str = "default"
    rounds: int = Field(default=1, ge=0, le=3)
    budget: Budget = Budget()
    plan_only: bool = False
    approve: list[str] = []


@dataclass
class _Job:
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
    partial: str = ""

    @property
    def questions(self) -> list[SubQuestion]:
        return self.plan.sub_questions

    @property
    def held(self) -> list[Gathered]:
        return [self.gathered[each.id] for each in self.questions if each.id in self.gathered]


async def deep_research(ctx: Context, request: ResearchRequest) -> Answered:
    """Plan, ask, look up, look again, write, check, review, report; returns the event that ends the run.

    A limit ends the work, not the report: what there is by then is written up, what is missing is said, and the run
    ends as `limit`.
    """
    began = await ctx.now()
    opened = await _open(ctx, request)
    plan = await _planned(ctx, request, opened)
    await _tell_plan(ctx, plan)
    if request.plan_only:
        answer = Answered(role="research", text=_plan_text(plan), output={"plan": plan.model_dump(mode="json")})
        await ctx.emit(answer)
        return answer
    approved = await _approved(ctx, request, plan, opened)
    if approved is None:
        answer = Answered(role="research", text="The plan was refused; nothing was looked up.", declined=True)
        await ctx.emit(answer)
        return answer
    if approved != plan:
        await _tell_plan(ctx, approved)
    job = _Job(request, await ctx.now(), approved, opened)
    job.timeline = [Moment(what="started", at=began), Moment(what="plan approved", at=job.began)]
    try:
        await _work(ctx, job)
    except asyncio.CancelledError:
        job.partial = job.partial or "it was stopped"
        await _report(ctx, job)
        raise
    except LimitReached as limit:
        job.partial = job.partial or limit.message.rstrip(".")
    answer = await _report(ctx, job)
    if job.partial:
        raise LimitReached(f"The report is partial: {job.partial}.", next_step="Raise --budget, or ask less at once.")
    return answer


async def _open(ctx: Context, request: ResearchRequest) -> list[Opened]:
    def branch(place: Place):
        async def run(inner: Context) -> Opened:
            opened = await inner.step(open_source, ctx.thread_id, place)
            await inner.emit(Note(text=f"{opened.kind} {opened.name}: {opened.problem or opened.size}"))
            return opened

        return run

    opened = await ctx.gather(*[branch(place) for place in request.places])
    if all(each.problem for each in opened):
        raise UserError(f"No source can be read. {opened[0].problem}", next_step="Check what stands after --source.")
    return opened


async def _planned(ctx: Context, request: ResearchRequest, opened: Sequence[Opened]) -> Plan:
    """Let the planner cut the question; where it cannot, the question's own structure does."""
    readable = [each for each in opened if not each.problem]
    words = list(dict.fromkeys(word for each in readable for word in each.words))[:400]
    tasks: list[str] = []
    await ctx.emit(Routed(role="planner", reason="research begins with a plan"))
    try:
        prompt = f"Table words: {' '.join(words)}\n\n{request.question}"
        steps: Steps = await ctx.agent("planner", AgentInput(prompt=prompt), request.model)
        tasks = [step.task for step in steps.steps]
    except LyceumError as error:
        await ctx.emit(Note(level="warning", text=f"The planner failed ({error.message}); the question's words plan."))
    return await ctx.step(shape_plan, request.question, tasks, readable, request.rounds, request.budget)


async def _tell_plan(ctx: Context, plan: Plan) -> None:
    steps = [PlannedStep(id=each.id, role=", ".join(each.sources), task=each.question) for each in plan.sub_questions]
    await ctx.emit(PlanMade(steps=steps))


def _plan_text(plan: Plan) -> str:
    lines = [f"{each.id}. {each.question}  \n   in {', '.join(each.sources)}" for each in plan.sub_questions]
    limits = plan.budget.model_dump(exclude_none=True, exclude={"stages"})
    kept = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    return "\n".join([*lines, "", f"Rounds of looking again: {plan.rounds}. Budget: {kept}."])


async def _approved(ctx: Context, request: ResearchRequest, plan: Plan, opened: Sequence[Opened]) -> Plan | None:
    """Return the plan as it was approved, which is the one that is carried out; None where it was refused."""
    if {"*", TOOL} & {*request.approve}:
        return plan
    readable = [each.name for each in opened if not each.problem]
    asked = {"tool": TOOL, "arguments": plan.model_dump(mode="json")}
    edits = plan_over(readable)
    decision = await ctx.approve(TOOL, title="Research plan: carry it out?", request=asked, edits=edits)
    if not decision.approved:
        return None
    return plan if decision.edited is None else Plan.model_validate(edits.model_validate(decision.edited).model_dump())


async def _work(ctx: Context, job: _Job) -> None:
    """Search, look again, write, check, review; a stage without room for it leaves the rest to the report."""
    wanted = {question.id: question.question for question in job.questions}
    if not await _looked_up(ctx, job, "search", wanted):
        return
    for _ in range(job.plan.rounds):
        gaps: list[Gap] = await ctx.step(assess, job.questions, job.held)
        if not gaps:
            break
        reasons = ", ".join(f"{gap.id} ({gap.why})" for gap in gaps)
        await ctx.emit(Note(text=f"looking again: {reasons}"))
        if not await _looked_up(ctx, job, "follow_up", {gap.id: gap.query for gap in gaps}):
            break
    await _written(ctx, job)
    await _verified(ctx, job)
    await _reviewed(ctx, job)


async def _used(ctx: Context) -> Spent:
    return await ctx.step(spent, ctx.run_id, await ctx.now())


async def _no_room(ctx: Context, job: _Job, stage: budgets.Stage, since: Spent | None = None) -> str:
    """Return which limit leaves no room for a stage, told once, or an empty string."""
    used = await _used(ctx)
    reason = exhausted(job.plan.budget.model_copy(update={"calls": None}), used, job.began, "the run")
    own = job.plan.budget.stages.get(stage)
    if not reason and own is not None and since is not None and since.at is not None:
        reason = exhausted(own.model_copy(update={"calls": None}), used.since(since), since.at, f"stage {stage}")
    elif not reason and own is not None and (own.tokens == 0 or own.dollars == 0):
        reason = f"stage {stage} has no budget"
    if reason:
        job.partial = job.partial or reason
        await ctx.emit(Note(level="warning", text=f"{reason}: {stage} is cut short"))
    return reason


async def _looked_up(ctx: Context, job: _Job, stage: budgets.Stage, queries: dict[str, str]) -> bool:
    """Look up sub-questions side by side, within calls that are shared out before; False where a limit ends it."""
    for note in await _notes(ctx, job):
        await ctx.emit(Note(text=note))
    if await _no_room(ctx, job, stage):
        return False
    asked = [question for question in job.questions if question.id in queries]
    left = _calls_left(job, stage, (await _used(ctx)).calls)
    kinds = {each.name: each.kind for each in job.opened if not each.problem}
    wanted = [
        sum(budgets.QUERY_CALLS if kinds[name] == "sql" else 1 + budgets.WEB_PAGES * (kinds[name] == "web")
            for name in question.sources if name in kinds)
        for question in asked
    ]  # fmt: skip
    given = shares(left, wanted) if left is not None else wanted

    def branch(question: SubQuestion):
        async def run(inner: Context) -> Gathered:
            return await _researched(inner, job, stage, question, queries[question.id], kinds)

        return run

    kept = [question for question, share in zip(asked, given, strict=True) if share]
    skipped = [question for question, share in zip(asked, given, strict=True) if not share]
    for gathered in await ctx.gather(*[branch(question) for question in kept]):
        job.gathered[gathered.id] = gathered
    for question in skipped:
        reason = "Not looked up: no calls of the budget were left."
        if stage == "search":
            job.gathered[question.id] = Gathered(id=question.id, skipped=reason)
        job.partial = job.partial or f"the budget of calls was too small for all of {stage.replace('_', '-')}"
        await ctx.emit(StepFinished(step=question.id, ok=False, reason=reason))
    job.timeline.append(Moment(what=f"{stage.replace('_', '-')} done", at=await ctx.now()))
    return not skipped or stage == "search"


def _calls_left(job: _Job, stage: budgets.Stage, used: int) -> int | None:
    """Return how many calls a stage may make, the least of what the run and the stage have left; None: any number."""
    own = job.plan.budget.stages.get(stage, Limits()).calls
    total = None if job.plan.budget.calls is None else max(0, job.plan.budget.calls - used)
    known = [each for each in (own, total) if each is not None]
    return min(known) if known else None


async def _notes(ctx: Context, job: _Job) -> list[str]:
    """Take up what was said to the run since the last look; returns what was done about it."""
    notes = await ctx.received(STEER)
    if not notes:
        return []
    job.plan, said = steered(job.plan, notes, [*job.gathered])
    job.notes += [f"steered: {each}" for each in said]
    return said


async def _researched(
    ctx: Context, job: _Job, stage: budgets.Stage, question: SubQuestion, query: str, kinds: dict[str, str]
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


async def _queried(ctx: Context, job: _Job, name: str, question: str) -> Found:
    """Have the SQL agent ask a database; its read-only calls are kept one by one."""
    try:
        given = AgentInput(prompt=f"Database: {name}\n\n{question}")
        output: BaseModel = await ctx.agent("sql", given, job.request.model)
    except Stopped:
        raise
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


async def _written(ctx: Context, job: _Job) -> None:
    """Have every section written, side by side; where the writer fails, the evidence is quoted."""
    if await _no_room(ctx, job, "write"):
        job.written = [quoted(held) for held in job.held]
        return
    asked = {question.id: question.question for question in job.questions}

    def branch(held: Gathered):
        async def run(inner: Context) -> Written:
            if not held.evidence:
                return Written(id=held.id)
            try:
                given = AgentInput(prompt=brief_of(asked[held.id], held).model_dump_json())
                section: WrittenSection = await inner.agent("writer", given, job.request.model)
            except LyceumError as error:
                await inner.emit(Note(level="warning", text=f"{held.id} is quoted, not written: {error.message}"))
                limit = error.message if isinstance(error, LimitReached) else ""
                return quoted(held).model_copy(update={"limit": limit})
            return with_rows(held, section.claims, section.declined)

        return run

    job.written = await ctx.gather(*[branch(held) for held in job.held])
    limits = [each.limit for each in job.written if each.limit]
    job.partial = job.partial or (limits[0].rstrip(".") if limits else "")
    job.timeline.append(Moment(what="written", at=await ctx.now()))


async def _verified(ctx: Context, job: _Job) -> None:
    """Have every claim checked against what it cites; a verifier that fails leaves claims unchecked, and says so."""
    if await _no_room(ctx, job, "verify"):
        return

    def branch(written: Written):
        async def run(inner: Context) -> Verdicts:
            checkup = checkup_of(written, job.held)
            if not checkup.claims:
                return Verdicts()
            try:
                return await inner.agent("verifier", AgentInput(prompt=checkup.model_dump_json()), job.request.model)
            except LyceumError as error:
                note = f"{written.id} could not be checked: {error.message}"
                await inner.emit(Note(level="warning", text=note))
                return Verdicts(declined=note)

        return run

    lists = await ctx.gather(*[branch(written) for written in job.written])
    job.verdicts = Verdicts(verdicts=[verdict for each in lists for verdict in each.verdicts])
    job.notes += [each.declined for each in lists if each.declined]
    job.timeline.append(Moment(what="checked", at=await ctx.now()))


async def _reviewed(ctx: Context, job: _Job) -> None:
    """Have the whole looked over; what the reviewer objects to is printed, not hidden."""
    if await _no_room(ctx, job, "review"):
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


async def _report(ctx: Context, job: _Job) -> Answered:
    """Compose and emit the report of what there is by now."""
    written = job.written or [quoted(held) for held in job.held]
    against = await ctx.step(contradict, job.questions, job.held)
    used = await _used(ctx)
    job.timeline.append(Moment(what="reported", at=await ctx.now()))
    material = Material(
        run=ctx.run_id, question=job.request.question, plan=job.plan, model=job.request.model,
        opened=job.opened, gathered=job.held,
        written=written, verdicts=job.verdicts.verdicts, contradictions=against, objections=job.objections,
        notes=job.notes, partial=job.partial, used=used, timeline=job.timeline,
    )  # fmt: skip
    report: Report = await ctx.step(compose_report, material)
    claims = [Claim(text=each.text, citations=each.citations) for section in report.sections for each in section.claims]
    answer = Answered(
        role="research",
        text=await ctx.step(render_report, report),
        claims=claims,
        sources=[each.source for each in report.cited],
        output=report.model_dump(mode="json"),
        declined=not claims,
        next_action="" if claims else "Add a source that holds the answer (--source), or ask in other words.",
    )
    await ctx.emit(answer)
    return answer
