"""The extension itself: which calls become tasks, and `tasks/get`, `tasks/update`, `tasks/cancel`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import authenticated_principal, require_client_extension
from mcp.server.mcpserver.tools.base import Tool
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from lyceum.errors import UserError
from lyceum.runs import ENDED, Run
from mcp_servers.renamed import by_any_name
from mcp_servers.sealing import home_key
from mcp_servers.tasks.calls import Calls
from mcp_servers.tasks.ids import Kind, TaskIds, Ticket
from mcp_servers.tasks.views import created, decision_of, detailed
from mcp_servers.tool import TaskSupport, TypedTool

if TYPE_CHECKING:
    from lyceum.runs import RunStore
    from mcp_servers.services import Services

_HOUR_MS = 3_600_000
TTL_MS: Mapping[Kind, int] = {"call": 24 * _HOUR_MS, "run": 7 * 24 * _HOUR_MS}


class TaskParams(RequestParams):
    """`name_param`: over HTTP the id is repeated in the header that routes requests."""

    name_param: ClassVar[str | None] = "taskId"

    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(default_factory=dict[str, Any])


class Tasks(Extension):
    """Calls of these tools may become tasks; runs are those of the services' store."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, home: Path, services: Services, tools: Sequence[Tool]) -> None:
        self._home = home
        self._services = services
        self._support: dict[str, TaskSupport] = {
            name: tool.task for name, tool in by_any_name(tools).items() if isinstance(tool, TypedTool)
        }
        self._calls = Calls(lambda: self._call_store)

    @cached_property
    def _ids(self) -> TaskIds:
        return TaskIds(home_key(self._home))

    @cached_property
    def _call_store(self) -> RunStore:
        from lyceum.run_store import SqliteRunStore

        return SqliteRunStore(self._home / "tasks.db")

    def methods(self) -> Sequence[MethodBinding]:
        modern = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [
            MethodBinding("tasks/get", TaskParams, self._get, modern),
            MethodBinding("tasks/update", UpdateParams, self._update, modern),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, modern),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        support = self._support.get(params.name, "none")
        if support == "required":
            require_client_extension(ctx, self.identifier)
        if support == "none" or not self._known_to(ctx):
            return await call_next(ctx)
        if support == "run":
            return await self._started(await call_next(ctx), ctx)
        outcome = await self._calls.run(params, ctx, call_next)
        return self._create("call", outcome, ctx) if isinstance(outcome, Run) else outcome

    def _known_to(self, ctx: ServerRequestContext[Any, Any]) -> bool:
        capabilities = ctx.session.client_capabilities
        declared = (capabilities.extensions if capabilities else None) or {}
        return self.identifier in declared and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS

    async def _started(self, result: HandlerResult, ctx: ServerRequestContext[Any, Any]) -> HandlerResult:
        """Turn the result of a tool that started a run into the task that the run is."""
        if not isinstance(result, CallToolResult) or result.is_error or not result.structured_content:
            return result
        assert self._services.store is not None, "a tool that starts runs has a store"
        return self._create("run", await self._services.store.run(result.structured_content["run"]), ctx)

    def _create(self, kind: Kind, run: Run, ctx: ServerRequestContext[Any, Any]) -> dict[str, Any]:
        ticket = Ticket(kind=kind, run=run.id, created=int(time.time() * 1000), ttl=TTL_MS[kind])
        return created(self._ids.seal(ticket, _caller(ctx)), ticket, run)

    async def _opened(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> tuple[Ticket, RunStore, Run]:
        require_client_extension(ctx, self.identifier)
        headers = getattr(ctx.request, "headers", None)
        if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != params.task_id:
            raise MCPError(code=HEADER_MISMATCH, message="The Mcp-Name header is not the request's taskId.")
        try:
            ticket = self._ids.open(params.task_id, _caller(ctx))
            store = self._call_store if ticket.kind == "call" else self._services.store
            assert store is not None
            return ticket, store, await store.run(ticket.run)
        except UserError as error:
            raise MCPError(code=INVALID_PARAMS, message=f"{error.message} {error.next_step}".strip()) from None

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        ticket, store, run = await self._opened(ctx, params)
        driven = await store.holder(run.id) is not None
        if ticket.kind == "run" and not driven and run.status not in ENDED and self._services.resume is not None:
            self._services.resume(run.id)
        pending = await store.approvals(run=run.id)
        return detailed(params.task_id, ticket, run, await store.events(run.id), pending, driven=driven)

    async def _update(self, ctx: ServerRequestContext[Any, Any], params: UpdateParams) -> HandlerResult:
        ticket, store, run = await self._opened(ctx, params)
        pending = {approval.id: approval for approval in await store.approvals(run=run.id)}
        answered = {key: pending[key] for key in params.input_responses if key in pending}
        decisions = {key: decision_of(asked, params.input_responses[key]) for key, asked in answered.items()}
        jobs = self._services.jobs if ticket.kind == "run" else None
        for key, decision in decisions.items():
            try:
                await (jobs or store).decide(run.id, key, decision)
            except UserError as error:
                raise MCPError(code=INVALID_PARAMS, message=f"{error.message} {error.next_step}".strip()) from None
        return {}

    async def _cancel(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        ticket, _, run = await self._opened(ctx, params)
        if run.status in ENDED:
            return {}
        if ticket.kind == "call":
            await self._calls.cancel(run.id)
        elif self._services.jobs is not None:
            with contextlib.suppress(UserError):  # it ended just now
                await self._services.jobs.cancel(run.id)
        return {}


def _caller(ctx: ServerRequestContext[Any, Any]) -> str:
    return authenticated_principal(ctx) or ""
