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
from typing import Any

from pydantic import BaseModel

from agents.role import Role
from agents.team import TEAM
from app.connections import ConnectedTools
from app.stores import close_store, open_artifacts, open_store
from app.third_party.tools import with_third_party
from lyceum.errors import ModelRetry, OperatorError, UserError, frames
from lyceum.extras import install_command
from lyceum.paths import ensure_writable
from lyceum.runs import Attachment, Run, RunStore
from lyceum.settings import Settings
from lyceum.telemetry import tracing
from mcp_servers.services import Services
from mcp_servers.workspace.roots import grant, is_repository
from models.prices import Prices
from models.resolve import ResolvedModels
from workflows.chat_turn import chat_turn
from workflows.code_until_green import code_until_green
from workflows.consolidate import consolidate
from workflows.deep_research import deep_research
from workflows.engines.engine import Engine
from workflows.engines.journal import JournalEngine
from workflows.engines.journal_store import JournalStore
from workflows.ingest import ingest
from workflows.plan_execute_review import plan_execute_review
from workflows.runtime import Runtime

FLOWS = {
    "chat_turn": chat_turn,
    "code_until_green": code_until_green,
    "deep_research": deep_research,
    "consolidate": consolidate,
    "ingest": ingest,
    "plan_execute_review": plan_execute_review,
}
_TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".sqlite", ".sqlite3", ".db", ".duckdb")


@dataclass(frozen=True)
class App:
    """Everything a face needs."""

    settings: Settings
    runtime: Runtime
    engine: Engine  # the one that new runs go to
    store: RunStore
    journal: JournalEngine

    def engine_of(self, run: Run) -> Engine:
        """Return the engine that a run was started on, whatever the settings say now."""
        if run.engine == self.engine.name:
            return self.engine
        return self.journal if run.engine == self.journal.name else temporal_engine(self.runtime, self.settings)

    async def attach(self, thread: str, path: Path) -> list[Attachment]:
        """Attach a file or folder to a thread: tables become databases, documents a collection, a repository a
        workspace as well.
        """
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
        if is_repository(path) and self.settings.tools.get("workspace", "inprocess") == "inprocess":
            attached.append(Attachment(kind="workspace", name=grant(self.settings.home, path), uri=str(path)))
        for file in sorted(file for file in files if file.suffix.lower() in _TABLE_SUFFIXES):
            listed = await self._tool("sql", "sql_attach", {"path": str(file)})
            attached.append(Attachment(kind="database", name=listed["name"], uri=str(file)))
        if any(file.suffix.lower() not in _TABLE_SUFFIXES for file in files):
            collection = collection_name(path)
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


def collection_name(path: Path) -> str:
    """A name that the same folder gets again: its own, and a hash of where it is."""
    own = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:30] or "documents"
    return f"{own}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"


@asynccontextmanager
async def wire(
    settings: Settings, *, listen: Callable[[BaseModel], None] = lambda _event: None, roles: Sequence[Role] = ()
) -> AsyncGenerator[App]:
    """Build the process's runtime, `roles` beside the team; raises OperatorError where the home cannot be written."""
    home = ensure_writable(settings.home)
    store = open_store(settings)
    artifacts = open_artifacts(settings)
    _log_to(home / "logs")
    async with AsyncExitStack() as stack:
        tracer = stack.enter_context(tracing(settings.telemetry, home))
        services = Services(home, store=store)
        own = ConnectedTools(settings, services)
        services.call = own.call
        tools = with_third_party(own, home, artifacts)
        models = ResolvedModels(settings, os.environ)
        stack.push_async_callback(models.close)
        runtime = Runtime(
            team={**TEAM, **{role.name: role for role in roles}},
            tools=tools,
            store=store,
            artifacts=artifacts,
            models=models,
            budget=settings.budget,
            prices=Prices(settings.prices),
            listen=listen,
            tracer=tracer,
        )
        journal = JournalStore(home / "runs.db", artifacts)
        stack.callback(journal.close)
        stack.push_async_callback(close_store, store)
        await stack.enter_async_context(tools.connected())
        embedded = JournalEngine(runtime, journal, FLOWS)
        engine = temporal_engine(runtime, settings) if settings.engine == "temporal" else embedded
        yield App(settings, runtime, engine, store, embedded)


def temporal_engine(runtime: Runtime, settings: Settings) -> Engine:
    """Return the engine of the settings' Temporal server; raises OperatorError where its SDK is not installed."""
    try:
        from workflows.engines.temporal.client import TemporalEngine
    except ModuleNotFoundError:
        raise OperatorError("Temporal's SDK is not installed.", next_step=install_command("temporal")) from None
    return TemporalEngine(runtime, FLOWS, settings.temporal)


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
