"""The sandbox at E2B, through its SDK (extra `e2b`): one machine of theirs, without internet, for this process.

What a server says is never repeated in an error: it may quote the request, and with it the key.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import SecretStr

from lyceum.errors import LyceumError, ModelRetry, OperatorError, Unavailable, nearest
from lyceum.extras import install_command
from mcp_servers.sandbox.claims import CHART_BYTES, picture
from mcp_servers.sandbox.execution import (
    OUTPUT_BYTES,
    CodeError,
    CommandResult,
    ContextInfo,
    Entry,
    Execution,
    Keep,
    Listen,
    Value,
    timed_out,
)

_HOME = "/home/user"
_EXTEND_AFTER = 60.0


@dataclass
class _Context:
    theirs: Any  # E2B's own context
    folder: str
    runs: int = 0
    used: float = 0


class RemoteSandbox:
    """A `Sandbox` at E2B; the machine is made at first use and ends `idle_seconds` after the last."""

    def __init__(self, key: SecretStr, *, keep: Keep | None = None, idle_seconds: float = 900) -> None:
        self._key = key
        self._keep = keep
        self._idle_seconds = idle_seconds
        self._machine: Any = None  # an AsyncSandbox, whose methods are partly untyped
        self._extended = 0.0
        self._making = asyncio.Lock()
        self._open: dict[str, _Context] = {}

    async def run_code(
        self,
        code: str,
        *,
        context: str = "",
        seconds: float = 10,
        files: Mapping[str, bytes] | None = None,
        listen: Listen | None = None,
    ) -> Execution:
        start = time.perf_counter()
        async with self._using(context) as (machine, used), _worded():
            for path, data in (files or {}).items():
                await machine.files.write(_place(used, path), data)
            heard = _heard(listen)
            done: Any = None
            error: CodeError | None = None
            try:
                done = await machine.run_code(
                    code, context=used.theirs, timeout=seconds, on_stdout=heard["stdout"], on_stderr=heard["stderr"]
                )
            except Exception as failure:
                if type(failure).__name__ != "TimeoutException":
                    raise
                error = timed_out(seconds)
                await machine.restart_code_context(used.theirs)  # or it would go on there
            if done is not None and done.error is not None:
                error = CodeError(name=done.error.name, value=done.error.value, traceback=done.error.traceback[-4000:])
            return Execution(
                stdout="".join(done.logs.stdout)[:OUTPUT_BYTES] if done else "",
                stderr="".join(done.logs.stderr)[:OUTPUT_BYTES] if done else "",
                results=[_value(result, self._keep) for result in done.results[:10]] if done else [],
                error=error,
                tier="e2b",
                warning="It ran at E2B: code and files left this machine.",
                seconds=round(time.perf_counter() - start, 4),
            )

    async def run_command(
        self, command: str, *, context: str = "", seconds: float = 10, listen: Listen | None = None
    ) -> CommandResult:
        start = time.perf_counter()
        kept: dict[str, list[str]] = {"stdout": [], "stderr": []}

        def hear(stream: str, text: str) -> None:
            kept[stream].append(text)
            if listen is not None:
                listen(stream, text)

        code, error = None, None
        async with self._using(context) as (machine, used), _worded():
            from e2b import CommandExitException

            running = await machine.commands.run(
                command,
                background=True,
                cwd=used.folder,
                timeout=0,
                on_stdout=partial(hear, "stdout"),
                on_stderr=partial(hear, "stderr"),
            )
            try:
                async with asyncio.timeout(seconds):
                    code = (await running.wait()).exit_code
            except CommandExitException as failed:
                code = failed.exit_code
            except TimeoutError:
                error = timed_out(seconds)
                await running.kill()
            except asyncio.CancelledError:
                await asyncio.shield(running.kill())
                raise
        return CommandResult(
            stdout="".join(kept["stdout"])[:OUTPUT_BYTES],
            stderr="".join(kept["stderr"])[:OUTPUT_BYTES],
            exit_code=code,
            error=error,
            seconds=round(time.perf_counter() - start, 4),
        )

    async def create_context(self) -> ContextInfo:
        async with _worded():
            name, _ = await self._new(await self._started())
        return ContextInfo(id=name, tier="e2b")

    async def contexts(self) -> Sequence[ContextInfo]:
        now = time.monotonic()
        return [
            ContextInfo(id=name, tier="e2b", runs=each.runs, idle_seconds=round(now - each.used, 1))
            for name, each in self._open.items()
        ]

    async def close_context(self, context: str) -> None:
        used = self._known(context)
        del self._open[context]
        async with _worded():
            await self._end(await self._started(), used)

    async def write_file(self, context: str, path: str, data: bytes) -> None:
        async with self._using(context, files=True) as (machine, used), _worded():
            await machine.files.write(_place(used, path), data)

    async def read_file(self, context: str, path: str) -> bytes:
        async with self._using(context, files=True) as (machine, used), _worded():
            return bytes(await machine.files.read(_place(used, path), format="bytes"))

    async def list_files(self, context: str, path: str) -> Sequence[Entry]:
        async with self._using(context, files=True) as (machine, used), _worded():
            found = await machine.files.list(_place(used, path))
        return [
            Entry(name=each.name, kind="folder" if each.type and each.type.value == "dir" else "file", size=each.size)
            for each in found
        ]

    async def remove_file(self, context: str, path: str) -> None:
        async with self._using(context, files=True) as (machine, used), _worded():
            await machine.files.remove(_place(used, path))

    async def close(self) -> None:
        machine, self._machine = self._machine, None
        self._open.clear()
        if machine is not None:
            async with _worded():
                await machine.kill()

    @asynccontextmanager
    async def _using(self, context: str, *, files: bool = False) -> AsyncGenerator[tuple[Any, _Context]]:
        """Lend the machine and a session: the one that is named, else one that ends with the block."""
        if files and not context:
            raise ModelRetry("Files live in a context.", next_step="Make one with sandbox_create_context.")
        known = self._known(context) if context else None
        async with _worded():
            machine = await self._started()
            name, used = (context, known) if known is not None else await self._new(machine)
        try:
            used.runs += 1
            yield machine, used
        except asyncio.CancelledError:
            await asyncio.shield(machine.restart_code_context(used.theirs))
            raise
        finally:
            used.used = time.monotonic()
            if not context:
                self._open.pop(name, None)
                await asyncio.shield(self._end(machine, used))

    def _known(self, context: str) -> _Context:
        if context not in self._open:
            known = nearest(context, self._open, what="contexts")
            raise ModelRetry(f"There is no context {context!r}. {known}", next_step="sandbox_create_context makes one.")
        return self._open[context]

    async def _started(self) -> Any:
        try:
            from e2b_code_interpreter import AsyncSandbox
        except ImportError:
            raise OperatorError(
                "The sandbox at E2B needs an optional package.",
                next_step=f"Install the e2b extra: {install_command('e2b')}",
            ) from None
        async with self._making:
            lasts = int(self._idle_seconds)
            if self._machine is None:
                self._machine = await AsyncSandbox.create(
                    api_key=self._key.get_secret_value(), timeout=lasts, allow_internet_access=False
                )
                self._extended = time.monotonic()
            elif time.monotonic() - self._extended > _EXTEND_AFTER:
                await self._machine.set_timeout(lasts)
                self._extended = time.monotonic()
            return self._machine

    async def _new(self, machine: Any) -> tuple[str, _Context]:
        name = f"ctx-{uuid.uuid4().hex[:12]}"
        folder = f"{_HOME}/{name}"
        await machine.files.make_dir(folder)
        made = await machine.create_code_context(cwd=folder, language="python")
        self._open[name] = _Context(made, folder, used=time.monotonic())
        return name, self._open[name]

    async def _end(self, machine: Any, used: _Context) -> None:
        async with _worded():
            await machine.remove_code_context(used.theirs)
            await machine.files.remove(used.folder)


@asynccontextmanager
async def _worded() -> AsyncGenerator[None]:
    """Say what failed at E2B by kind and status only."""
    try:
        yield
    except LyceumError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises is worded here
        kind = type(error).__name__
        status = re.match(r"\d{3}\b", str(error))
        if kind == "AuthenticationException":
            failed = OperatorError("E2B refused the key.", next_step="Check E2B_API_KEY.")
        elif kind in ("FileNotFoundException", "InvalidArgumentException"):
            failed = ModelRetry("There is no such file in that context.", next_step="See sandbox_list_files.")
        else:
            failed = Unavailable(
                f"E2B did not do it ({kind}{f', status {status[0]}' if status else ''}).",
                next_step="Try again; if its machine has ended, contexts have to be made anew.",
            )
    else:
        return
    raise failed from None


def _place(context: _Context, path: str) -> str:
    return path if path.startswith("/") else f"{context.folder}/{path}"


def _heard(listen: Listen | None) -> dict[str, Callable[[Any], None] | None]:
    if listen is None:
        return {"stdout": None, "stderr": None}
    return {
        "stdout": lambda message: listen("stdout", str(message.line)),
        "stderr": lambda message: listen("stderr", str(message.line)),
    }


def _value(result: Any, keep: Keep | None) -> Value:
    chart: dict[str, Any] = result.chart.to_dict() if result.chart else {}
    text = result.text or result.markdown or result.html or ("a chart" if result.png else "")
    return Value(
        text=str(text)[:OUTPUT_BYTES],
        png=picture(result.png or "", keep),
        chart=chart if len(json.dumps(chart, default=str)) <= CHART_BYTES else {},
    )
