"""What an agent's durable unit needs from the context it runs in, on every engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from lyceum.runs import Decision
from models.budgets import Ledger
from models.prices import Prices


class Host(Protocol):
    """A context as agents see it; `scope` begins every key, `branch` names the gather branches that lead to it."""

    scope: str

    @property
    def run_id(self) -> str: ...

    @property
    def branch(self) -> str: ...

    @property
    def prices(self) -> Prices: ...

    async def ledger(self) -> Ledger:
        """Return what the run has used, shared by all its agents and branches."""
        ...

    async def unit(self, key: str, arguments: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Do a piece of work once in the run, whose result is JSON."""
        ...

    async def ask(
        self,
        key: str,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision: ...

    async def record(self, event: BaseModel, once: str) -> bool:
        """Keep an event and tell listeners; False where it was kept before."""
        ...

    async def keep(self, event: BaseModel, once: str) -> None:
        """Keep an event that listeners have heard piece by piece."""
        ...

    def listen(self, event: BaseModel) -> None: ...
