"""The first tier: a Python subset interpreted in a worker process with no operating system behind it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine

from mcp_servers.sandbox.execution import MEMORY_BYTES, OUTPUT_BYTES, CodeError, Execution, Listen, Value, timed_out


class Monty:
    name = "monty"

    def probe(self) -> str:
        try:
            done = self.run("1 + 1", 5.0)
        except (ImportError, OSError, RuntimeError) as error:
            return f"pydantic-monty does not run here ({error}); reinstall with `make setup`"
        return "" if done.results else "pydantic-monty gave no result"

    def run(self, code: str, seconds: float) -> Execution:
        return _outside_any_loop(self.execute(code, seconds))

    async def execute(self, code: str, seconds: float, listen: Listen | None = None) -> Execution:
        """Run code in a worker process that is used once; cancelling ends it."""
        import pydantic_monty as monty

        printed = _Printed(listen)
        start = time.perf_counter()
        error: CodeError | None = None
        value: object = None
        try:
            # Monty's own limits count neither sleeping nor waiting, so the clock on the wall is watched from here;
            # a cancelled feed loses its worker process.
            async with (
                asyncio.timeout(seconds),
                monty.AsyncMonty() as pool,
                pool.checkout(limits={"max_memory": MEMORY_BYTES}) as session,
            ):
                value = await session.feed_run(code, print_callback=printed.add)
        except TimeoutError:
            error = timed_out(seconds)
        except (monty.MontyRuntimeError, monty.MontySyntaxError) as failure:
            name, _, text = failure.display("type-msg").strip().partition(": ")
            error = CodeError(name=name, value=text[-500:], traceback=failure.display()[-2000:])
        except monty.MontyError as failure:
            error = CodeError(name=type(failure).__name__, value=str(failure)[-500:])
        return Execution(
            stdout="".join(printed.texts["stdout"]),
            stderr="".join(printed.texts["stderr"]),
            results=[] if value is None else [Value(text=repr(value)[:OUTPUT_BYTES])],
            error=error,
            tier=self.name,
            seconds=round(time.perf_counter() - start, 4),
        )


class _Printed:
    """What a run prints: its beginning is kept, and heard as it comes."""

    def __init__(self, listen: Listen | None) -> None:
        self.texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._room = OUTPUT_BYTES
        self._listen = listen

    def add(self, stream: str, text: str) -> None:
        kept = text[: self._room]
        self._room -= len(kept)
        self.texts[stream].append(kept)
        if self._listen is not None and kept:
            self._listen(stream, kept)


# What the subset lacks shows itself as one of these; ordinary code raises some of them too, and then raises them again.
_BEYOND = {
    "AttributeError", "FileNotFoundError", "ImportError", "ModuleNotFoundError", "NameError", "NotImplementedError",
    "OSError", "PermissionError", "RuntimeError", "SyntaxError", "TypeError",
}  # fmt: skip


def beyond_subset(done: Execution) -> bool:
    """Tell whether full Python may do what monty could not; what ran until then had no effect outside."""
    return done.error is not None and done.error.name in _BEYOND


def _outside_any_loop(running: Coroutine[object, object, Execution]) -> Execution:
    """Await in this thread, or in one of its own where this thread has an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(running)
    finished: list[Execution] = []
    thread = threading.Thread(target=lambda: finished.append(asyncio.run(running)))
    thread.start()
    thread.join()
    return finished[0]
