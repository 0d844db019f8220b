"""What a run is doing, folded from its events: told line by line, or drawn by a live view."""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import BaseModel

from app.cli.render import call_line, line_of
from app.cli.terminal import markdown, one_line, say
from lyceum.events import (
    Answered,
    ModelCalled,
    PlanMade,
    PlannedStep,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
)

WAITING, WORKING, DONE, FAILED = "☐", "▸", "✓", "✗"


class Progress:
    """Listens to a process's runs, one at a time, and tells each event worth knowing as a line.

    `as_json` writes every stored event to stdout instead.

    With `live` the plan and the drafts are left to a view that calls `drawn` whenever `changed` was called.
    """

    def __init__(self, *, as_json: bool = False, tell: Callable[[str], None] = say) -> None:
        self.as_json = as_json
        self._tell = tell
        self.live = False
        self.changed: Callable[[], None] = lambda: None
        self.begin()

    def begin(self) -> None:
        """Forget the last run."""
        self.answer: Answered | None = None
        self.finished: RunFinished | None = None
        self.tokens = 0
        self.cost: float | None = None
        self.model, self.context_tokens = "", 0
        self.plan: list[PlannedStep] = []
        self._marks: dict[str, str] = {}
        self._calls: dict[str, tuple[ToolCalled, float]] = {}
        self._drafts: dict[tuple[str, str], str] = {}
        self._complete: set[tuple[str, str]] = set()
        self._began = time.monotonic()

    def __call__(self, event: BaseModel) -> None:
        line = self._line(event)
        self._fold(event)
        if self.as_json:
            if getattr(event, "seq", 0):
                print(event.model_dump_json(), flush=True)
        elif line:
            self._tell(line)
        self.changed()

    def _line(self, event: BaseModel) -> str:
        match event:
            case ToolReturned():
                call = self._calls.get(event.call)
                return call_line(call[0] if call else None, event.tool, ok=event.ok, milliseconds=event.latency_ms)
            case PlanMade() if self.live:
                return ""
            case StepFinished() if event.ok and (self.live or not self.plan):
                return ""  # the live plan ticks it; a single step needs no tick
            case Answered() if self.live and self.plan:
                return "\n".join(self._ticks(one_line))  # what was live stays readable above the answer
            case _:
                return line_of(event)

    def _fold(self, event: BaseModel) -> None:
        match event:
            case RunStarted():
                self._began = time.monotonic()
            case PlanMade():
                self.plan, self._marks = event.steps, {}
            case StepStarted():
                self._marks[event.step] = WORKING
            case StepFinished():
                self._marks[event.step] = DONE if event.ok else FAILED
                self._drafts.clear()
            case ModelCalled():
                self.tokens += event.input_tokens + event.output_tokens
                self.model, self.context_tokens = event.model, event.input_tokens + event.output_tokens
                if event.cost is not None:
                    self.cost = (self.cost or 0.0) + event.cost
                self._complete.add((event.branch, event.agent or ""))
            case TextDelta():
                writer = (event.branch, event.agent or "")
                if writer in self._complete:  # a new request: what it says replaces the last one's draft
                    self._complete.discard(writer)
                    self._drafts.pop(writer, None)
                self._drafts[writer] = self._drafts.get(writer, "") + event.text
            case ToolCalled():
                self._calls[event.call] = (event, time.monotonic())
            case ToolReturned():
                self._calls.pop(event.call, None)
            case Answered():
                self.answer = event
                self._drafts.clear()
            case RunFinished():
                self.finished = event
            case _:
                pass

    def drawn(self, columns: int, rows: int) -> str:
        """Return the live part in at most `rows` lines: plan, calls under way, the end of what is being written."""
        now = time.monotonic()
        head = self._ticks(lambda text: one_line(text, columns - 20)) if self.answer is None else []
        for call, since in self._calls.values():
            head.append(one_line(f"… {call.tool} {now - since:.0f} s", columns - 1))
        if not head and not self._drafts:
            head = [f"… {now - self._began:.0f} s"]
        written = "\n".join(markdown(text, columns - 1) for text in self._drafts.values() if text.strip())
        room = max(0, rows - len(head))
        tail = written.split("\n")[-room:] if written and room else []
        return "\n".join([*head[:rows], *tail])

    def _ticks(self, short: Callable[[str], str]) -> list[str]:
        return [f"{self._marks.get(step.id, WAITING)} {step.id} {step.role}: {short(step.task)}" for step in self.plan]
