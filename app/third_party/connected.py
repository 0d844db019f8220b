"""All third-party servers of a process as one more tool server, `connected`, that the connector agent uses.

Each is opened when it is first needed; what fails, has changed or looks poisoned is left out and told, and the rest
goes on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_ai import Tool
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from agents.connector import CONNECTED
from app.third_party.config import Loaded, Server, load
from app.third_party.connection import Connection, LeftOut, SignsIn
from app.third_party.definitions import Definition, define
from app.third_party.limits import Limits
from app.third_party.lint import lint, visible
from app.third_party.pins import Pins, withheld
from app.third_party.results import as_data, failure
from lyceum.errors import LyceumError, UserError

if TYPE_CHECKING:
    from lyceum.artifacts import ArtifactStore


class ThirdParty:
    """The servers of `mcp.json` in `home` and in `folder`; `taken` are the names of our own servers."""

    def __init__(
        self,
        home: Path,
        folder: Path,
        artifacts: ArtifactStore,
        environment: Mapping[str, str],
        *,
        taken: frozenset[str] = frozenset(),
        limits: Limits | None = None,
        signs_in: SignsIn | None = None,
    ) -> None:
        self.pins = Pins(home)
        self._home = home
        self._folder = folder
        self._artifacts = artifacts
        self._environment = environment
        self._taken = taken
        self._limits = limits or Limits()
        self._signs_in = signs_in
        self._connections: dict[str, Connection] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._notes: list[str] = []

    def load(self) -> Loaded:
        """Return what the files say now."""
        return load(self._home, self._folder, self._taken)

    def usable(self) -> list[Server]:
        """Return the servers that may be started now."""
        return [
            server
            for server in self.load().servers.values()
            if not server.entry.disabled and self.pins.may_start(server)
        ]

    def connection(self, server: Server) -> Connection:
        """Return the server's connection, a new one where its entry has changed."""
        known = self._connections.get(server.key)
        if known is None or known.server != server:
            known = Connection(server, self._environment, self._limits, self._signs_in)
            self._connections[server.key] = known
        return known

    async def toolset(self) -> AbstractToolset[Any]:
        """Return every tool that may be offered now, asking each server anew what it has."""
        loaded = self.load()
        notes = list(loaded.problems)
        notes += [
            f"{server.name} was not started: {server.file} came with this folder. "
            f"`lyceum mcp inspect {server.name}` shows what it would start."
            for server in loaded.servers.values()
            if not server.entry.disabled and not self.pins.may_start(server)
        ]
        servers = self.usable()
        listed = await asyncio.gather(*(self._listed(server) for server in servers))
        names = {each.name for found in listed for each in found}
        tools: dict[str, Tool[Any]] = {}
        left = self._limits.definitions
        for server, found in zip(servers, listed, strict=True):
            known, problem = self._failed.get(server.key, (0.0, ""))
            notes += [problem] if problem and known else []
            more = self.connection(server).more
            notes += [f"{server.name}: {more}."] if more and found else []
            for each in found:
                why = self._withheld(server, each, names)
                if not why and each.shown in tools:
                    why = "another tool of it has the same name"
                if not why and each.size > left:
                    why = f"all tools together are described at too great length; name those you want in {server.file}"
                if why:
                    notes.append(f"{server.name}: {visible(each.name, 40)} is left out: {why}.")
                    continue
                left -= each.size
                tools[each.shown] = self._tool(server, each)
            notes += self._missing(server, found)
        self._notes = notes
        return FunctionToolset(list(tools.values()), id=CONNECTED)

    async def call(self, tool: str) -> dict[str, Any]:
        """Answer the two questions that a flow may ask: what was left out, and which tools are pinned."""
        if tool == "connected_left_out":
            return {"notes": self._summed_up()}
        if tool == "connected_pinned":
            return {"servers": [server.name for server in self.usable()], "tools": self._pinned()}
        raise UserError(f"There is no tool {tool!r}.", next_step="Third-party tools are called by the connector.")

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._connections.values()))

    def _pinned(self) -> list[dict[str, Any]]:
        """What requests are matched with before anything is started: only what a person has approved."""
        found: list[dict[str, Any]] = []
        for server in self.usable():
            pins = self.pins.of(server)
            for each in pins.tools.values() if pins else ():
                made = define(server.name, each.definition, self._limits)
                if not made.problem and _allowed(server, made.name):
                    found.append(
                        {"name": made.shown, "description": made.description, "parameters_json_schema": made.schema}
                    )
        return found

    async def _listed(self, server: Server) -> list[Definition]:
        since, _ = self._failed.get(server.key, (0.0, ""))
        if since and time.monotonic() - since < self._limits.rest:
            return []
        try:
            found = await self.connection(server).list()
        except LyceumError as error:
            self._failed[server.key] = (time.monotonic(), f"{error.message} {error.next_step}".strip())
            return []
        self._failed.pop(server.key, None)
        return list(found.values())

    def _withheld(self, server: Server, each: Definition, names: set[str]) -> str:
        if not _allowed(server, each.name):
            return "its entry does not name it"
        state = self.pins.state(server, each)
        findings = lint(each.raw, names, self._taken) if state == "unpinned" and not each.problem else []
        why = withheld(state, each, findings)
        step = f"`lyceum mcp inspect {server.name}` shows it, --approve takes it"
        return f"{why}; {step}" if why and not each.problem else why

    def _missing(self, server: Server, found: list[Definition]) -> list[str]:
        pins = self.pins.of(server)
        if pins is None or not found:
            return []
        gone = sorted(set(pins.tools) - {each.name for each in found})
        return [f"{server.name}: {visible(name, 40)} was approved and is gone." for name in gone]

    def _summed_up(self, most: int = 8) -> list[str]:
        """The notes, cut: a stranger's server decides how many there are. A tool that was not chosen is no news."""
        told = [note for note in self._notes if "does not name it" not in note]
        rest = len(told) - most
        return [*told[:most], *([f"… and {rest} more; `lyceum mcp list` names the servers."] if rest > 0 else [])]

    def _tool(self, server: Server, each: Definition) -> Tool[Any]:
        tool: Tool[Any] = Tool.from_schema(
            self._caller(server, each), name=each.shown, description=each.description, json_schema=each.schema
        )
        free = self.pins.state(server, each) == "pinned" and each.reads_only and server.entry.approve != "always"
        tool.metadata = {
            "annotations": {"read_only_hint": free, "destructive_hint": not free, "open_world_hint": True},
            "third_party": server.name,
        }
        return tool

    def _caller(self, server: Server, each: Definition) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def call(**arguments: Any) -> dict[str, Any]:
            """Never raise for what the server does: an agent that is made to retry for ever is steered too."""
            size = len(json.dumps(arguments, default=str))
            if size > self._limits.arguments:
                return failure(server.name, each.name, f"The arguments have {size:,} bytes; that is too much.")
            connection = self.connection(server)
            try:
                result = await connection.call(each.name, arguments, each.sha256)
            except LeftOut as error:
                self._notes.append(f"{error.message} {error.next_step}".strip())
                return failure(server.name, each.name, f"The call failed. {error.message}")
            return await as_data(
                server.name,
                each.name,
                result,
                hide=connection.hide,
                artifacts=self._artifacts,
                limits=self._limits,
            )

        return call


def _allowed(server: Server, tool: str) -> bool:
    return server.entry.tools is None or tool in server.entry.tools
