"""Consolidation, the sleep of a memory: new turns become facts and old ones a summary, while nobody waits.

By rules with the offline engine, by a language model where there is one; the model picks sentences, and only the user's
own words are kept. A turn is never changed by it. A run that is cut off goes on where it was.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from agents.archivist import Notes, Page
from lyceum.events import Note as Told
from workflows.context import AgentInput, Context
from workflows.steps.consolidate import (
    Batch,
    Change,
    Changes,
    Note,
    answers_by_rules,
    consolidated,
    due,
    picked,
    summarised,
    unread,
)

TOOL = "memory_consolidate"
MOST_SUMMARISED = 40  # turns that one request of a model is shown


class ConsolidateRequest(BaseModel):
    """`most` turns are read in batches; `dry` only shows the changes, `ask` asks before each batch is saved."""

    model: str = "default"
    rules: bool = False
    dry: bool = False
    ask: bool = False
    summaries: bool = True
    batch: int = Field(default=20, ge=1, le=200)
    most: int = Field(default=1000, ge=1, le=1_000_000)
    seconds: float = Field(default=600, gt=0)


class Consolidated(BaseModel):
    """What became of the turns; `refused` batches were read and not saved, `left` turns are still unread."""

    turns: int = 0
    changes: list[Change] = []
    quarantined: list[str] = []
    refused: int = 0
    left: int = 0
    summaries: dict[str, str] = Field(default_factory=dict[str, str], description="By thread: who wrote it.")


async def consolidate(ctx: Context, request: ConsolidateRequest) -> Consolidated:
    """Read what is unread, batch by batch, and keep what lasts; then sum up what is no longer recent."""
    rules = request.rules or await ctx.step(answers_by_rules, request.model)
    started: datetime = await ctx.now()
    done = Consolidated()
    while done.turns < request.most:
        if (await ctx.now() - started).total_seconds() > request.seconds:
            await ctx.emit(Told(level="warning", text=f"Consolidation ended after {request.seconds:g} s."))
            break
        size = request.most if request.dry else min(request.batch, request.most - done.turns)
        batch: Batch = await ctx.step(unread, min(size, 1000), "rules" if rules else "model")
        if not batch.turns:
            break
        notes = None if rules else await _notes(ctx, request, batch)
        changes = await _saved(ctx, request, batch, notes, done)
        done.turns += changes.turns
        done.left = changes.left
        new = [change for change in changes.changes if change.action != "duplicate"]
        done.changes += new
        done.quarantined += changes.quarantined
        for change in new:
            await ctx.emit(Told(text=change.line))
        if request.dry:
            break
    if request.summaries and not request.dry:
        for thread in await ctx.step(due):
            page = Page(
                turns=[turn.text for turn in thread.turns[:MOST_SUMMARISED]], summary=True, before=thread.before
            )
            short = len(thread.turns) <= MOST_SUMMARISED
            lines = [] if rules or not short else (await _ask(ctx, request, page)).lines
            done.summaries[thread.thread] = await ctx.step(summarised, thread, lines)
    return done


async def _saved(
    ctx: Context, request: ConsolidateRequest, batch: Batch, notes: list[Note] | None, done: Consolidated
) -> Changes:
    """Show, ask where that is wanted, and keep a batch; a refused one is marked as read."""
    turns = [turn.id for turn in batch.turns]
    if request.dry or request.ask:
        preview = await ctx.step(consolidated, turns, notes, True, False)
        if request.dry:
            return preview
        if any(change.action != "duplicate" for change in preview.changes):
            diff = "\n".join(change.line for change in preview.changes)
            asked = {"server": "memory", "tool": TOOL, "arguments": {"diff": diff}}
            decision = await ctx.approve(TOOL, title="memory wants to keep this", request=asked)
            if not decision.approved:
                done.refused += 1
                return await ctx.step(consolidated, turns, notes, False, True)
    return await ctx.step(consolidated, turns, notes, False, False)


async def _notes(ctx: Context, request: ConsolidateRequest, batch: Batch) -> list[Note]:
    page = Page(turns=[turn.text for turn in batch.turns], known=batch.known)
    return picked(batch, (await _ask(ctx, request, page)).facts)


async def _ask(ctx: Context, request: ConsolidateRequest, page: Page) -> Notes:
    return await ctx.agent("archivist", AgentInput(prompt=page.model_dump_json()), request.model)
