"""Agents inside a workflow: PydanticAI runs model and tool calls as activities, our rules stand around each of them.

The model of such an agent is fixed when it is made, so a worker has one agent a role and model key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic_ai import Agent, ModelRequestContext, RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.exceptions import ModelAPIError, ModelRetry, ToolRetryError
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset
from temporalio.common import RetryPolicy as ServerRetries
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.workflow import ActivityConfig

import lyceum.errors
from agents.role import Role
from lyceum.errors import LyceumError, OperatorError, UserError, nearest
from lyceum.settings import BudgetSettings, TemporalSettings
from models.prices import Prices
from workflows.context import AgentInput
from workflows.engines.agent_unit import current_scope, run_scoped, tool_call
from workflows.engines.model_unit import model_request
from workflows.engines.temporal.context import DEATHS, TemporalContext
from workflows.engines.temporal.wire import ours
from workflows.runtime import Runtime

# Errors of a tool or model that stay what they are: their classes' names, as Temporal compares them.
_FINAL = sorted(
    {name for name, kind in vars(lyceum.errors).items() if isinstance(kind, type) and issubclass(kind, LyceumError)}
    | {"ModelHTTPError", "ModelAPIError", "RuntimeError", "ValueError", "TypeError", "KeyError", "AttributeError"}
)

OFFLINE = "offline"  # the model key of the offline engine, which every worker has

_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class Rules(AbstractCapability[Any]):
    """Budget, approvals and events of an agent in a workflow; `servers` says which server has a tool."""

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = servers

    async def wrap_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        response: ModelResponse | None = None

        async def body() -> object:
            nonlocal response
            response = await _told(handler(request_context))
            return _RESPONSE.dump_python(cast("ModelResponse", response), mode="json")

        name = request_context.model.model_name
        await model_request(current_scope.get(), name, body, request_context.messages)
        assert response is not None
        return response

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, Any],
        handler: Any,
    ) -> Any:
        scope = current_scope.get()
        raised: Exception | None = None
        returned: Any = None

        async def body() -> object:
            nonlocal raised, returned
            try:
                returned = await _told(handler(args))
            except (ToolRetryError, ModelRetry) as error:
                raised = error
                return {"kind": "retry", "message": str(error)}
            return {"kind": "tool_return", "result": _ANYTHING.dump_python(returned, mode="json", fallback=str)}

        key = f"{scope.ctx.scope}{call.tool_call_id}"
        server = self._servers.get(call.tool_name, "agent")
        kept = await tool_call(scope, server, call.tool_name, key, args, tool_def.metadata, body)
        if raised is not None:
            raise raised
        return returned if returned is not None else kept.get("result")


async def _told(call: Any) -> Any:
    """Await an activity; where it failed beyond repair, raise that as an error of ours."""
    try:
        return await call
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise asyncio.CancelledError from error
        raise (ours(error) or OperatorError("A part of the run failed.", next_step="See the workers' logs.")) from error


@dataclass(frozen=True)
class WorkerAgents:
    """What a worker gives its workflows: settings that stay as they are, and the agents, by role and model key."""

    heartbeat: float
    continue_after: int
    budget: BudgetSettings
    prices: Prices
    team: Mapping[str, Role]
    agents: Mapping[tuple[str, str], tuple[Agent[Any, Any], Model]]

    async def run_agent(self, ctx: TemporalContext, role: str, given: AgentInput, model_key: str) -> Any:
        found = self.agents.get((role, model_key))
        if found is None:
            known = [key for _, key in self.agents]
            raise UserError(
                f"The workers have no agent for the model {model_key!r}.",
                next_step=f"Add it to temporal.models and start them anew. {nearest(model_key, known, what='models')}",
            )
        agent, model = found
        return await run_scoped(ctx, agent, self.team[role], model, given)


async def make_agents(runtime: Runtime, settings: TemporalSettings) -> WorkerAgents:
    """Make every agent of the team, for the default model and those of the settings."""
    toolsets: dict[str, AbstractToolset[Any]] = {}
    for server in sorted({server for member in runtime.team.values() for server in member.servers}):
        if server in runtime.tools.servers():
            toolsets[server] = await runtime.tools.toolset(server)
    made: dict[tuple[str, str], tuple[Agent[Any, Any], Model]] = {}
    # A request that asks for the offline engine finds it, whatever else the workers have.
    for key in dict.fromkeys(("default", OFFLINE, *settings.models)) if runtime.team else ():
        model = runtime.models.get(key)
        for role, member in runtime.team.items():
            given = [toolsets[server] for server in member.servers if server in toolsets]
            made[role, key] = (
                member.make(model, given, [Rules(_servers_of(given)), _durability(role, key, settings)]),
                model,
            )
    return WorkerAgents(settings.heartbeat, settings.continue_after, runtime.budget, runtime.prices, runtime.team, made)


def _servers_of(toolsets: Sequence[AbstractToolset[Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for toolset in toolsets:
        if isinstance(toolset, FunctionToolset):
            found |= dict.fromkeys(toolset.tools, str(toolset.id))
    return found


def _durability(role: str, key: str, settings: TemporalSettings) -> TemporalDurability[Any]:
    """Name activities after role and model; only a worker's death is tried again by the server."""
    silent = timedelta(seconds=settings.heartbeat)
    once = ActivityConfig(
        start_to_close_timeout=timedelta(hours=2),
        heartbeat_timeout=silent,
        retry_policy=ServerRetries(
            maximum_attempts=DEATHS,
            non_retryable_error_types=[*_FINAL],
        ),
    )
    return TemporalDurability(name=f"{role}.{key}", activity_config=once, non_retryable_model_errors=(ModelAPIError,))
