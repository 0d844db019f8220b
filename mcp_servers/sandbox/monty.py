"""The first tier: a Python subset interpreted in a worker process with no operating system behind it."""

from __future__ import annotations

import ast
import asyncio
import atexit
import threading
import time
from collections.abc import Coroutine

from mcp_servers.sandbox.execution import MEMORY_BYTES, OUTPUT_BYTES, CodeError, Execution, Listen, Value, timed_out

_KEPT = "_last_value_"
_QUIET = 0.25  # seconds after a use in which its threads may still call into Python


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
        kept = _keeping_the_last(code)
        try:
            # Monty's own limits count neither sleeping nor waiting, so the clock on the wall is watched from here;
            # a cancelled feed loses its worker process.
            async with (
                asyncio.timeout(seconds),
                monty.AsyncMonty() as pool,
                pool.checkout(limits={"max_memory": MEMORY_BYTES}) as session,
            ):
                value = await session.feed_run(kept or code, print_callback=printed.add)
                if kept:  # its text is made inside, where memory and time are limited
                    value = await session.feed_run(f"None if {_KEPT} is None else repr({_KEPT})[:{OUTPUT_BYTES}]")
        except TimeoutError:
            error = timed_out(seconds)
        except (monty.MontyRuntimeError, monty.MontySyntaxError) as failure:
            name, _, text = failure.display("type-msg").strip().partition(": ")
            error = CodeError(name=name, value=text[-500:], traceback=_as_written(failure.display())[-2000:])
        except monty.MontyError as failure:
            error = CodeError(name=type(failure).__name__, value=str(failure)[-500:])
        finally:
            _mark_use()
        return Execution(
            stdout="".join(printed.texts["stdout"]),
            stderr="".join(printed.texts["stderr"]),
            results=[] if value is None else [Value(text=str(value) if kept else _text(value))],
            error=error,
            tier=self.name,
            seconds=round(time.perf_counter() - start, 4),
        )


def _keeping_the_last(code: str) -> str:
    """Return code that keeps the value of its last expression under a name, or "" where it ends in no expression."""
    try:
        parsed = compile(code, "main.py", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""  # what newer syntax may be in it, the interpreter inside knows
    last = parsed.body[-1] if isinstance(parsed, ast.Module) and parsed.body else None
    if not isinstance(last, ast.Expr):
        return ""
    lines = code.encode().splitlines(keepends=True)  # the tree counts bytes
    start = sum(map(len, lines[: last.lineno - 1])) + last.col_offset
    end = sum(map(len, lines[: (last.end_lineno or 1) - 1])) + (last.end_col_offset or 0)
    before, expression, after = code.encode()[:start], code.encode()[start:end], code.encode()[end:]
    return (before + f"{_KEPT} = (".encode() + expression + b"\n)" + after).decode()


def _as_written(trace: str) -> str:
    """Take out of a traceback what was put into the code, and move the marks below it back."""
    lines = trace.splitlines()
    for place, line in enumerate(lines):
        if f"{_KEPT} = (" in line:
            lines[place] = line.replace(f"{_KEPT} = (", "")
            if place + 1 < len(lines) and not lines[place + 1].strip(" ~^"):
                lines[place + 1] = lines[place + 1].replace(" " * len(f"{_KEPT} = ("), "", 1)
    return "\n".join(lines)


def _text(value: object) -> str:
    try:
        return repr(value)[:OUTPUT_BYTES]
    except (ValueError, RecursionError) as problem:
        return f"<{type(value).__name__}: {problem}>"


_used = 0.0


def _mark_use() -> None:
    global _used
    if not _used:
        atexit.register(_let_go)
    _used = time.monotonic()


def _let_go() -> None:
    """Wait until the worker's threads are done with Python: calling into one that ends would abort the process."""
    time.sleep(max(0.0, _used + _QUIET - time.monotonic()))


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
