"""What a research run is doing: lines for a pipe; on a terminal a plan that is ticked off above what is under way."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

from pydantic import BaseModel

from app.cli.progress import DONE, FAILED, Progress
from app.cli.terminal import one_line, say, styled, width
from lyceum.events import ApprovalAsked, SourceFound, StepFinished, ToolCalled

REFRESH = 0.25  # seconds


class Watch(Progress):
    """Adds what there is so far: sub-questions done, sources, calls, seconds, money."""

    def __init__(self, *, as_json: bool = False, tell: Callable[[str], None] = say) -> None:
        super().__init__(as_json=as_json, tell=tell)
        self._rows = 0

    def begin(self) -> None:
        super().begin()
        self.sources: dict[str, None] = {}
        self.calls = 0
        self.started = time.monotonic()

    def __call__(self, event: BaseModel) -> None:
        self._count(event)
        self._erase()
        super().__call__(event)
        if isinstance(event, StepFinished) and not self.as_json and not self.live:
            self._tell(self.summary())
        if isinstance(event, ApprovalAsked):
            self.live = False  # a question is no place for a line that moves

    def catch_up(self, events: Iterable[BaseModel]) -> None:
        """Know what an earlier process of the run did, without telling it again."""
        for event in events:
            self._count(event)
            self._fold(event)
        self.started = time.monotonic()

    def _count(self, event: BaseModel) -> None:
        if isinstance(event, SourceFound):
            self.sources.setdefault(event.source.id)
        elif isinstance(event, ToolCalled):
            self.calls += 1

    def summary(self) -> str:
        """Return the run's state in a line."""
        done = sum(mark in (DONE, FAILED) for mark in self._marks.values())
        money = f", ${self.cost:.4f}" if self.cost else ""
        tokens = f", {self.tokens:,} tokens" if self.tokens else ""
        seconds = time.monotonic() - self.started
        return (
            f"    {done} of {len(self.plan)} sub-questions, {len(self.sources)} sources, {self.calls} calls, "
            f"{seconds:.0f} s{tokens}{money}"
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
                lines = self._lines()
                sys.stderr.write("\n".join(line[: width() - 1] for line in lines) + "\n")
                sys.stderr.flush()
                self._rows = len(lines)
            await asyncio.sleep(REFRESH)

    def _lines(self) -> list[str]:
        now = time.monotonic()
        under_way = [f"    … {called.tool} {now - since:.0f} s" for called, since in self._calls.values()]
        return [*self._ticks(one_line), self.summary(), *under_way]

    def _erase(self) -> None:
        """Take back what was drawn, so that what is told next stands in its place."""
        if self._rows:
            sys.stderr.write(f"\x1b[{self._rows}A\x1b[J")
            sys.stderr.flush()
            self._rows = 0
