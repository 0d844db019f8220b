"""What a research run is doing, as lines or, on a terminal, as a plan that is ticked off while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from pydantic import BaseModel

from app.cli.progress import Progress
from app.cli.terminal import say
from lyceum.events import SourceFound, StepFinished, ToolCalled


class Watch(Progress):
    """Adds to each finished step what there is so far: sources, calls, seconds, money."""

    def __init__(self, *, as_json: bool = False, tell: Callable[[str], None] = say) -> None:
        super().__init__(as_json=as_json, tell=tell)

    def begin(self) -> None:
        super().begin()
        self.sources: dict[str, None] = {}
        self.calls = 0
        self.started = time.monotonic()

    def __call__(self, event: BaseModel) -> None:
        self._count(event)
        super().__call__(event)
        if isinstance(event, StepFinished) and not self.as_json:
            self._tell(self.summary())

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
        """Return the plan's state in a line: done, sources found, calls, seconds, cost."""
        done = sum(mark in ("✓", "✗") for mark in self._marks.values())
        money = f", ${self.cost:.4f}" if self.cost else ""
        seconds = time.monotonic() - self.started
        return (
            f"    {done} of {len(self.plan)} sub-questions, {len(self.sources)} sources, {self.calls} calls, "
            f"{seconds:.0f} s{money}"
        )
