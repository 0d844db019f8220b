"""What a research run is doing: lines for a pipe; on a terminal a plan that is ticked off above what is under way."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import BaseModel

from app.cli.progress import DONE, FAILED, Progress
from app.cli.terminal import one_line, say, styled, width
from lyceum.events import (
    ApprovalAsked,
    ApprovalDecided,
    ModelCalled,
    PlanMade,
    SourceFound,
    StepFinished,
    StepStarted,
    ToolCalled,
)

REFRESH = 0.25  # seconds


STAGES = {"writer": "writing", "verifier": "checking", "reviewer": "reviewing"}


@dataclass
class Researcher:
    """How far one sub-question is: what is done for it now, what it has found, and which stages are behind it."""

    state: str = "waiting"
    sources: set[str] = field(default_factory=set[str])
    behind: set[str] = field(default_factory=set[str])

    def told(self) -> str:
        found = f"{len(self.sources)} source{'s' * (len(self.sources) != 1)}, " if self.sources else ""
        return f"{found}{self.state}"


class Watch(Progress):
    """Adds what there is so far: each sub-question's state, sources, calls, seconds, money, and what may be left."""

    def __init__(self, *, as_json: bool = False, tell: Callable[[str], None] = say) -> None:
        super().__init__(as_json=as_json, tell=tell)
        self._rows = 0

    def begin(self) -> None:
        super().begin()
        self.sources: dict[str, None] = {}
        self.calls = 0
        self.stage = ""
        self.researchers: dict[str, Researcher] = {}
        self._at: dict[str, str] = {}  # which sub-question a branch is about
        self._clock()

    def _clock(self) -> None:
        """Measure from here: a plan that waited for its approval took no work."""
        self.started = time.monotonic()
        self._before = self._units()

    def __call__(self, event: BaseModel) -> None:
        self._count(event)
        self._erase()
        super().__call__(event)
        if isinstance(event, StepFinished) and not self.as_json and not self.live:
            self._tell(self.summary())
        if isinstance(event, ApprovalAsked):
            self.live = False  # a question is no place for a line that moves
        if isinstance(event, ApprovalDecided):
            self._clock()

    def catch_up(self, events: Iterable[BaseModel]) -> None:
        """Know what an earlier process of the run did, without telling it again."""
        for event in events:
            self._count(event)
            self._fold(event)
        self._clock()

    def _count(self, event: BaseModel) -> None:
        match event:
            case PlanMade():
                self.researchers = {step.id: Researcher() for step in event.steps}
            case StepStarted():
                self._at[event.branch] = event.step
                self._known(event.step).state = (
                    "looking again" if "search" in self._known(event.step).behind else "looking up"
                )
                self.stage = self._known(event.step).state
            case StepFinished():
                self._known(event.step).behind.add("search")
                self._known(event.step).state = "looked up" if event.ok else "nothing found"
            case SourceFound():
                self.sources.setdefault(event.source.id)
                if (step := self._at.get(event.branch.partition("/")[0])) is not None:
                    self._known(step).sources.add(event.source.id)
            case ToolCalled():
                self.calls += 1
            case ModelCalled(agent=str() as agent) if agent in STAGES:
                self.stage = STAGES[agent]
                looked = [each for each in self.researchers.values() if "search" in each.behind]
                if event.branch.isdigit() and int(event.branch) < len(looked):
                    looked[int(event.branch)].behind.add(agent)
                    looked[int(event.branch)].state = "written" if agent == "writer" else "checked"
            case _:
                pass

    def _known(self, step: str) -> Researcher:
        return self.researchers.setdefault(step, Researcher())

    def _units(self) -> int:
        return sum(len(each.behind) for each in self.researchers.values())

    def left(self) -> float | None:
        """Return how many seconds it may still take at the pace so far; None where that cannot be told yet."""
        whole = 3 * len(self.researchers) + 1  # looking up, writing and checking each, and one review
        done = self._units()
        pace = done - self._before
        if self.answer is not None or pace <= 0 or self.stage == "reviewing":
            return None
        return (time.monotonic() - self.started) / pace * (whole - done)

    def summary(self) -> str:
        """Return the run's state in a line."""
        done = sum(mark in (DONE, FAILED) for mark in self._marks.values())
        money = f", ${self.cost:.4f}" if self.cost else ""
        tokens = f", {self.tokens:,} tokens" if self.tokens else ""
        seconds = time.monotonic() - self.started
        left = self.left()
        coming = (
            "" if left is None else f", about {left:.0f} s left" if left < 90 else f", about {left / 60:.0f} min left"
        )
        stage = f"{self.stage}: " if self.stage else ""
        return (
            f"    {stage}{done} of {len(self.plan)} sub-questions, {len(self.sources)} sources, {self.calls} calls, "
            f"{seconds:.0f} s{tokens}{money}{coming}"
        )

    @asynccontextmanager
    async def drawing(self) -> AsyncGenerator[None]:
        """Keep the plan and the state at the foot of a terminal while the block runs; elsewhere only lines are told."""
        if self.as_json or not styled(sys.stderr):
            yield
            return
        self.live = True
        clock = asyncio.create_task(self._redraw())
        try:
            yield
        finally:
            clock.cancel()
            self._erase()
            self.live = False

    async def _redraw(self) -> None:
        while True:
            if self.live:
                self._erase()
                lines = self.lines()
                sys.stderr.write("\n".join(line[: width() - 1] for line in lines) + "\n")
                sys.stderr.flush()
                self._rows = len(lines)
            await asyncio.sleep(REFRESH)

    def lines(self) -> list[str]:
        """Return the plan with each researcher's state, the run's, and the calls that are under way."""
        now = time.monotonic()
        states = [f" ({self._known(step.id).told()})" for step in self.plan]
        taken = [len(f"  {step.id} {step.role}: {state}") for step, state in zip(self.plan, states, strict=True)]
        room = max(20, width() - 1 - max(taken, default=0))
        told = [
            tick + state for tick, state in zip(self._ticks(lambda text: one_line(text, room)), states, strict=True)
        ]
        under_way = [f"    … {called.tool} {now - since:.0f} s" for called, since in self._calls.values()]
        return [*told, self.summary(), *under_way]

    def _erase(self) -> None:
        """Take back what was drawn, so that what is told next stands in its place."""
        if self._rows:
            sys.stderr.write(f"\x1b[{self._rows}A\x1b[J")
            sys.stderr.flush()
            self._rows = 0
