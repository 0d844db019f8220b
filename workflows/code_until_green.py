"""Mend a workspace until its tests pass: try edits on a copy in the sandbox, and write only what helped, once approved.

No file of the user changes before it is known what the edit does to the tests, so there is nothing to tidy up when a
run is cut off; what was written is undone when the tests then say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from agents.repairing import Assignment, Edit, Proposal
from lyceum.events import Note
from workflows.context import AgentInput, Context
from workflows.steps.code_until_green import (
    Tests,
    apply,
    difference,
    key_of,
    localise,
    run_tests,
    undo,
)

TOOL = "workspace_edit"
ROUND_SECONDS = 90.0  # for trying the proposals of one round


class MendRequest(BaseModel):
    """`workspace` is its name; `rounds` and `seconds` bound the search; `approve` as in a chat request."""

    workspace: str
    request: str = "Make the failing tests pass."
    model: str = "default"
    approve: list[str] = []
    rounds: int = Field(default=14, ge=1, le=100)
    seconds: float = Field(default=600, gt=0)


class Mended(BaseModel):
    """What became of it: `before` and `after` count failing tests, `diff` is what was written, or would have been."""

    summary: str
    before: int = 0
    after: int = 0
    passed: int = 0
    green: bool = False
    written: bool = False
    diff: str = ""
    rounds: int = 0
    declined: str = ""


async def code_until_green(ctx: Context, request: MendRequest) -> Mended:
    """Run the tests, have the coder propose edits for what fails, keep those that help, write them at the end."""
    tests = await ctx.step(run_tests, request.workspace, [])
    if tests.problem:
        return _declined(f"The tests could not be run. {tests.problem}", tests)
    if tests.passed + tests.failed + tests.skipped + tests.not_run == 0:
        return _declined("The workspace has no tests that could be run (test*.py).", tests)
    if not tests.failed + tests.not_run:
        return Mended(summary=f"All tests pass ({tests.passed}); nothing was changed.", green=True, passed=tests.passed)
    await ctx.emit(Note(text=f"tests: {tests.failed} fail, {tests.passed} pass"))
    edits, now, rounds = await _search(ctx, request, tests)
    if not edits:
        names = ", ".join(failure.test for failure in tests.failures[:3])
        return _declined(f"No edit was found that helps; nothing was changed. Still failing: {names}.", tests, rounds)
    diff = await ctx.step(difference, request.workspace, edits)
    mended = Mended(
        summary="", before=tests.failed, after=now.failed, passed=now.passed, green=now.green, diff=diff, rounds=rounds
    )
    return await _written(ctx, request, mended, edits)


async def _search(ctx: Context, request: MendRequest, tests: Tests) -> tuple[list[Edit], Tests, int]:
    """Collect the edits that help, on a copy; returns them, what the tests then say, and the rounds it took."""
    started: datetime = await ctx.now()
    edits: list[Edit] = []
    attempts: dict[str, int] = {}
    tried: list[tuple[str, str]] = []
    rounds = 0
    while not tests.green and rounds < request.rounds:
        if (await ctx.now() - started).total_seconds() > request.seconds:
            await ctx.emit(Note(level="warning", text=f"The search ended after {request.seconds:g} s."))
            break
        found = (await ctx.step(localise, request.workspace, request.request, tests, edits, attempts, tried)).assignment
        if found is None:
            break
        rounds += 1
        given = AgentInput(prompt=found.model_dump_json(), deps={"approved": request.approve})
        result = await ctx.agent("coder", given, request.model)
        best = await _best(ctx, request, edits, tests, result.proposals)
        place = key_of(found.suspect) if found.suspect else ""
        attempts[place] = attempts.get(place, 0) + 1
        if best is None:
            tried += [(place, _lines_of(found, proposal.edits)) for proposal in result.proposals[:4]]
        else:
            edits, tests, tried, attempts = [*edits, *best[0]], best[1], [], {}
        helped = "helped" if best else "did not help"
        done = f"{len(result.proposals)} edits tried, {helped}; {tests.failed} fail"
        await ctx.emit(Note(text=f"round {rounds}, {place or 'imports'}: {done}"))
    return edits, tests, rounds


async def _best(
    ctx: Context, request: MendRequest, edits: list[Edit], tests: Tests, proposals: Sequence[Proposal]
) -> tuple[list[Edit], Tests] | None:
    """Try proposals on top of what helped so far; returns the best of those that help, or None."""
    started: datetime = await ctx.now()
    best: tuple[list[Edit], Tests] | None = None
    for proposal in proposals:
        if (await ctx.now() - started).total_seconds() > ROUND_SECONDS:
            break
        if _touches_tests(proposal.edits, tests):
            continue
        after = await ctx.step(run_tests, request.workspace, [*edits, *proposal.edits])
        if after.better_than(best[1] if best else tests):
            best = (proposal.edits, after)
        if after.green:
            break
    return best


async def _written(ctx: Context, request: MendRequest, mended: Mended, edits: list[Edit]) -> Mended:
    """Ask, write, and test what was written; what then does not hold is undone."""
    if not {"*", TOOL} & set(request.approve):
        asked = {
            "server": "workspace",
            "tool": TOOL,
            "arguments": {"workspace": request.workspace, "diff": mended.diff},
        }
        decision = await ctx.approve(TOOL, title="coder wants to change your files", request=asked)
        if not decision.approved:
            why = f" ({decision.reason})" if decision.reason else ""
            return mended.model_copy(update={"summary": f"You refused the change{why}; nothing was written."})
    applied = await ctx.step(apply, request.workspace, edits, f"{ctx.run_id}.mended")
    real = await ctx.step(run_tests, request.workspace, [])
    if real.problem or real.failed + real.not_run > mended.after:
        undone = await ctx.step(undo, request.workspace, applied)
        what = "it was undone" if undone else "it could not be undone, because the files were changed meanwhile"
        return mended.model_copy(
            update={"summary": f"After writing, the tests said otherwise ({real.failed} fail); {what}.", "green": False}
        )
    left = "" if real.green else f" {real.failed} still fail: {', '.join(f.test for f in real.failures[:3])}."
    summary = f"{_tests(real.passed)} now, {mended.before} failed before.{left} Checkpoint {applied.checkpoint}."
    return mended.model_copy(
        update={
            "summary": summary, "written": True, "diff": applied.diff, "green": real.green, "passed": real.passed,
            "after": real.failed,
        }
    )  # fmt: skip


def _tests(count: int) -> str:
    return "1 test passes" if count == 1 else f"{count} tests pass"


def _touches_tests(edits: list[Edit], tests: Tests) -> bool:
    return any(edit.path in tests.files or edit.path.endswith("conftest.py") for edit in edits)


def _lines_of(found: Assignment, edits: list[Edit]) -> str:
    """Return the lines of edits that are new: what did not help, for the model to see."""
    old = set(found.suspect.text.split("\n")) if found.suspect else set[str]()
    return "\n".join([line for edit in edits for line in edit.new.split("\n") if line not in old][:30])


def _declined(reason: str, tests: Tests, rounds: int = 0) -> Mended:
    return Mended(
        summary=reason, declined=reason, before=tests.failed, after=tests.failed, passed=tests.passed, rounds=rounds
    )
