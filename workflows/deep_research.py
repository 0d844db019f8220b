"""Deep research: an approved plan, researchers side by side, claims that are checked, a report that cites one registry.

The model that reads what was found has no tools; what is looked up, where and how often is settled by the plan. Every
call is a step of its own, and shares of the budget are fixed before anybody runs, so a resumed run goes the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from agents.clarifier import Clarification, doubt_of
from agents.planner import Plan as Steps
from lyceum.errors import LimitReached, LyceumError, UserError
from lyceum.events import Answered, Note, PlanMade, PlannedStep, Routed
from lyceum.sources import Claim
from workflows.context import AgentInput, Context
from workflows.research_stages import Job, ResearchRequest, looked_up, review, used_so_far, verify, write
from workflows.steps.research.again import compare, earlier_plan
from workflows.steps.research.budget import Spent
from workflows.steps.research.clarify import Clarified, what_is_known
from workflows.steps.research.contradictions import Contradiction
from workflows.steps.research.evidence import Gap, assess, contradict, contradicting
from workflows.steps.research.markdown import markdown_of, render_report
from workflows.steps.research.plan import Opened, Place, Plan, open_source, plan_over, shape_plan
from workflows.steps.research.report import Material, Moment, Report, compose_report, composed, label_of
from workflows.steps.research.writing import quoted

__all__ = ["ResearchRequest", "deep_research"]

TOOL = "research_plan"  # what is approved, as `--approve` names it
CLARIFY = "research_question"


async def deep_research(ctx: Context, request: ResearchRequest) -> Answered:
    """Plan, ask, look up, look again, write, check, review, report; returns the event that ends the run.

    A limit ends the work, not the report: what there is by then is written up, what is missing is said, and the run
    ends as `limit`.
    """
    began = await ctx.now()
    opened = await _open(ctx, request)
    again = bool(request.again)
    meant = request
    if not again and await ctx.version("clarify", 1):
        clear = await _clarified(ctx, request, opened)
        if clear is None:
            return await _declined(ctx, "The question was left open; nothing was looked up.")
        meant = request.model_copy(update={"question": clear})
    plan = await (ctx.step(earlier_plan, request.again) if again else _planned(ctx, meant, opened))
    await _tell_plan(ctx, plan)
    if request.plan_only:
        answer = Answered(role="research", text=_plan_text(plan), output={"plan": plan.model_dump(mode="json")})
        await ctx.emit(answer)
        return answer
    approved = plan if again else await _approved(ctx, request, plan, opened)
    if approved is None:
        return await _declined(ctx, "The plan was refused; nothing was looked up.")
    if approved != plan:
        await _tell_plan(ctx, approved)
    job = Job(meant, await ctx.now(), approved, opened)
    if meant.question != request.question:
        job.notes.append(f"asked as {request.question!r}, and then put clearly")
    job.label = await ctx.step(label_of, request.model)
    job.timeline = [Moment(what="started", at=began), Moment(what="plan approved", at=job.began)]
    try:
        await _work(ctx, job)
    except asyncio.CancelledError:
        job.partial = job.partial or "it was stopped, or its time was over"
        await _so_far(ctx, job)
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


async def _declined(ctx: Context, text: str) -> Answered:
    answer = Answered(role="research", text=text, declined=True)
    await ctx.emit(answer)
    return answer


async def _clarified(ctx: Context, request: ResearchRequest, opened: Sequence[Opened]) -> str | None:
    """Return the question as the person means it; None where they refuse to say.

    It is asked back only where it cannot be carried out as it stands, and nobody said yes to everything; who does not
    answer in time has it researched as it stands.
    """
    asked = await ctx.step(what_is_known, request.question, list(opened))
    if request.yes or request.plan_only or {"*", CLARIFY} & {*request.approve}:
        if unclear := doubt_of(asked).ask:
            await ctx.emit(Note(level="warning", text=f"{unclear} The question is taken as it stands."))
        return request.question
    try:
        doubt: Clarification = await ctx.agent("clarifier", AgentInput(prompt=asked.model_dump_json()), request.model)
    except LyceumError as error:
        await ctx.emit(Note(level="warning", text=f"Nobody looked whether the question is clear: {error.message}"))
        return request.question
    if not doubt.ask:
        return request.question
    decision = await ctx.approve(
        CLARIFY,
        title=doubt.ask,
        request={"tool": CLARIFY, "arguments": {"question": request.question}, "options": doubt.options},
        timeout=timedelta(seconds=request.answer_within),
        edits=Clarified,
    )
    if decision.edited is not None:
        return Clarified.model_validate(decision.edited).question
    return request.question if decision.approved or decision.by == "timeout" else None


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


async def _work(ctx: Context, job: Job) -> None:
    """Search, look again, write, check, review; a stage without room for it leaves the rest to the report."""
    wanted = {question.id: question.question for question in job.questions}
    if not await looked_up(ctx, job, "search", wanted):
        return
    for _ in range(job.plan.rounds):
        gaps: list[Gap] = await ctx.step(assess, job.questions, job.held)
        if not gaps:
            break
        reasons = ", ".join(f"{gap.id} ({gap.why})" for gap in gaps)
        await ctx.emit(Note(text=f"looking again: {reasons}"))
        if not await looked_up(ctx, job, "follow_up", {gap.id: gap.query for gap in gaps}):
            break
    await write(ctx, job)
    await verify(ctx, job)
    await review(ctx, job)


def _material(run: str, job: Job, used: Spent, against: list[Contradiction]) -> Material:
    return Material(
        run=run,
        question=job.request.question,
        plan=job.plan,
        label=job.label,
        opened=job.opened,
        gathered=job.held,
        written=job.written or [quoted(held) for held in job.held],
        verdicts=job.verdicts.verdicts,
        contradictions=against,
        objections=job.objections,
        notes=job.notes,
        partial=job.partial,
        used=used,
        timeline=job.timeline,
    )


async def _report(ctx: Context, job: Job) -> Answered:
    """Compose and emit the report of what there is by now."""
    against = await ctx.step(contradict, job.questions, job.held)
    used = await used_so_far(ctx)
    job.timeline.append(Moment(what="reported", at=await ctx.now()))
    report: Report = await ctx.step(compose_report, _material(ctx.run_id, job, used, against))
    if job.request.again:
        report = await ctx.step(compare, job.request.again, report)
    answer = _answer(report, await ctx.step(render_report, report))
    await ctx.emit(answer)
    return answer


async def _so_far(ctx: Context, job: Job) -> None:
    """Tell what a run that is stopped has by now, and keep no step for it: a resume goes on where the work was."""
    report = composed(_material(ctx.run_id, job, job.used, contradicting(job.questions, job.held)))
    await ctx.emit(_answer(report, markdown_of(report)))


def _answer(report: Report, text: str) -> Answered:
    claims = [Claim(text=each.text, citations=each.citations) for section in report.sections for each in section.claims]
    return Answered(
        role="research",
        text=text,
        claims=claims,
        sources=[each.source for each in report.cited],
        output=report.model_dump(mode="json"),
        declined=not claims,
        next_action="" if claims else "Add a source that holds the answer (--source), or ask in other words.",
    )
