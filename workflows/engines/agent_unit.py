"""An agent inside a journaled run: every model request and every tool call is a unit of work of its own.

PydanticAI hands each of them to a durability backend; ours keeps it in the journal, tells the run's event log about
it once, holds the run's budget, and asks before a tool that changes the world outside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai import Agent, AgentStreamEvent, RunContext
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    DurableOperationBackend,
    DurableOperationId,
    JournalCallableOperationBackend,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
)
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart

from lyceum.events import SourceFound, TextDelta, ToolCalled, ToolReturned, result_hash
from lyceum.sources import Source
from models.budgets import Hold, Ledger, Payee
from models.fallback import candidates
from workflows.engines.draft import Draft
from workflows.engines.host import Host
from workflows.engines.model_unit import model_request, room_for, written

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from agents.role import Role
    from workflows.context import AgentInput
    from workflows.engines.journal_context import JournalContext

PREVIEW_CHARACTERS = 300

current_scope: ContextVar[AgentScope] = ContextVar("lyceum.agent_scope")


class AgentScope:
    """The agent that is running: its journal scope, its role, the run's budget and how far it has come.

    `payees` are those who may answer it; `hold` is the request under way, `limited` whether the budget shortens it.
    """

    def __init__(self, ctx: Host, role: str, approved: frozenset[str], ledger: Ledger, payees: list[Payee]) -> None:
        self.ctx = ctx
        self.role = role
        self.approved = approved
        self.ledger = ledger
        self.payees = payees
        self.model_calls = 0
        self.context_tokens = 0
        self.limited = False
        self.hold: Hold | None = None
        self.draft = Draft()

    async def tell(self, event: Any, once: str) -> bool:
        """Record an event of this agent; False where an earlier process did already."""
        known = {"agent": self.role, "branch": self.ctx.branch}
        return await self.ctx.record(event.model_copy(update=known), once)

    def stream(self, text: str) -> None:
        delta = TextDelta(run=self.ctx.run_id, branch=self.ctx.branch, agent=self.role, text=text)
        self.ctx.listen(delta)

    async def keep_draft(self) -> None:
        """Store what an interrupted model had said: listeners have it already, the history has not."""
        if self.draft.text:
            said = TextDelta(branch=self.ctx.branch, agent=self.role, text=self.draft.text)
            await self.ctx.keep(said, f"{self.ctx.scope}draft")


async def run_agent(ctx: JournalContext, role: str, given: AgentInput, model_key: str) -> Any:
    """Run a role of the team on `given` and return its typed output."""
    runtime = ctx.engine.runtime
    member = runtime.team[role]
    model = runtime.models.get(model_key)
    agent: Agent[Any, Any] = member.make(model, await runtime.toolsets(member), [JournalDurability()])
    return await run_scoped(ctx, agent, member, model, given)


async def run_scoped(ctx: Host, agent: Agent[Any, Any], member: Role, model: Model, given: AgentInput) -> Any:
    """Run an agent that was made for this engine, within the run's budget and approvals."""
    approved = frozenset(cast("list[str]", given.deps.get("approved", [])))
    payees = [Payee(each.model_name, each.system) for each in candidates(model)]
    scope = AgentScope(ctx, member.name, approved, await ctx.ledger(), payees)
    token = current_scope.set(scope)
    try:
        result = await agent.run(
            given.prompt,
            deps=member.deps(given.deps),
            message_history=_messages(given.history) or None,
            model_settings=lambda context: room_for(scope, context.messages),
        )
    except (asyncio.CancelledError, Exception):
        await scope.keep_draft()
        raise
    finally:
        current_scope.reset(token)
    return result.output


def _messages(turns: list[tuple[str, str]]) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    for question, answer in turns:
        messages += [ModelRequest(parts=[UserPromptPart(question)]), ModelResponse(parts=[TextPart(answer)])]
    return messages


class JournalDurability(BaseDurabilityCapability[Any]):
    """Makes an agent durable on the embedded journal."""

    engine_spec = DurabilityEngineSpec(
        engine_name="Lyceum journal",
        durable_unit_noun="unit",
        durable_container_noun="run",
        codec=JSON_CODEC,
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-always", "dynamic": "enter-never"},
        journal_discovery=False,  # in process and deterministic; keeping it would double the journal
        tool_config_key="journal",
    )

    def __init__(self) -> None:
        super().__init__(event_stream_handler=_stream_text)

    @property
    def in_durable_context(self) -> bool:
        return current_scope.get(None) is not None

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        return _Backend(
            agent_name=self.name or "agent",
            config=RoleBasedOperationConfig(model=None, event=None, capability=None, tool=None),
        )


async def _stream_text(_ctx: RunContext[Any], events: AsyncIterable[AgentStreamEvent]) -> None:
    scope = current_scope.get(None)
    async for event in events:
        if scope is None:
            continue
        if text := scope.draft.more(event):
            scope.stream(text)
        if scope.hold is not None:
            scope.hold.more(written(event))


class _Backend(JournalCallableOperationBackend[Any]):
    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: Any,
    ) -> object:
        scope = current_scope.get()
        if isinstance(operation_id, ModelRequestId):
            return await model_request(scope, operation_id.model_name, body, cast("list[ModelMessage]", cache_key[1]))
        if isinstance(operation_id, ToolsetCallToolId):
            call = f"{scope.ctx.scope}{cast('RunContext[Any]', cache_key[2]).tool_call_id or name}"
            metadata = getattr(getattr(cache_key[3], "tool_def", None), "metadata", None)
            arguments = cast("dict[str, Any]", cache_key[1])
            return await tool_call(scope, operation_id.toolset_id, str(cache_key[0]), call, arguments, metadata, body)
        return await body()  # events and instructions have no effect of their own to keep


async def tool_call(
    scope: AgentScope,
    server: str,
    tool: str,
    call: str,
    arguments: dict[str, Any],
    metadata: dict[str, Any] | None,
    body: Callable[[], Awaitable[object]],
) -> dict[str, Any]:
    """Call a tool once, asking first where it changes the world; returns PydanticAI's envelope of its result.

    `arguments` are replaced in place where the person edited them; `metadata` is the tool definition's.
    """
    ctx = scope.ctx
    if _changes_the_world(metadata or {}) and not scope.approved & {"*", tool}:
        request = {"server": server, "tool": tool, "arguments": arguments}
        decision = await ctx.ask(f"{call}.approve", f"{scope.role} wants to call {tool}", request)
        if not decision.approved:
            refusal = f"The user refused this call{': ' + decision.reason if decision.reason else ''}. Do not retry it."
            return {"kind": "tool_return", "result": refusal}
        if decision.edited is not None:
            arguments.clear()
            arguments.update(decision.edited)
    called = ToolCalled(call=call, server=server, tool=tool, arguments=dict(arguments))
    scope.ledger.check_tool()
    if await scope.tell(called, f"{call}.called"):
        scope.ledger.tool_calls += 1
    start = time.perf_counter()
    kept: dict[str, Any] = await ctx.unit(f"{call}.tool", result_hash([tool, arguments]), body)
    latency = (time.perf_counter() - start) * 1000
    content = _content(kept)
    sources = [Source.model_validate(source) for source in _sources(content)]
    for source in sources:
        await scope.tell(SourceFound(source=source), f"{call}.source.{source.id}")
    returned = ToolReturned(
        call=call,
        server=server,
        tool=tool,
        ok=kept.get("kind") == "tool_return",
        result_hash=result_hash(content),
        preview=str(content)[:PREVIEW_CHARACTERS],
        latency_ms=round(latency, 1),
        sources=[source.id for source in sources],
    )
    await scope.tell(returned, f"{call}.returned")
    return kept


def _changes_the_world(metadata: dict[str, Any]) -> bool:
    """Tell whether a tool must be approved: its server says that it may destroy, or that it writes to an open world."""
    hints: dict[str, Any] = metadata.get("annotations") or {}
    reaches_out = hints.get("destructive_hint") is not False or hints.get("open_world_hint") is not False
    return hints.get("read_only_hint") is not True and reaches_out


def _content(kept: dict[str, Any]) -> Any:
    """Return the tool's own answer from the recorded envelope, or its error text."""
    return kept.get("result", kept.get("message"))


def _sources(content: Any) -> list[Any]:
    return cast("dict[str, Any]", content).get("sources") or [] if isinstance(content, dict) else []
