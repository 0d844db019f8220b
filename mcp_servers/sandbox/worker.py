"""The host's end of one confined process: sends it requests, watches its clock, size and output, believes nothing."""

from __future__ import annotations

import base64
import codecs
import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_servers.sandbox.claims import ANSWER_BYTES, Claim, told
from mcp_servers.sandbox.execution import OUTPUT_BYTES, CodeError, Execution, Keep, Listen, timed_out
from mcp_servers.sandbox.watch import IDLE_CPU_SECONDS, Watch

FLOOD_BYTES = 8 * 1024 * 1024  # more output than this is an attack
_LOOK = 0.03  # seconds between two looks at its size
_STARTING = 20.0
_REMOVING = 1.0
_JUNK_LINES = 1000


@dataclass
class Reply:
    """How a request went: `claim` is what the inside answered, None where `error` ended it first."""

    claim: Claim | None
    error: CodeError | None
    stdout: str
    stderr: str
    seconds: float


class Worker:
    """One process behind walls; `folder`, if given, is its only writable place and is removed with it.

    Requests are for one thread at a time; `stop` may come from any other and ends the one that runs.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        answers: int,
        *,
        tier: str,
        warning: str = "",
        folder: Path | None = None,
    ) -> None:
        self._process = process
        self._answers = answers
        self.tier = tier
        self._warning = warning
        self._folder = folder
        self._watch: Watch | None = None
        self._settled_cpu = 0.0
        self._closed = threading.Event()
        self._closing = threading.Lock()
        self.requests = 0
        self.ended = ""
        for end in self._ends():
            os.set_blocking(end, False)

    @property
    def alive(self) -> bool:
        return not self._closed.is_set() and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> Reply:
        """Wait until it takes requests; called once, before the first."""
        reply = self._converse(b"", "ready", _STARTING, None)
        if reply.error is None:
            self._watch = Watch(self._process.pid, self._folder)
        return reply

    def run(
        self,
        code: str,
        seconds: float,
        *,
        files: Mapping[str, bytes] | None = None,
        listen: Listen | None = None,
        keep: Keep | None = None,
    ) -> Execution:
        """Run code and wait for its end; after a limit was passed the worker is closed, and its variables are gone."""
        sent = {name: base64.b64encode(data).decode() for name, data in (files or {}).items()}
        name = "main.py" if self.requests == 0 else f"main-{self.requests + 1}.py"
        reply = self.ask("run", {"code": code, "name": name, "files": sent}, seconds, listen)
        return Execution(
            stdout=reply.stdout,
            stderr=reply.stderr,
            results=reply.claim.values(keep) if reply.claim else [],
            error=reply.error or (reply.claim.error if reply.claim else None),
            files=reply.claim.artifacts(keep) if reply.claim else [],
            tier=self.tier,
            warning=self._warning,
            seconds=reply.seconds,
        )

    def ask(self, do: str, given: Mapping[str, Any], seconds: float, listen: Listen | None = None) -> Reply:
        """Send one request and wait for its answer, its end or a limit."""
        self.requests += 1
        ask = uuid.uuid4().hex
        for end in self._ends()[1:]:  # what a run left behind says nothing to the next
            for _ in range(64):
                if not _read(end):
                    break
        reply = self._converse(
            json.dumps({"id": ask, "do": do, "given": dict(given)}).encode() + b"\n", ask, seconds, listen
        )
        if reply.error is not None:
            self.ended = self.ended or f"{reply.error.name}: {reply.error.value}"
            self.close()
        elif self._watch is not None:
            self._settled_cpu = self._watch.cpu_seconds()
        return reply

    def busy_while_idle(self) -> str:
        """Say what a worker does that it should not between requests, or nothing; for whoever keeps it."""
        if not self.alive:
            return self.ended or "its interpreter ended"
        if self._watch is None:
            return ""
        excess = self._watch.excess()
        if excess is not None:
            return excess.value
        return "it kept computing" if self._watch.cpu_seconds() > self._settled_cpu + IDLE_CPU_SECONDS else ""

    def _converse(self, request: bytes, ask: str, seconds: float, listen: Listen | None) -> Reply:
        start = time.perf_counter()
        streams = {"stdout": _Stream(), "stderr": _Stream()}
        answers = _Answers(ask)
        error: CodeError | None = None
        requests, out, err, answering = self._ends()
        looked = 0.0
        with selectors.DefaultSelector() as ready:
            for end, name in ((out, "stdout"), (err, "stderr"), (answering, "answer")):
                ready.register(end, selectors.EVENT_READ, name)
            if request:
                ready.register(requests, selectors.EVENT_WRITE, "request")
            while answers.claim is None and error is None:
                for key, _ in ready.select(_LOOK):
                    if key.data == "request":
                        request = _written(requests, request)
                        if not request:
                            ready.unregister(requests)
                        continue
                    came = _read(key.fd)
                    if came is None:
                        continue
                    if not came:
                        ready.unregister(key.fd)
                    if key.data == "answer":
                        error = answers.add(came) or (self._end() if not came and answers.claim is None else None)
                    else:
                        streams[key.data].add(came, listen, key.data)
                now = time.perf_counter()
                if answers.claim is not None or error is not None:
                    break
                if self._closed.is_set():
                    error = CodeError(name="Cancelled", value="the run was stopped")
                elif now > start + seconds:
                    error = timed_out(seconds)
                elif sum(each.size for each in streams.values()) > FLOOD_BYTES:
                    error = CodeError(name="OutputLimitExceeded", value="it wrote far more than is kept; print less")
                elif now - looked > _LOOK and self._watch is not None:
                    looked = now
                    error = self._watch.excess()
            for end, name in ((out, "stdout"), (err, "stderr")):  # what came before the answer, and no more
                while streams[name].size <= FLOOD_BYTES and (came := _read(end)):
                    streams[name].add(came, listen, name)
        return Reply(
            None if error else answers.claim,
            error,
            streams["stdout"].text,
            streams["stderr"].text,
            round(time.perf_counter() - start, 4),
        )

    def _end(self) -> CodeError:
        if self._closed.is_set():
            return CodeError(name="Cancelled", value="the run was stopped")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return CodeError(name="ProcessExited", value=f"the interpreter ended with status {self._process.returncode}")

    def _ends(self) -> tuple[int, int, int, int]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        return process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno(), self._answers

    def stop(self) -> None:
        """End the process, and with it the request that another thread waits for."""
        self._closed.set()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and give back what it held; may be called twice, and not while another thread asks."""
        self.stop()
        with self._closing:
            if self._answers < 0:
                return
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            os.close(self._answers)
            self._answers = -1
            if self._watch is not None:
                self._watch.close()
            if self._folder is not None:
                remover = threading.Thread(target=remove_tree, args=(self._folder,), daemon=True)
                remover.start()
                remover.join(_REMOVING)  # ten thousand folders take a slow disk longer than anyone should wait


class _Answers:
    """What the inside writes on its answer pipe, of which one line may be the answer."""

    def __init__(self, ask: str) -> None:
        self._ask = ask
        self._rest = bytearray()
        self._size = 0
        self._lines = 0
        self.claim: Claim | None = None

    def add(self, came: bytes) -> CodeError | None:
        self._size += len(came)
        *lines, last = came.split(b"\n")
        self._lines += len(lines)
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += last
        try:
            self.claim = next(
                (found for line in lines[:_JUNK_LINES] if (found := told(line, self._ask)) is not None), None
            )
        except ValueError as problem:
            return CodeError(name="ProtocolError", value=str(problem))
        if self.claim is None and (self._size > ANSWER_BYTES or self._lines > _JUNK_LINES):
            return CodeError(name="OutputLimitExceeded", value="its answer was far too long; return less")
        return None


class _Stream:
    """What is kept of a stream: its beginning."""

    def __init__(self) -> None:
        self.size = 0
        self._kept = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, came: bytes, listen: Listen | None, name: str) -> None:
        room = OUTPUT_BYTES - len(self._kept)
        self._kept += came[:room]
        self.size += len(came)
        if listen is not None and room > 0 and (text := self._decoder.decode(came[:room])):
            listen(name, text)

    @property
    def text(self) -> str:
        left_out = self.size - len(self._kept)
        text = self._kept.decode(errors="replace")
        return f"{text}\n[{left_out} bytes more were left out]" if left_out else text


def remove_tree(folder: Path) -> None:
    """Remove a folder whose processes have ended, whatever modes they left on what is in it."""
    for where, folders, _ in os.walk(folder):
        for name in folders:
            inner = f"{where}/{name}"
            if not os.path.islink(inner):  # noqa: PTH114
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)  # noqa: PTH101
    shutil.rmtree(folder, ignore_errors=True)


def _read(end: int) -> bytes | None:
    """Return what is there, b"" at the end, None where nothing is there yet."""
    try:
        return os.read(end, 65536)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _written(end: int, data: bytes) -> bytes:
    """Write what fits and return the rest."""
    try:
        return data[os.write(end, data[:65536]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""
