"""The sandbox on this machine: the subset first, else all of Python behind walls, fresh or in a session."""

from __future__ import annotations

import asyncio
import base64
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lyceum.errors import ModelRetry
from mcp_servers.sandbox import tiers
from mcp_servers.sandbox.claims import Claim, decoded
from mcp_servers.sandbox.contexts import Contexts
from mcp_servers.sandbox.execution import (
    CodeError,
    CommandResult,
    ContextInfo,
    Entry,
    Execution,
    Keep,
    Listen,
)
from mcp_servers.sandbox.live import Replay
from mcp_servers.sandbox.monty import Monty, beyond_subset
from mcp_servers.sandbox.pool import Pool
from mcp_servers.sandbox.worker import Worker

T = TypeVar("T")

FILE_BYTES = 4 * 1024 * 1024
_FILE_SECONDS = 10.0


class LocalSandbox:
    """A `Sandbox` of this machine's tiers. `packages` says where the prepared packages are, or None; `keep` stores
    charts and files; `spare` workers stand ready; `at_once` runs may go on together.
    """

    def __init__(
        self,
        *,
        packages: Callable[[], Path | None] = lambda: None,
        keep: Keep | None = None,
        contexts: int = 8,
        idle_seconds: float = 900,
        spare: int = 1,
        at_once: int = 4,
    ) -> None:
        self._packages = packages
        self._keep = keep
        self._limits = (contexts, idle_seconds, spare)
        self._free = threading.BoundedSemaphore(at_once)
        self._making = threading.Lock()
        self._made: tuple[Pool, Contexts] | None = None

    def pool(self) -> Pool:
        """Return the workers of the safest tier of full Python; raises OperatorError where there is none."""
        with self._making:
            if self._made is None:
                tier = tiers.fullest(self._packages())
                if tier is None:
                    raise tiers.refusal(full=True)
                most, idle_seconds, spare = self._limits
                pool = Pool(tier, spare)
                contexts = Contexts(pool, most=most, idle_seconds=idle_seconds)
                self._made = pool, contexts
                weakref.finalize(self, _close, pool, contexts)
            return self._made[0]

    def _contexts(self) -> Contexts:
        self.pool()
        assert self._made is not None
        return self._made[1]

    async def run_code(
        self,
        code: str,
        *,
        context: str = "",
        seconds: float = 10,
        files: Mapping[str, bytes] | None = None,
        listen: Listen | None = None,
    ) -> Execution:
        if not context and not files:
            replay = Replay(listen) if listen is not None else None
            full = await asyncio.to_thread(tiers.fullest)
            if not await asyncio.to_thread(tiers.lacking, "monty"):
                done = await Monty().execute(code, seconds, replay and replay.first)
                if full is None or not beyond_subset(done):
                    return done
            elif full is None:
                raise tiers.refusal()
            listen = replay and replay.second
        done = await self._with_worker(
            context, lambda worker: worker.run(code, seconds, files=files, listen=listen, keep=self._keep)
        )
        return self._with_hint(done)

    async def run_command(
        self, command: str, *, context: str = "", seconds: float = 10, listen: Listen | None = None
    ) -> CommandResult:
        if not (await asyncio.to_thread(self.pool)).tier.commands:
            raise ModelRetry(
                "No commands can be run here: the landlock tier starts no process.",
                next_step="Write it in Python, or install bubblewrap.",
            )
        reply = await self._with_worker(
            context, lambda worker: worker.ask("command", {"line": command}, seconds, listen)
        )
        return CommandResult(
            stdout=reply.stdout,
            stderr=reply.stderr,
            exit_code=reply.claim.exit_code if reply.claim else None,
            error=reply.error or (reply.claim.error if reply.claim else None),
            seconds=reply.seconds,
        )

    async def create_context(self) -> ContextInfo:
        return await asyncio.to_thread(lambda: self._contexts().create())

    async def contexts(self) -> Sequence[ContextInfo]:
        return self._contexts().list() if self._made is not None else []

    async def close_context(self, context: str) -> None:
        await asyncio.to_thread(lambda: self._contexts().close_one(context))

    async def write_file(self, context: str, path: str, data: bytes) -> None:
        if len(data) > FILE_BYTES:
            raise ModelRetry(f"A file may have {FILE_BYTES >> 20} MiB.", next_step="Send a smaller one.")
        await self._file(context, "write", {"path": path, "data": base64.b64encode(data).decode()})

    async def read_file(self, context: str, path: str) -> bytes:
        return decoded((await self._file(context, "read", {"path": path})).data)

    async def list_files(self, context: str, path: str) -> Sequence[Entry]:
        return (await self._file(context, "list", {"path": path})).entries

    async def remove_file(self, context: str, path: str) -> None:
        await self._file(context, "remove", {"path": path})

    async def close(self) -> None:
        if self._made is not None:
            await asyncio.to_thread(_close, *self._made)

    async def _file(self, context: str, do: str, given: Mapping[str, str]) -> Claim:
        if not context:
            raise ModelRetry("Files live in a context.", next_step="Make one with sandbox_create_context.")
        reply = await self._with_worker(context, lambda worker: worker.ask(do, given, _FILE_SECONDS))
        error = reply.error or (reply.claim.error if reply.claim else None)
        if reply.claim is None or error is not None:
            what = f"{error.name}: {error.value}" if error else "no answer"
            raise ModelRetry(f"{given['path'][:200]!r}: {what}.", next_step="See sandbox_list_files for what is there.")
        return reply.claim

    async def _with_worker(self, context: str, work: Callable[[Worker], T]) -> T:
        """Do work in a thread; cancelling this ends the worker, and with it the work."""
        using: list[Worker] = []
        stopped = threading.Event()

        def one(worker: Worker) -> T:
            using.append(worker)
            if stopped.is_set():
                worker.stop()
            return work(worker)

        def in_thread() -> T:
            with self._free:
                if context:
                    with self._contexts().use(context) as worker:
                        return one(worker)
                worker = self.pool().take()
                try:
                    return one(worker)
                finally:
                    worker.close()

        try:
            return await asyncio.to_thread(in_thread)
        except asyncio.CancelledError:
            stopped.set()
            for worker in using:
                worker.stop()
            raise

    def _with_hint(self, done: Execution) -> Execution:
        """Say what there is where a package was missing."""
        if done.error is None or done.error.name != "ModuleNotFoundError":
            return done
        there = (
            "numpy, pandas and matplotlib are installed"
            if self.pool().tier.packages
            else ("only the standard library is here; `lyceum doctor --fix` installs numpy, pandas and matplotlib")
        )
        return done.model_copy(
            update={"error": CodeError(**{**done.error.model_dump(), "value": f"{done.error.value}; {there}"})}
        )


def _close(pool: Pool, contexts: Contexts) -> None:
    contexts.close()
    pool.close()
