"""One third-party server in use: opened when it is needed, asked within limits, given up when it breaks them."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
from pydantic import TypeAdapter

from app.third_party.config import Expanded, Server, expand
from app.third_party.definitions import Definition, define, raw_of
from app.third_party.limits import Limits
from app.third_party.lint import clean, visible
from lyceum.errors import Unavailable, UserError

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp_types import CallToolResult

    from app.third_party.stdio import Health

T = TypeVar("T")
# From the entry and the server's key, what authorizes requests to it.
SignsIn = Callable[[Expanded, str], AbstractAsyncContextManager["httpx2.Auth | None"]]


class LeftOut(Unavailable):
    """A third-party server that cannot be used now; the text is for the person, and holds none of its secrets."""


class Connection:
    """Opens in a task of its own, which also closes it; a lost connection is opened again by its next use."""

    def __init__(
        self, server: Server, environment: Mapping[str, str], limits: Limits, signs_in: SignsIn | None = None
    ) -> None:
        self.server = server
        self.limits = limits
        self.definitions: dict[str, Definition] = {}
        self.more = ""  # what of its list was not read
        self._environment = environment
        self._signs_in = signs_in
        self._expanded: Expanded | None = None
        self._session: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        self._over = asyncio.Event()
        self._health: Health | None = None

    def hide(self, text: str) -> str:
        return self._expanded.hide(text) if self._expanded else text

    async def list(self) -> dict[str, Definition]:
        """Return its tools as they are now, by name; raises LeftOut."""
        limits = self.limits
        found: dict[str, Definition] = {}
        more = ""

        async def ask(client: Client) -> None:
            nonlocal more
            cursor: str | None = None
            for page in range(limits.pages + 1):
                if page == limits.pages:
                    more = f"its list of tools has more than {limits.pages} pages"
                    return
                listed = await client.list_tools(cursor=cursor, cache_mode="bypass")
                for tool in listed.tools:
                    if len(found) >= limits.tools:
                        more = f"it has more than {limits.tools} tools: name those you want as `tools` in its entry"
                        return
                    found.setdefault(tool.name, define(self.server.name, raw_of(tool), limits))
                cursor = listed.next_cursor
                if cursor is None:
                    return

        await self._within(limits.listing, "its list of tools", ask)
        self.definitions, self.more = found, more
        return found

    async def call(self, tool: str, arguments: dict[str, Any], sha256: str) -> CallToolResult:
        """Call a tool whose definition is the one that was offered; raises LeftOut where it is not, or fails."""
        if not self._open():
            await self.list()
        now = self.definitions.get(tool)
        if now is None or now.sha256 != sha256:
            raise LeftOut(f"{self.server.name} has changed its tool {visible(tool, 40)} since it was offered.")
        return await self._within(self.server.entry.timeout, "a call", lambda client: _call(client, tool, arguments))

    async def close(self) -> None:
        self._over.set()
        if self._session is not None:
            if self._client is not None and not self._client.done():
                self._session.cancel()  # it is still being started, which may take long
            await asyncio.gather(self._session, return_exceptions=True)

    def _open(self) -> bool:
        known = self._client is not None and self._client.done() and not self._client.cancelled()
        return known and self._session is not None and not self._session.done()

    async def _within(self, seconds: float, what: str, ask: Callable[[Client], Awaitable[T]]) -> T:
        """Ask something within a time; whatever goes wrong ends the connection and is told as LeftOut."""
        client = await self._connected()
        try:
            async with asyncio.timeout(seconds):
                return await ask(client)
        except TimeoutError:
            reason = f"{what} took longer than {seconds:g} s"
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server does wrong
            reason = self._why(error)
        await self._drop()
        raise LeftOut(f"{self.server.name}: {reason}.")

    async def _drop(self) -> None:
        self._over.set()
        if self._session is not None:
            await asyncio.wait([self._session], timeout=10)

    async def _connected(self) -> Client:
        if self._session is None or self._session.done():
            self._over = asyncio.Event()
            self._client = asyncio.get_running_loop().create_future()
            self._session = asyncio.create_task(self._hold(self._client, self._over), name=f"mcp {self.server.name}")
        assert self._client is not None
        return await asyncio.shield(self._client)

    async def _hold(self, promised: asyncio.Future[Client], over: asyncio.Event) -> None:
        """Open, keep until it is over, close; what goes wrong belongs to whoever wanted the server."""
        from mcp import Client, MCPError
        from mcp_types import Implementation

        from app.third_party.stdio import Health
        from lyceum import __version__

        # What the SDK logs holds what strangers and providers said, and their errors may hold a key.
        logging.getLogger("mcp.client").setLevel(logging.CRITICAL)
        health = self._health = Health()
        try:
            self._expanded = expand(self.server, self._environment)
            async with asyncio.timeout(self.limits.start) as starting:
                streams = self._transport(self._expanded, health)
                me = Implementation(name="lyceum", version=__version__)
                async with Client(streams, client_info=me, cache=None) as client:
                    starting.reschedule(None)
                    if promised.done():  # nobody waits any more
                        return
                    promised.set_result(client)
                    await over.wait()
        except asyncio.CancelledError:
            promised.cancel()
            raise
        except TimeoutError:
            reason = f"it was not ready within {self.limits.start:g} s{self._said()}"
            _fail(promised, LeftOut(f"{self.server.name}: {reason}.", next_step=self._look))
        except UserError as error:
            _fail(promised, LeftOut(error.message, next_step=error.next_step))
        except OSError as error:
            _fail(promised, self._not_started(error))
        except (MCPError, Exception) as error:  # noqa: BLE001 - as above
            _fail(promised, LeftOut(f"{self.server.name}: {self._why(error)}.", next_step=self._look))

    def _transport(self, expanded: Expanded, health: Health) -> Any:
        entry = expanded.entry
        if entry.url is not None:
            from app.third_party.http import bounded_http

            auth = self._signs_in(expanded, self.server.key) if self._signs_in else nullcontext()
            return bounded_http(entry.url, entry.headers, auth, self.limits, health)
        from app.third_party.stdio import bounded_stdio

        cwd = str((self.server.file.parent / Path(entry.cwd).expanduser()).resolve()) if entry.cwd else None
        return bounded_stdio([entry.command or "", *entry.args], entry.env, cwd, self.limits, health)

    @property
    def _look(self) -> str:
        return f"`lyceum mcp inspect {self.server.name}` looks at it."

    def _not_started(self, error: OSError) -> LeftOut:
        entry = self._expanded.entry if self._expanded else self.server.entry
        command = entry.command or ""
        if entry.url is not None:
            return LeftOut(f"{self.server.name}: {self._why(error)}.", next_step=self._look)
        if isinstance(error, FileNotFoundError) and shutil.which(command) is None:
            step = f"Install it, or write its whole path as `command` in {self.server.file}."
            return LeftOut(f"{self.server.name}: there is no command {self.hide(command)!r}.", next_step=step)
        return LeftOut(f"{self.server.name}: {self.hide(command)!r} cannot be started ({error.strerror}).")

    def _why(self, error: BaseException) -> str:
        """Say what went wrong: in our words where we know, else in a line of the server's, cleaned and short."""
        if self._health is not None and self._health.reason:
            return f"{self._health.reason}{self._said()}"
        while isinstance(error, BaseExceptionGroup):
            error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
        if isinstance(error, anyio.ClosedResourceError | anyio.BrokenResourceError):
            return f"it went away{self._said()}"
        said = visible(clean(self.hide(str(error))), 200)
        return f"it failed ({type(error).__name__}{f': {said}' if said else ''})"

    def _said(self) -> str:
        log = self._health.log.decode(errors="replace").strip() if self._health else ""
        return f"; the end of its log: {visible(clean(self.hide(log.splitlines()[-1])), 160)!r}" if log else ""


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    """Call without the SDK's check of the result against a schema, which is the stranger's and may cost any time.

    What the server refuses is a result like another; what it asks back, of the person or of a model, is not answered.
    """
    from mcp import MCPError
    from mcp_types import (
        CONNECTION_CLOSED,
        CallToolRequest,
        CallToolRequestParams,
        CallToolResult,
        InputRequiredResult,
        TextContent,
    )

    asked = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=arguments))
    adapter: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(InputRequiredResult | CallToolResult)
    try:
        result = await client.session.send_request(asked, adapter)
    except MCPError as error:
        if error.code == CONNECTION_CLOSED:
            raise
        return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
    if isinstance(result, InputRequiredResult):
        raise ValueError("it asked for more than the call held, which third-party servers may not")
    return result


def _fail(promised: asyncio.Future[Client], error: LeftOut) -> None:
    if not promised.done():
        promised.set_exception(error)
        promised.exception()  # it may be that nobody waits any more
