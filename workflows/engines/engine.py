"""What every engine can do: the faces start, follow and steer runs through this and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from lyceum.events import Event
from lyceum.runs import Decision, Run
from workflows.runtime import Runtime


class Engine(Protocol):
    """`name` is what a run says it runs on; `runtime` is this process's."""

    @property
    def name(self) -> str: ...

    runtime: Runtime

    async def submit(
        self,
        flow: str,
        input: BaseModel | Mapping[str, Any],  # noqa: A002
        *,
        thread: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Return the id of a queued run; raises UserError for an unknown flow."""
        ...

    async def drive(self, run_id: str) -> Run:
        """See a run through until it ends or waits for a person; a failure is told by its status, not raised."""
        ...

    async def try_drive(self, run_id: str) -> Run | None:
        """Do the same, or return None at once where another process drives it."""
        ...

    async def decide(self, run: str, approval: str, decision: Decision) -> None: ...

    async def send(self, run_id: str, channel: str, text: str) -> None: ...

    async def cancel(self, run_id: str) -> None: ...

    async def retry(self, run_id: str) -> Run: ...

    async def steps(self, run_id: str) -> list[str]:
        """Return the places of a run that `fork` can begin at, in the flow's order."""
        ...

    async def fork(self, run_id: str, step: str) -> str:
        """Return a queued run that keeps what another finished before a step; raises UserError where it cannot."""
        ...

    def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]: ...
