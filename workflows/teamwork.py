"""How flows let the team work: a plan's steps in waves, each by one agent, grounded in what its tools returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from agents.planner import Plan
from lyceum.events import Note, PlanMade, PlannedStep, StepFinished, StepStarted
from workflows.context import AgentInput, Context
from workflows.steps.chat_turn import Opened, Piece, ground, prompt_for


@dataclass
class Team:
    """What every part of the work needs: who answers, what may be read, and the pieces that are finished.

    `model` is a model key; `approve` names tools that need no further approval ("*" for all).
    """

    model: str
    approve: list[str]
    opened: Opened = field(default_factory=Opened)
    done: dict[str, Piece] = field(default_factory=dict[str, Piece])


async def work(ctx: Context, team: Team, piece: Piece) -> Piece:
    """Let one agent do one step; its typed output is grounded in what its tools really returned."""
    await ctx.emit(StepStarted(step=piece.id, role=piece.role, task=piece.task))
    given = AgentInput(
        prompt=prompt_for(piece.role, piece.task, team.opened, piece),
        history=team.opened.history,
        deps={"approved": team.approve},
    )
    output: BaseModel = await ctx.agent(piece.role, given, team.model)
    finished = await ctx.step(ground, ctx.run_id, piece, output.model_dump(mode="json"))
    team.done[piece.id] = finished
    for note in finished.notes:
        await ctx.emit(Note(level="warning", text=note))
    await ctx.emit(StepFinished(step=piece.id, ok=not finished.failed, reason=finished.failed or finished.declined))
    return finished


async def carry_out(ctx: Context, team: Team, steps: Sequence[PlannedStep]) -> list[Piece]:
    """Run steps in waves: each wave is every step whose needs are met, all at the same time."""
    done: dict[str, Piece] = {}
    waiting = list(steps)
    while waiting:
        ready = [step for step in waiting if all(need in done for need in step.needs)]
        ready = ready or waiting[:1]  # needs that can never be met must not hang the run
        waiting = [step for step in waiting if step not in ready]

        def branch(step: PlannedStep):
            async def run(inner: Context) -> Piece:
                known = [done[need].summary for need in step.needs if need in done]
                return await work(inner, team, Piece(id=step.id, role=step.role, task=step.task, known=known))

            return run

        for piece in await ctx.gather(*[branch(step) for step in ready]):
            done[piece.id] = piece
    return [done[step.id] for step in steps]


async def planned(ctx: Context, team: Team, question: str) -> list[Piece]:
    """Plan, run the steps, and plan once more where some failed."""
    pieces: list[Piece] = []
    failed = ""
    for attempt in range(2):
        asked = AgentInput(prompt=prompt_for("planner", question + failed, team.opened), history=team.opened.history)
        plan: Plan = await ctx.agent("planner", asked, team.model)
        steps = [PlannedStep.model_validate(step.model_dump()) for step in plan.steps]
        await ctx.emit(PlanMade(steps=steps, replan=attempt > 0))
        pieces = await carry_out(ctx, team, steps)
        broken = [piece for piece in pieces if piece.failed]
        if not broken:
            break
        failed = "\n" + "\n".join(f"(The step {piece.task!r} failed: {piece.failed})" for piece in broken)
    return pieces
