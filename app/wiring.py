"""The only composition root: settings in, a runtime and an engine out."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mcp import Client
from mcp_types import TextContent
from pydantic import BaseModel
from pydantic_ai import ModelRetry as AskModelAgain
from pydantic_ai import Tool
from pydantic_ai.toolsets import FunctionToolset

from agents.team import TEAM
from lyceum.artifacts import FolderArtifacts
from lyceum.errors import ModelRetry, Unavailable, UserError, frames, nearest
from lyceum.paths import ensure_writable
from lyceum.run_store import SqliteRunStore
from lyceum.runs import Attachment
from lyceum.settings import Settings
from lyceum.telemetry import tracing
from mcp_servers.catalogue import cards, make
from mcp_servers.services import Services
from models.providers import shown
from models.resolve import ResolvedModels
from workflows.chat_turn import chat_turn
from workflows.engines.journal import JournalEngine
from workflows.engines.journal_store import JournalStore
from workflows.runtime import Runtime

FLOWS = {"chat_turn": chat_turn}
_TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".sqlite", ".sqlite3", ".db", ".duckdb")


class ConnectedTools:
    """The tool servers of a process: in process by default, or at the URL that settings name."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self._clients: dict[str, Client] = {}

    def servers(self) -> Sequence[str]:
        return list(cards())

    def _target(self, server: str) -> Any:
        where = self._settings.tools.get(server, "inprocess")
        if where == "inprocess":
            return make(server, self._settings, self._services)
        if where.startswith(("http://", "https://")):
            return where
        raise UserError(
            f"tools.{server} is {where!r}.",
            next_step=nearest(where, ("inprocess", "http://host:port/mcp"), what="places"),
        )

    async def toolset(self, server: str) -> FunctionToolset[Any]:
        """Return the server's tools as functions that call it over MCP.

        PydanticAI's own `MCPToolset` does the same and costs 0.9 s to import; see docs/decisions/0002.
        """
        client = self._client(server)
        tools: list[Tool[Any]] = []
        for definition in (await client.list_tools()).tools:
            tool: Tool[Any] = Tool.from_schema(
                self._caller(server, definition.name),
                name=definition.name,
                description=definition.description,
                json_schema=definition.input_schema,
            )
            hints = definition.annotations
            tool.metadata = {"annotations": hints.model_dump() if hints else {}}
            tools.append(tool)
        return FunctionToolset(tools, id=server)

    def _caller(self, server: str, tool: str) -> Callable[..., Any]:
        async def call(**arguments: Any) -> dict[str, Any]:
            try:
                return await self.call(server, tool, arguments)
            except ModelRetry as error:
                raise AskModelAgain(error.message) from None

        return call

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await self._client(server).call_tool(tool, arguments)
        if result.is_error:
            text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
            raise ModelRetry(text or f"{tool} failed.")
        return cast("dict[str, Any]", result.structured_content or {})

    async def connect(self, stack: AsyncExitStack) -> None:
        """Connect to every server, in the task that will also disconnect: a session belongs to one task."""
        for server in self.servers():
            target = self._target(server)
            try:
                self._clients[server] = await stack.enter_async_context(Client(target))
            except Exception as error:
                if not isinstance(target, str):
                    raise
                raise Unavailable(
                    f"The tool server {server} does not answer at {shown(target)} ({type(error).__name__}).",
                    next_step=f"Start it there, or take tools.{server} out of the settings.",
                ) from None

    def _client(self, server: str) -> Client:
        if server not in self._clients:
            raise UserError(
                f"There is no tool server {server!r}.", next_step=nearest(server, self._clients, what="servers")
            )
        return self._clients[server]


@dataclass(frozen=True)
class App:
    """Everything a face needs."""

    settings: Settings
    runtime: Runtime
    engine: JournalEngine
    store: SqliteRunStore

    async def attach(self, thread: str, path: Path) -> list[Attachment]:
        """Attach a file or folder to a thread: tables become databases, documents a collection."""
        try:
            path = path.expanduser().resolve()
            missing = not path.exists()
        except (OSError, ValueError, RuntimeError):  # too long, a NUL byte, links in a ring
            raise UserError("That is no path.", next_step="Check the path after --attach.") from None
        if missing:
            raise UserError(f"{path} does not exist.", next_step="Check the path after --attach.")
        if not (path.is_file() or path.is_dir()):  # a pipe or a device could be read for ever
            raise UserError(f"{path} is neither a file nor a folder.", next_step="Attach a file or a folder.")
        if not os.access(path, os.R_OK):
            raise UserError(f"{path} cannot be read.", next_step="Check its permissions.")
        files = [child for child in path.rglob("*") if child.is_file()] if path.is_dir() else [path]
        attached: list[Attachment] = []
        for file in sorted(file for file in files if file.suffix.lower() in _TABLE_SUFFIXES):
            listed = await self._tool("sql", "sql_attach", {"path": str(file)})
            attached.append(Attachment(kind="database", name=listed["name"], uri=str(file)))
        if any(file.suffix.lower() not in _TABLE_SUFFIXES for file in files):
            collection = _collection_name(path)
            report = await self._tool("retrieval", "retrieval_ingest", {"path": str(path), "collection": collection})
            problems = [f"{error['path']}: {error['reason']}" for error in report.get("errors", [])]
            if report["documents"] + report["unchanged"] or attached:
                attached.append(Attachment(kind="collection", name=collection, uri=str(path), problems=problems))
            elif problems:
                raise UserError(f"Nothing in {path} can be read.", next_step="\n  ".join(problems[:3]))
        if not attached:
            raise UserError(f"{path} holds no document and no table.", next_step="Attach another file or folder.")
        await self.store.attach(thread, attached)
        return attached

    async def _tool(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.runtime.tools.call(server, tool, arguments)
        except ModelRetry as error:  # here a person chose the arguments, not a model
            raise UserError(error.message, next_step=error.next_step) from None


def _collection_name(path: Path) -> str:
    """A name that the same folder gets again: its own, and a hash of where it is."""
    own = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:30] or "documents"
    return f"{own}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"


@asynccontextmanager
async def wire(settings: Settings, *, listen: Callable[[BaseModel], None] = lambda _event: None) -> AsyncGenerator[App]:
    """Build the process's runtime; raises OperatorError where the home folder cannot be written."""
    home = ensure_writable(settings.home)
    store = SqliteRunStore(home / "runs.db")
    artifacts = FolderArtifacts(home / "artifacts")
    _log_to(home / "logs")
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        tracer = stack.enter_context(tracing(settings.telemetry, home))
        tools = ConnectedTools(settings, Services(home, store=store))
        models = ResolvedModels(settings, os.environ)
        stack.push_async_callback(models.close)
        runtime = Runtime(
            team=TEAM,
            tools=tools,
            store=store,
            artifacts=artifacts,
            models=models,
            budget=settings.budget,
            listen=listen,
            tracer=tracer,
        )
        journal = JournalStore(home / "runs.db", artifacts)
        stack.callback(journal.close)
        stack.callback(store.close)
        try:
            await tools.connect(stack)
            yield App(settings, runtime, JournalEngine(runtime, journal, FLOWS), store)
        except Exception as error:  # noqa: BLE001 - held back: the clients' task groups would wrap it in a group
            failure = error
    if failure is not None:
        raise failure


class _WhereOnly(logging.Formatter):
    """Leaves out what exceptions say: a provider's message may quote the request, and with it a key."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        return f"{ei[0].__name__}\n{frames(ei[1])}" if ei[1] is not None else ""


def _log_to(folder: Path) -> None:
    """Send library logs to a file: a traceback on the terminal helps nobody who chats."""
    ensure_writable(folder)
    handler = logging.FileHandler(folder / "lyceum.log", delay=True)
    handler.setFormatter(_WhereOnly("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
