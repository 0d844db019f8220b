"""What a client does with its entry, done once and told step by step: start, shake hands, list, call."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

KEPT = ("HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "TEMP")
SECONDS = 60.0
CALL = ("course_glossary", {"term": "token"})  # reads only, and is there unless left out


@dataclass
class Step:
    name: str
    ok: bool
    detail: str
    seconds: float


@dataclass
class Report:
    """The steps in order; the first that failed is the last."""

    client: str
    command: list[str]
    steps: list[Step] = field(default_factory=list[Step])

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)


def bare_environment(entry: dict[str, Any]) -> dict[str, str]:
    """Return what a client started from the desktop hands on: hardly any PATH, none of the shell's variables."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = os.environ.get("PATH", "") if os.name == "nt" else "/usr/bin:/bin"
    return {**kept, "PATH": path, **entry.get("env", entry.get("envs", {}))}


async def probe(client: str, entry: dict[str, Any]) -> Report:
    """Start the entry's command in an empty folder and use it; never raises for what the server does wrong."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    program, arguments = str(entry.get("command") or entry.get("cmd") or ""), [str(a) for a in entry.get("args", [])]
    report = Report(client, [program, *arguments])
    if not _starts(report, program):
        return report
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", encoding="utf-8") as stderr:
        parameters = StdioServerParameters(
            command=program, args=arguments, env=bare_environment(entry), cwd=Path(folder)
        )
        begun, name = time.monotonic(), "shakes hands"
        try:
            async with asyncio.timeout(SECONDS), Client(stdio_client(parameters, errlog=stderr)) as server:
                begun = _passed(report, name, server.server_info.name if server.server_info else "", begun)
                name = "lists its tools"
                tools = (await server.list_tools()).tools
                begun = _passed(report, name, f"{len(tools)} tools", begun)
                name = "answers a call"
                known = {tool.name for tool in tools}
                if CALL[0] not in known:
                    _passed(report, name, f"{CALL[0]} is not served, so none was called", begun)
                    return report
                answer = await server.call_tool(*CALL)
                if answer.is_error:
                    report.steps.append(Step(name, False, str(answer.content)[:300], time.monotonic() - begun))
                else:
                    _passed(report, name, CALL[0], begun)
        except Exception as error:  # noqa: BLE001 - whatever a server does wrong is what is asked for here
            stderr.seek(0)
            said = stderr.read()[-2000:].strip()
            reason = f"no answer within {SECONDS:.0f} s" if isinstance(error, TimeoutError) else _innermost(error)
            detail = f"{reason}; it said: {said.splitlines()[-1][:300]}" if said else reason
            report.steps.append(Step(name, False, detail, time.monotonic() - begun))
    return report


def _starts(report: Report, program: str) -> bool:
    path = Path(program)
    if not program:
        detail = "the entry names no command"
    elif not path.is_absolute():
        detail = f"{program!r} is not absolute, so it is found by the client's PATH or not at all (ENOENT)"
    elif not path.exists():
        detail = f"{program} does not exist (ENOENT): Lyceum was moved or removed; run `lyceum mcp config` again"
    elif not os.access(path, os.X_OK):
        detail = f"{program} may not be run (EACCES)"
    else:
        report.steps.append(Step("can be started", True, program, 0.0))
        return True
    report.steps.append(Step("can be started", False, detail, 0.0))
    return False


def _passed(report: Report, name: str, detail: str, begun: float) -> float:
    report.steps.append(Step(name, True, detail, time.monotonic() - begun))
    return time.monotonic()


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]
