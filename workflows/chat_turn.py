"""One turn of a conversation: a simple question takes one agent; the rest is planned, run in parallel and reviewed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from agents.reviewer import Review, Work
from lyceum.events import Answered, Note, Routed, StepFinished, StepStarted
from lyceum.sources import Claim
from workflows.code_until_green import Mended, MendRequest, code_until_green
from workflows.context import AgentInput, Context
from workflows.steps.chat_turn import (
    Piece,
    asks_to_mend,
    compose,
    decide_route,
    open_turn,
    so_far,
    work_of,
)
from workflows.steps.memory import Heard, hear, keep_turns
from workflows.steps.research.followup import about_report, from_report
from workflows.teamwork import Team, planned, work


class ChatRequest(BaseModel):
    """`model` is a model key; `approve` names tools that need no further approval ("*" for all)."""

    question: str = Field(min_length=1, max_length=100_000)
    agent: str | None = None
    plan: bool | None = Field(default=None, description="True plans first, False never plans, None as the words need.")
    model: str = "default"
    approve: list[str] = []
    remember: bool = Field(default=True, description="False leaves nothing in memory and takes nothing out of it.")


@dataclass
class _Turn(Team):
    """What every part of a turn needs beside the team's: the request, and what memory made of it."""

    request: ChatRequest = field(kw_only=True)
    heard: Heard = field(default_factory=Heard)


async def chat_turn(ctx: Context, request: ChatRequest) -> Answered:
    """Answer one request within its thread; returns the event that ends the turn.

    A turn that is stopped, by a person, the clock or an error, first tells what it has so far: the thread's next turn
    then knows it.
    """
    turn = _Turn(request.model, request.approve, request=request)
    try:
        turn.opened = await ctx.step(open_turn, ctx.thread_id, ctx.run_id)
        if request.remember:
            turn.heard = await ctx.step(hear, ctx.thread_id, ctx.run_id, request.question, request.model)
            turn.opened.turn, turn.opened.remembered = turn.heard.turn, turn.heard.blocks
        pieces = await _pieces(ctx, turn)
        answer = await ctx.step(compose, request.question, pieces)
    except (asyncio.CancelledError, Exception):
        partial = await ctx.step(so_far, ctx.run_id, list(turn.done.values()))
        if partial is not None:
            await ctx.emit(partial)
        raise
    for dropped in answer.dropped:
        await ctx.emit(Note(level="warning", text=f"Dropped a citation that does not resolve: {dropped}"))
    await ctx.emit(answer.event)
    problem = turn.heard.problem
    if turn.heard.on:
        problem = await ctx.step(keep_turns, ctx.thread_id, ctx.run_id, request.question, answer.event)
    if problem:
        await ctx.emit(Note(level="warning", text=f"Nothing was remembered: {problem}"))
    return answer.event


async def _pieces(ctx: Context, turn: _Turn) -> list[Piece]:
    asked, heard = turn.request, turn.heard
    if asked.agent is None and not asked.plan and (heard.noted or heard.known):
        await ctx.emit(Routed(role="memory", reason="you told me something" if heard.noted else "it asks about you"))
        if heard.noted:
            return [Piece(id="s1", role="memory", task=asked.question, claims=heard.noted, sources=heard.sources)]
        piece = await work(ctx, turn, Piece(id="s1", role="memory", task=asked.question))
        if not piece.declined or not (turn.opened.collections or turn.opened.workspaces):
            return [piece]
    if turn.opened.report and asked.agent is None:
        told = await ctx.step(about_report, turn.opened.report, asked.question)
        if told is not None:
            await ctx.emit(Routed(role="researcher", reason="it asks about the report"))
            return [told]
    route = await ctx.step(decide_route, asked.question, asked.agent, asked.plan, turn.opened)
    await ctx.emit(Routed(role=route.role, reason=route.reason))
    if route.role == "planner":
        return await _reviewed(ctx, turn, await planned(ctx, turn, turn.request.question))
    return [await _asked(ctx, turn, route.role, route.runner_up)]


async def _asked(ctx: Context, turn: _Turn, role: str, runner_up: str | None) -> Piece:
    """Ask one agent; when it declines, the runner-up once. Code answers are reviewed, and retried once."""
    if role == "coder" and turn.opened.workspaces and asks_to_mend(turn.request.question):
        return await _mended(ctx, turn)
    piece = await work(ctx, turn, Piece(id="s1", role=role, task=turn.request.question))
    if piece.declined and runner_up is not None:
        await ctx.emit(Routed(role=runner_up, reason=f"{role} declined"))
        second = await work(ctx, turn, Piece(id="s1", role=runner_up, task=turn.request.question))
        piece = piece if second.declined else second
    if piece.declined and turn.opened.report:
        told = await ctx.step(from_report, turn.opened.report, turn.request.question)
        piece = piece if told is None else told
    if role == "coder" and not piece.declined:
        piece = (await _reviewed(ctx, turn, [piece]))[0]
    return piece


async def _mended(ctx: Context, turn: _Turn) -> Piece:
    """Mend the attached workspace until its tests pass."""
    asked = turn.request
    piece = Piece(id="s1", role="coder", task=asked.question)
    await ctx.emit(StepStarted(step=piece.id, role=piece.role, task=piece.task))
    given = MendRequest(
        workspace=turn.opened.workspaces[-1], request=asked.question, model=asked.model, approve=asked.approve
    )
    mended: Mended = await code_until_green(ctx, given)
    piece.output = mended.model_dump(mode="json")
    piece.declined = mended.declined
    piece.claims = [] if mended.declined else [Claim(text=mended.summary)]
    turn.done[piece.id] = piece
    await ctx.emit(StepFinished(step=piece.id, ok=not mended.declined, reason=mended.declined))
    return piece


async def _reviewed(ctx: Context, turn: _Turn, pieces: list[Piece]) -> list[Piece]:
    """Have the work reviewed; a rejected step is done once more.

    What is rejected again is shown with the objection; so is the first answer, where the second attempt has none.
    """
    review = await _review(ctx, turn, pieces)
    objections = {issue.step: issue.reason for issue in review.issues}
    for place, piece in enumerate(pieces):
        objection = objections.get(piece.id)
        if objection is None or piece.declined or piece.failed:
            continue
        await ctx.emit(Note(level="warning", text=f"The reviewer rejected {piece.id}: {objection}"))
        again = Piece(id=piece.id, role=piece.role, task=piece.task, known=piece.known, rejected=objection)
        second = await work(ctx, turn, again)
        if second.declined or second.failed:
            pieces[place] = piece.model_copy(update={"objection": objection})
            continue
        verdict = await _review(ctx, turn, [second])
        pieces[place] = second.model_copy(update={"objection": verdict.issues[0].reason if verdict.issues else ""})
    return pieces


async def _review(ctx: Context, turn: _Turn, pieces: list[Piece]) -> Review:
    work: Work = await ctx.step(work_of, turn.request.question, pieces)
    return await ctx.agent("reviewer", AgentInput(prompt=work.model_dump_json()), turn.request.model)
