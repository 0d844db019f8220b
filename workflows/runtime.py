"""What steps and agents get to work with: built once a process by `app/wiring.py`, bound by every face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import NoOpTracer, Tracer

from lyceum.artifacts import ArtifactStore
from lyceum.runs import RunStore
from lyceum.settings import BudgetSettings
from models.prices import Prices

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_ai.models import Model
    from pydantic_ai.toolsets import AbstractToolset

    from agents.role import Role


class Tools(Protocol):
    """The tool servers, wherever they run; a server's name is its folder in the catalogue."""

    def servers(self) -> Sequence[str]: ...

    async def toolset(self, server: str) -> AbstractToolset[Any]:
        """Return the server's tools for an agent; raises UserError for an unknown server."""
        ...

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call one tool and return its structured result; raises ModelRetry with the tool's own words."""
        ...


class Models(Protocol):
    """Who answers, by key: "default" is the ladder's choice; other keys are model names."""

    def get(self, key: str = "default") -> Model: ...

    @property
    def reason(self) -> str:
        """Why the default is the default, in one printable line."""
        ...


@dataclass(frozen=True)
class Runtime:
    """`listen` receives every event of this process's runs, streamed text included; faces draw from it.

    `tracer` records a span a run; it records nothing unless telemetry is on.
    """

    team: Mapping[str, Role]
    tools: Tools
    store: RunStore
    artifacts: ArtifactStore
    models: Models
    budget: BudgetSettings = BudgetSettings()
    prices: Prices = Prices()
    listen: Callable[[BaseModel], None] = lambda _event: None
    tracer: Tracer = field(default_factory=NoOpTracer)

    async def toolsets(self, member: Role) -> list[AbstractToolset[Any]]:
        """Return the tools of those of a member's servers that there are."""
        return [await self.tools.toolset(server) for server in member.servers if server in self.tools.servers()]


async def _unheard(_progress: Any) -> None:
    pass


@dataclass
class StepScope:
    """What a step function may know about its own call.

    `key` is the same however often the call is made (`run_id/step_key`): give it to services that take an idempotency
    key. `attempt` counts from 1 in this process; `last` is what an earlier attempt told by `beat`, also before a crash.
    """

    key: str
    attempt: int = 0
    last: Any = None
    tell: Callable[[Any], Awaitable[None]] = _unheard

    async def beat(self, progress: Any = None) -> None:
        """Say that the step is alive and how far it is, as a small JSON value."""
        await self.tell(progress)


CURRENT_STEP: ContextVar[StepScope] = ContextVar("lyceum.step")


def current_step() -> StepScope:
    """Return the call that is running, inside a step function only."""
    return CURRENT_STEP.get()
