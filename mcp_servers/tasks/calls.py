"""A call of a tool that takes long: it becomes a task, goes on in this process, and its end is kept in a run store."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.mcpserver.context import Context
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, CallToolRequestParams, ElicitRequest, ElicitRequestFormParams, ElicitResult
from pydantic import BaseModel

from lyceum.events import Note, RunFinished, RunStarted, RunStatus
from lyceum.runs import Run
from mcp_servers.tasks.views import error_text

if TYPE_CHECKING:
    from lyceum.runs import Lease, RunStore

GRACE = 0.05  # seconds: what is done by then is answered at once
_HEARTBEAT = 0.2
_LEASE = 20.0
_NOTE_EVERY = 0.5  # seconds between two kept lines of progress

Work = Callable[[ServerRequestContext[Any, Any]], Awaitable[HandlerResult]]

_current: ContextVar[Call | None] = ContextVar("lyceum_task", default=None)


class Calls:
    """The calls that this process works on; `store` is made when the first one becomes a task."""

    def __init__(self, store: Callable[[], RunStore]) -> None:
        self.store = store
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._kept: set[asyncio.Task[None]] = set()

    async def run(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], work: Work
    ) -> HandlerResult | Run:
        """Return what the tool returned, or the run that the call became because it takes long or has to ask."""
        call = Call(self, params)
        call.working = asyncio.create_task(call.work(ctx, work), name=f"call of {params.name}")
        asked = asyncio.create_task(call.asked.wait())
        try:
            await asyncio.wait({call.working, asked}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the client gave the request up before it became a task
            call.working.cancel()
            raise
        finally:
            asked.cancel()
        if call.working.done():
            return call.working.result()
        run = await call.become_task()
        self._keep(call)
        return run

    async def cancel(self, run: str) -> None:
        """End a call; whichever process works on it stops at its next heartbeat."""
        await self.store().set_status(run, "cancelled")
        await self.store().append(run, RunFinished(status="cancelled"), once="finished")

    def _keep(self, call: Call) -> None:
        keeping = asyncio.create_task(call.keep())
        self._kept.add(keeping)
        keeping.add_done_callback(self._kept.discard)

    async def lease(self, run: str) -> Lease:
        lease = await self.store().acquire(run, self._owner, seconds=_LEASE)
        assert lease is not None, "the run is new, and this process made it"
        return lease


class Call:
    """One call of a tool: before it became a task it has no run."""

    working: asyncio.Task[HandlerResult]

    def __init__(self, calls: Calls, params: CallToolRequestParams) -> None:
        self._calls = calls
        self._params = params
        self._run: Run | None = None
        self._lease: Lease | None = None
        self._latest = ""
        self._noted = 0.0
        self._questions = 0
        self.asked = asyncio.Event()

    async def work(self, ctx: ServerRequestContext[Any, Any], work: Work) -> HandlerResult:
        _current.set(self)
        return await work(replace(ctx, session=_TaskSession(ctx.session, self)))

    async def become_task(self) -> Run:
        if self._run is None:
            store = self._calls.store()
            thread = await store.create_thread(self._params.name)
            given = {"tool": self._params.name, "arguments": self._params.arguments or {}}
            run = await store.create_run(thread.id, "tool_call", given, engine="mcp", run=secrets.token_urlsafe(12))
            self._lease = await self._calls.lease(run.id)
            await store.set_status(run.id, "running")
            await store.append(run.id, RunStarted(flow=run.flow, thread=thread.id, input=given))
            self._run = run
            if self._latest:
                await self.note(self._latest)
        return self._run

    async def note(self, text: str) -> None:
        """Keep a line of progress; before the call is a task only the last one, then not more often than needed."""
        self._latest = text
        if self._run is not None and time.monotonic() - self._noted > _NOTE_EVERY:
            self._noted = time.monotonic()
            await self._calls.store().append(self._run.id, Note(text=text))

    async def ask(self, request: ElicitRequest) -> ElicitResult:
        """Ask through the task, and wait for the answer, however long it takes."""
        store, run = self._calls.store(), await self.become_task()
        self._questions += 1
        wanted = request.model_dump(mode="json", by_alias=True, exclude_none=True)
        approval = await store.ask(run.id, f"question {self._questions}", title=self._params.name, request=wanted)
        self.asked.set()
        while True:
            for known in await store.approvals(run=run.id, pending=False):
                if known.id == approval.id and known.decision is not None:
                    return ElicitResult.model_validate(known.decision.edited)
            await asyncio.sleep(_HEARTBEAT)

    async def keep(self) -> None:
        """Work until the end, holding the lease; stop when the task was cancelled; keep how it ended."""
        assert self._run is not None
        assert self._lease is not None
        store, renewed = self._calls.store(), time.monotonic()
        while not self.working.done():
            await asyncio.wait({self.working}, timeout=_HEARTBEAT)
            if (await store.run(self._run.id)).status == "cancelled":
                self.working.cancel()
                await asyncio.wait({self.working})
                return
            if time.monotonic() - renewed > _LEASE / 3:
                await store.renew(self._lease, seconds=_LEASE)
                renewed = time.monotonic()
        status, result, error = self._ended()
        await store.set_status(self._run.id, status, result=result, error=error, fence=self._lease.fence)
        await store.append(self._run.id, RunFinished(status=status), once="finished")
        await store.release(self._lease)

    def _ended(self) -> tuple[RunStatus, Any, str]:
        try:
            result = self.working.result()
        except MCPError as error:
            return "failed", None, error_text(error.error.code, error.error.message)
        except asyncio.CancelledError:
            return "cancelled", None, ""
        except Exception:  # noqa: BLE001 - what a crash says stays here, as in any other call
            return "failed", None, error_text(INTERNAL_ERROR, "The tool crashed.")
        dumped = (
            result.model_dump(mode="json", by_alias=True, exclude_none=True)
            if isinstance(result, BaseModel)
            else dict(result or {})
        )
        dumped.pop("resultType", None)
        return "done", dumped, ""


class _TaskSession(ServerSession):
    """The request's own session, whose progress is also kept for whoever asks about the task."""

    def __init__(self, of: ServerSession, call: Call) -> None:
        self.__dict__.update(of.__dict__)
        self._call = call

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        done = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        await self._call.note(f"{done}: {message}" if message else done)
        await super().report_progress(progress, total, message)


def current() -> Call | None:
    """Return the call that this code works on, where it may be or become a task."""
    return _current.get()


async def ask(context: Context[Any, Any], message: str, schema: dict[str, Any]) -> ElicitResult:
    """Ask the client's user in the middle of a call: through its task, or in the session of an older client.

    `schema` is a flat JSON schema of primitive fields. Raises MCPError where the client can be asked in neither way.
    """
    call = _current.get()
    request = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))
    if call is not None:
        return await call.ask(request)
    return await context.session.elicit_form(message, schema, related_request_id=context.request_id)
