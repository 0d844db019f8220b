"""The team at work: a plan, a specialist for each step, a writer, a reviewer, and a person who has the last word."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, Field

from agents.reviewer import Review, Work
from agents.writer import Section
from lyceum.errors import LimitReached, LyceumError
from lyceum.events import Answered, Note, Routed
from workflows.context import AgentInput, Context
from workflows.steps.chat_turn import Piece, compose, open_turn, so_far, work_of
from workflows.steps.plan_execute_review import brief_of, written
from workflows.teamwork import Team, planned, work

TOOL = "team_answer"  # what is approved, as `--approve` names it


class TeamBudget(BaseModel):
    """What a task may use, within the settings: `calls` are calls of tools; None: as the settings say."""

    tokens: int | None = Field(default=None, ge=1)
    dollars: float | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, ge=1)


class TeamRequest(BaseModel):
    """`rounds` is how often refused work is done again; `approve` as in a chat request."""

    question: str = Field(min_length=1, max_length=100_000)
    model: str = "default"
    approve: list[str] = []
    rounds: int = Field(default=1, ge=0, le=3)
    budget: TeamBudget = TeamBudget()


class Draft(BaseModel):
    """What the person approves, and may edit: the answer, beside what the reviewer holds against it."""

    answer: str = Field(min_length=1)
    objections: list[str] = []


async def plan_execute_review(ctx: Context, request: TeamRequest) -> Answered:
    """Carry out a task and return the event that ends the run; what is refused for good is told as declined.

    A run that a limit, an error or a person stops tells what it has by then.
    """
    team = Team(request.model, request.approve)
    try:
        team.opened = await ctx.step(open_turn, ctx.thread_id, ctx.run_id)
        await ctx.emit(Routed(role="planner", reason="the team begins with a plan"))
        pieces = await _written(ctx, team, await planned(ctx, team, request.question))
        answer = await _approved(ctx, request, team, pieces)
    except (asyncio.CancelledError, Exception):
        partial = await ctx.step(so_far, ctx.run_id, list(team.done.values()))
        if partial is not None:
            await ctx.emit(partial)
        raise
    await ctx.emit(answer)
    return answer


async def _approved(ctx: Context, request: TeamRequest, team: Team, pieces: list[Piece]) -> Answered:
    """Have the work reviewed and ask the person; a refusal that gives a reason has it done again, `rounds` times."""
    left = request.rounds
    while True:
        pieces = await _reviewed(ctx, team, request.question, pieces)
        composed = await ctx.step(compose, request.question, pieces)
        for dropped in composed.dropped:
            await ctx.emit(Note(level="warning", text=f"Dropped a citation that does not resolve: {dropped}"))
        objections = [f"{piece.id}: {piece.objection}" for piece in pieces if piece.objection]
        draft = Draft(answer=composed.event.text, objections=objections)
        if {"*", TOOL} & {*request.approve}:
            return composed.event
        asked = {"tool": TOOL, "arguments": draft.model_dump(mode="json")}
        decision = await ctx.approve(TOOL, title="The team's answer: accept it?", request=asked, edits=Draft)
        if decision.approved:
            edited = Draft.model_validate(decision.edited) if decision.edited else draft
            return composed.event.model_copy(update={"text": edited.answer})
        if not left or not decision.reason.strip():
            output = draft.model_dump(mode="json")
            return Answered(role="team", text="The answer was refused.", declined=True, output=output)
        left -= 1
        await ctx.emit(Note(level="warning", text=f"Refused: {decision.reason}. It is done again."))
        again = {piece.id: decision.reason for piece in pieces if not piece.failed}
        pieces = await _again(ctx, team, pieces, again)


async def _reviewed(ctx: Context, team: Team, question: str, pieces: list[Piece]) -> list[Piece]:
    """Let the reviewer reject steps; each is done once more, and an objection that stays goes to the person."""
    objections = await _objections(ctx, team, question, pieces)
    answered = {piece.id for piece in pieces if not (piece.declined or piece.failed)}
    again = {step: reason for step, reason in objections.items() if step in answered}
    if again:
        for step, reason in again.items():
            await ctx.emit(Note(level="warning", text=f"The reviewer rejected {step}: {reason}"))
        pieces = await _again(ctx, team, pieces, again)
        objections = await _objections(ctx, team, question, pieces)
    return [piece.model_copy(update={"objection": objections.get(piece.id, "")}) for piece in pieces]


async def _objections(ctx: Context, team: Team, question: str, pieces: list[Piece]) -> dict[str, str]:
    shown: Work = await ctx.step(work_of, question, pieces)
    review: Review = await ctx.agent("reviewer", AgentInput(prompt=shown.model_dump_json()), team.model)
    return {issue.step: issue.reason for issue in review.issues}


async def _again(ctx: Context, team: Team, pieces: list[Piece], reasons: dict[str, str]) -> list[Piece]:
    """Have steps done once more, side by side; the first work stays where there is no second."""

    def branch(piece: Piece):
        async def run(inner: Context) -> Piece:
            if piece.id not in reasons:
                return piece
            blank = Piece(id=piece.id, role=piece.role, task=piece.task, known=piece.known, rejected=reasons[piece.id])
            second = await work(inner, team, blank)
            return piece if second.declined or second.failed else second

        return run

    return await _written(ctx, team, await ctx.gather(*[branch(piece) for piece in pieces]))


async def _written(ctx: Context, team: Team, pieces: list[Piece]) -> list[Piece]:
    """Have each piece put into words; where the writer fails, the specialist's own stay."""

    def branch(piece: Piece):
        async def run(inner: Context) -> Piece:
            if piece.declined or piece.failed or not piece.claims:
                return piece
            try:
                given = AgentInput(prompt=brief_of(piece).model_dump_json())
                section: Section = await inner.agent("writer", given, team.model)
            except LimitReached:
                raise
            except LyceumError as error:
                await inner.emit(Note(level="warning", text=f"{piece.id} stays as it is: {error.message}"))
                return piece
            return written(piece, section)

        return run

    return await ctx.gather(*[branch(piece) for piece in pieces])
