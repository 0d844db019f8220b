"""The same research once more: the plan that was approved before, and what its report says differently now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lyceum.errors import UserError
from lyceum.events import Answered
from lyceum.runs import ENDED, Run, RunStore
from workflows.runtime import Runtime
from workflows.steps.research.plan import Plan
from workflows.steps.research.report import Report


async def earlier_plan(runtime: Runtime, run: str) -> Plan:
    """Return the plan of a finished run; raises UserError where there is no report of it."""
    return (await _report(runtime, run)).plan


async def compare(runtime: Runtime, run: str, report: Report) -> Report:
    """Return the report with what changed since that of an earlier run."""
    return report.model_copy(update={"since": run, "changes": changes(await _report(runtime, run), report)})


async def _report(runtime: Runtime, run: str) -> Report:
    answers = [event for event in await runtime.store.events(run) if isinstance(event, Answered)]
    if not answers or "sections" not in (answers[-1].output or {}):
        raise UserError(f"Run {run} has no report.", next_step="See `lyceum runs list`.")
    return Report.model_validate(answers[-1].output)


def changes(earlier: Report, now: Report) -> list[str]:
    """Say which claims, contradictions and gaps are new and which are gone, a sub-question after the other."""
    found: list[str] = []
    before = {section.question: section for section in earlier.sections}
    for section in now.sections:
        held = before.get(section.question)
        old = [claim.text for claim in held.claims] if held else []
        new = [claim.text for claim in section.claims]
        found += _differences(f"{section.id}: ", old, new)
        if section.missing and old:
            found.append(f"{section.id} is not answered any more: {section.missing}")
    told = [[f"{each.value_a} against {each.value_b}" for each in report.contradictions] for report in (earlier, now)]
    return [*found, *_differences("contradiction ", *told)]


def _differences(what: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    added = [f"new, {what}{text}" for text in new if text not in old]
    return [*added, *(f"gone, {what}{text}" for text in old if text not in new)]


async def repeated(store: RunStore, base: Run) -> dict[str, Any] | str:
    """Return what a run is given that repeats a research: its plan, to be compared with the latest report there is.

    Where there is nothing to repeat, or the last one is still going, a sentence says so.
    """
    runs = [run for run in await store.runs(thread=base.thread, limit=10_000) if base.id in (run.id, run.parent)]
    going = next((run.id for run in runs if run.status not in ENDED), "")
    if going:
        return f"run {going} has not ended yet"
    for run in runs:  # the newest first
        if run.status in ("done", "limit") and await _has_report(store, run.id):
            return {**base.input, "again": run.id, "plan_only": False}
    return f"run {base.id} has no report"


async def _has_report(store: RunStore, run: str) -> bool:
    answers = [event for event in await store.events(run) if isinstance(event, Answered)]
    return bool(answers) and "sections" in (answers[-1].output or {})
