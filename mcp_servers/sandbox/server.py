"""The sandbox tools: run code and commands, fresh or in a context that keeps variables and files."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from pydantic import BaseModel, Field, SecretStr

from lyceum.artifacts import Artifact
from lyceum.errors import OperatorError
from lyceum.settings import Section, Settings
from mcp_servers.sandbox.execution import CommandResult, ContextInfo, Entry, Execution, Keep, Sandbox
from mcp_servers.sandbox.live import live
from mcp_servers.selecting import Records
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

_PICTURES = 3  # more are in the artifacts only

ContextId = Annotated[str, Field(description="A context's id, from sandbox_create_context.", max_length=64)]
Place = Annotated[str, Field(description="Path inside, relative to the context's folder.", max_length=1000)]
Seconds = Annotated[float, Field(description="Stop after this many seconds.", ge=0.1, le=300)]


class SandboxSettings(Section):
    seconds: float = Field(default=30, gt=0, le=300, description="Longest time any run may take.")
    remote: Literal["", "e2b"] = Field(default="", description="Where to run instead of here; needs E2B_API_KEY.")
    contexts: int = Field(default=8, ge=1, le=64, description="Most contexts that are open together.")
    at_once: int = Field(default=4, ge=1, le=64, description="Most runs that go on together.")
    idle_seconds: float = Field(default=900, gt=0, le=3600, description="End a context that nobody used for so long.")
    spare: int = Field(default=1, ge=0, le=16, description="Interpreters that stand ready, from the first run on.")
    requirements: Path | None = Field(default=None, description="A hash-locked list of packages instead of ours.")


class Status(BaseModel):
    tier: str = Field(description="The first tier that works here, or an empty string.")
    missing: dict[str, str] = Field(description="What each other tier lacks, and how to get it.")
    packages: list[str] = Field(description="Installed packages that code may import.")
    warning: str = Field(default="", description="What the tier for full Python does not isolate.")


class Contexts(BaseModel):
    contexts: list[ContextInfo]


class Files(BaseModel):
    path: str
    entries: list[Entry]


class FileText(BaseModel):
    """A file's text where it is text, and the whole of it as an artifact."""

    text: str = Field(default="", description="Its beginning, up to 20,000 characters; empty where it is not text.")
    artifact: Artifact


class Done(BaseModel):
    done: str


def create_server(settings: Settings, services: Services) -> ToolServer:
    options = settings.section("sandbox", SandboxSettings)
    server = ToolServer(
        "sandbox",
        instructions="Runs Python in isolation and returns what it printed. A context keeps variables and files.",
    )
    away = options.remote != ""

    @cache
    def sandbox() -> Sandbox:
        return _sandbox(options, services)

    async def artifact(sha256: str) -> bytes:
        return await services.artifacts.get(sha256)

    @server.expose(title="Run Python", effect="run", open_world=away, task="optional", origin="a program")
    async def sandbox_run(
        code: Annotated[str, Field(description="Python source. Print what you need to see.", max_length=100_000)],
        ctx: Context[Any, Any],
        language: Annotated[Literal["python"], Field(description="Only Python runs here.")] = "python",
        timeout_seconds: Seconds = 10,
        context: Annotated[str, Field(description="A context's id; empty for a fresh run.", max_length=64)] = "",
        files: Annotated[
            dict[str, str], Field(description="Files to put in place first: path to artifact SHA-256.", max_length=20)
        ] = {},  # noqa: B006 - never changed
    ) -> Execution:
        """Run Python with no file, network or environment of the host. Returns stdout, stderr, the value of the last
        expression, charts that are left open in matplotlib, files it made, and the error it ended with, if any. Each
        run starts fresh unless it names a context.
        """
        del language
        data = {path: await artifact(sha256) for path, sha256 in files.items()}
        async with live(ctx) as listen:
            done = await sandbox().run_code(
                code, context=context, seconds=min(timeout_seconds, options.seconds), files=data, listen=listen
            )
        for chart in [value.png for value in done.results if value.png is not None][:_PICTURES]:
            done.show(await artifact(chart.sha256))
        return done

    @server.expose(title="Run a shell command", effect="run", open_world=away, task="optional", origin="a program")
    async def sandbox_command(
        command: Annotated[str, Field(description="A command line for /bin/sh.", max_length=20_000)],
        ctx: Context[Any, Any],
        timeout_seconds: Seconds = 10,
        context: Annotated[str, Field(description="A context's id; empty for a fresh place.", max_length=64)] = "",
    ) -> CommandResult:
        """Run a shell command in the sandbox, beside a context's files; returns stdout, stderr and the exit code."""
        async with live(ctx) as listen:
            return await sandbox().run_command(
                command, context=context, seconds=min(timeout_seconds, options.seconds), listen=listen
            )

    @server.expose(title="Create a context", effect="run", open_world=away)
    async def sandbox_create_context() -> ContextInfo:
        """Start a session that keeps variables and files between runs; it ends when nobody uses it for a while."""
        return await sandbox().create_context()

    @server.expose(title="List contexts", effect="read", open_world=away)
    async def sandbox_list_contexts() -> Contexts:
        """List the open contexts, and why recent ones have ended."""
        return Contexts(contexts=list(await sandbox().contexts()))

    @server.expose(title="Close a context", effect="run", open_world=away)
    async def sandbox_close_context(context: ContextId) -> Done:
        """End a context, and what runs in it; its variables and files are gone."""
        await sandbox().close_context(context)
        return Done(done=f"{context} was closed")

    @server.expose(title="Write a file", effect="run", open_world=away)
    async def sandbox_write_file(
        context: ContextId,
        path: Place,
        text: Annotated[str, Field(description="The text, where no artifact is named.", max_length=1_000_000)] = "",
        sha256: Annotated[str, Field(description="An artifact to put there instead.", max_length=64)] = "",
    ) -> Done:
        """Put a text, or an artifact by its SHA-256, into a file of a context; folders are made where needed."""
        data = await artifact(sha256) if sha256 else text.encode()
        await sandbox().write_file(context, path, data)
        return Done(done=f"{path} has {len(data)} bytes")

    @server.expose(title="Read a file", effect="read", open_world=away, origin="files")
    async def sandbox_read_file(context: ContextId, path: Place) -> FileText:
        """Read a file of a context, which is also kept as an artifact."""
        from mcp_servers.sandbox.claims import clean_name, media_type

        data = await sandbox().read_file(context, path)
        try:
            text = data.decode()[:20_000]
        except UnicodeDecodeError:
            text = ""
        kept = await services.artifacts.put(data, media_type=media_type(path), name=clean_name(path))
        return FileText(text=text, artifact=kept)

    @server.expose(title="List files", effect="read", open_world=away, records=Records("entries"))
    async def sandbox_list_files(
        context: ContextId,
        path: Annotated[
            str, Field(description="A folder inside; by default the context's own.", max_length=1000)
        ] = ".",
    ) -> Files:
        """List the files and folders of a context."""
        return Files(path=path, entries=list(await sandbox().list_files(context, path)))

    @server.expose(title="Remove a file", effect="run", open_world=away)
    async def sandbox_remove_file(context: ContextId, path: Place) -> Done:
        """Remove a file or a folder of a context."""
        await sandbox().remove_file(context, path)
        return Done(done=f"{path} was removed")

    @server.expose(title="Sandbox status", effect="read")
    async def sandbox_status() -> Status:
        """Say whether the sandbox works on this machine: which tier, what the others lack, which packages there are."""
        return await asyncio.to_thread(_status, options, services)

    return server


def _sandbox(options: SandboxSettings, services: Services) -> Sandbox:
    keep = _keeping(services)
    if options.remote == "e2b":
        from mcp_servers.sandbox.remote import RemoteSandbox

        key = os.environ.get("E2B_API_KEY")
        if not key:
            raise OperatorError(
                "servers.sandbox.remote is e2b, and there is no key.",
                next_step="Set E2B_API_KEY, or take the setting out to run here.",
            )
        return RemoteSandbox(SecretStr(key), keep=keep, idle_seconds=options.idle_seconds)
    from mcp_servers.sandbox.local import LocalSandbox
    from mcp_servers.sandbox.packages import Packages

    return LocalSandbox(
        packages=Packages(services.home, options.requirements).installed,
        keep=keep,
        contexts=options.contexts,
        idle_seconds=options.idle_seconds,
        spare=options.spare,
        at_once=options.at_once,
    )


def _keeping(services: Services) -> Keep:
    """Store from any thread, one with an event loop included."""
    storing = ThreadPoolExecutor(1, thread_name_prefix="sandbox-artifacts")

    def keep(data: bytes, media_type: str, name: str) -> Artifact:
        return storing.submit(asyncio.run, services.artifacts.put(data, media_type=media_type, name=name)).result()

    return keep


def _status(options: SandboxSettings, services: Services) -> Status:
    from mcp_servers.sandbox.packages import Packages
    from mcp_servers.sandbox.tiers import fullest, reached

    probes = reached()
    full = fullest()
    packages = Packages(services.home, options.requirements)
    return Status(
        tier=options.remote or next((name for name, missing in probes.items() if not missing), ""),
        missing={name: missing for name, missing in probes.items() if missing},
        packages=packages.names() if packages.installed() else [],
        warning=full.warning if full else "",
    )
