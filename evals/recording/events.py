"""A trajectory from a run's event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel

from evals.trajectory import Step, Trajectory
from lyceum.events import (
    Answered,
    ApprovalAsked,
    ApprovalDecided,
    ModelCalled,
    Routed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCalled,
    ToolReturned,
)


class _Waves:
    """Names the fork that a branch belongs to: the log has the arm only, and a run forks more than once."""

    def __init__(self) -> None:
        self.wave = 0
        self._forked = False
        self._over: set[str] = set()

    def of(self, event: Any) -> str:
        branch: str = event.branch
        if not branch:
            self._forked = False
            return ""
        if not self._forked or (isinstance(event, StepStarted) and branch in self._over):
            self.wave += 1
            self._forked = True
            self._over.clear()
        if isinstance(event, StepFinished):
            self._over.add(branch)
        outer, *inner = branch.split("/")
        return "/".join([f"w{self.wave}.{outer}", *inner])


def from_events(events: Sequence[BaseModel], *, case: str = "") -> Trajectory:
    """Return the trajectory of one run. Calls that one answer of a model asked for share a group."""
    steps: list[Step] = []
    calls: dict[str, Step] = {}
    approvals: dict[str, Step] = {}
    asked: dict[tuple[str, str], int] = {}
    waves = _Waves()
    told: dict[str, Any] = {"case": case}
    times: list[Any] = []
    for event in events:
        times.append(getattr(event, "at", None))
        where: dict[str, Any] = {"branch": waves.of(event), "agent": getattr(event, "agent", None) or ""}
        match event:
            case RunStarted():
                given = cast("dict[str, Any]", event.input) if isinstance(event.input, dict) else {}
                told["input"] = str(given.get("question", ""))
            case Routed():
                labels = {"by": "route", "reason": event.reason}
                steps.append(Step(kind="handoff", tool=event.role, labels=labels, **where))
            case StepStarted():
                task: dict[str, Any] = {"task": event.task}
                steps.append(Step(kind="handoff", tool=event.role, arguments=task, labels={"by": "step"}, **where))
            case ModelCalled():
                key = (where["branch"], where["agent"])
                asked[key] = len(steps)
                steps.append(_model(event, where))
            case ToolCalled():
                number = asked.get((where["branch"], where["agent"]))
                group = "" if number is None else f"m{number}"
                step = Step(
                    kind="tool",
                    tool=event.tool,
                    server=event.server,
                    call=event.call,
                    arguments=event.arguments,
                    group=group,
                    **where,
                )
                calls[event.call] = step
                steps.append(step)
            case ToolReturned():
                if (step := calls.get(event.call)) is not None:
                    step.ok, step.result_hash, step.result = event.ok, event.result_hash, event.preview
                    step.latency_ms = event.latency_ms
            case ApprovalAsked():
                step = Step(
                    kind="approval",
                    tool=str(event.request.get("tool", event.title)),
                    server=str(event.request.get("server", "")),
                    arguments=event.request.get("arguments") or {},
                    **where,
                )
                approvals[event.approval] = step
                steps.append(step)
            case ApprovalDecided():
                if (step := approvals.get(event.approval)) is not None:
                    step.ok = event.approved
                    step.labels = {"by": event.by, "reason": event.reason}
            case Answered():
                told |= {"answer": event.text, "output": event.output, "declined": event.declined}
            case RunFinished():
                told["error"] = None if event.status == "done" else f"{event.status}: {event.error}"
            case _:
                pass
    known = [time for time in times if time is not None]
    seconds = (known[-1] - known[0]).total_seconds() if known else 0.0
    return Trajectory(steps=steps, seconds=max(0.0, seconds), **told)


def _model(event: ModelCalled, where: dict[str, Any]) -> Step:
    return Step(
        kind="model",
        tool=event.model,
        server=event.provider,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cost=event.cost,
        latency_ms=event.latency_ms,
        labels={"kept": event.kept} if event.kept else {},
        **where,
    )
