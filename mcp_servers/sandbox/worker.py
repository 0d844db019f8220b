"""The host's end of one confined process: sends it code, watches its clock, memory and output, believes nothing."""

from __future__ import annotations

import base64
import binascii
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from lyceum.artifacts import Artifact
from mcp_servers.sandbox.execution import MEMORY_BYTES, OUTPUT_BYTES, CodeError, Execution, Value, timed_out

TASKS = 128  # processes and threads together
FLOOD_BYTES = 8 * 1024 * 1024  # more output than this is an attack
ANSWER_BYTES = 16 * 1024 * 1024
FOLDER_BYTES = 64 * 1024 * 1024
_LOOK = 0.03  # seconds between two looks at its size

Keep = Callable[[bytes, str, str], Artifact]  # bytes, media type, name
Listen = Callable[[str, str], None]  # "stdout" or "stderr", text


class _Shown(BaseModel):
    text: str = Field(max_length=OUTPUT_BYTES)
    png: str = ""
    chart: dict[str, Any] = {}


class _Answer(BaseModel):
    """What the inside claims: checked, bounded, and taken as data."""

    id: str
    results: list[_Shown] = Field(max_length=10)
    error: CodeError | None
    files: dict[str, str] = Field(max_length=20)


class Worker:
    """One process behind walls; `folder`, if given, is its only writable place and is removed with it.

    `run` is for one thread at a time; `close` may come from any other and ends a run.
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
        self._tier = tier
        self._warning = warning
        self._folder = folder
        self._runs = 0
        self._closed = threading.Event()
        self._closing = threading.Lock()
        for end in self._ends():
            os.set_blocking(end, False)

    @property
    def alive(self) -> bool:
        return not self._closed.is_set() and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

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
        start = time.perf_counter()
        self._runs += 1
        ask = uuid.uuid4().hex
        sent = {name: base64.b64encode(data).decode() for name, data in (files or {}).items()}
        name = "main.py" if self._runs == 1 else f"main-{self._runs}.py"
        request = json.dumps({"id": ask, "code": code, "files": sent, "name": name}).encode() + b"\n"
        answer, error, texts = self._converse(request, ask, start + seconds, seconds, listen)
        if error is not None:
            self.close()
        results, made = _taken(answer, keep) if answer is not None else ([], [])
        return Execution(
            stdout=texts["stdout"],
            stderr=texts["stderr"],
            results=results,
            error=error or (answer.error if answer else None),
            files=made,
            tier=self._tier,
            warning=self._warning,
            seconds=round(time.perf_counter() - start, 4),
        )

    def _converse(
        self, request: bytes, ask: str, deadline: float, seconds: float, listen: Listen | None
    ) -> tuple[_Answer | None, CodeError | None, dict[str, str]]:
        streams = {"stdout": _Stream(), "stderr": _Stream()}
        claimed = b""
        answer: _Answer | None = None
        error: CodeError | None = None
        requests, out, err, answers = self._ends()
        looked = 0.0
        with selectors.DefaultSelector() as ready:
            for end, name in ((out, "stdout"), (err, "stderr"), (answers, "answer")):
                ready.register(end, selectors.EVENT_READ, name)
            ready.register(requests, selectors.EVENT_WRITE, "request")
            while answer is None and error is None:
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
                        claimed += came
                        *lines, claimed = claimed.split(b"\n")
                        answer = next((told for line in lines if (told := _told(line, ask)) is not None), None)
                        if not came and answer is None:
                            error = self._ended()
                    else:
                        streams[key.data].add(came, listen, key.data)
                now = time.perf_counter()
                if answer is not None or error is not None:
                    break
                if self._closed.is_set():
                    error = CodeError(name="Cancelled", value="the run was stopped")
                elif now > deadline:
                    error = timed_out(seconds)
                elif len(claimed) > ANSWER_BYTES or sum(each.size for each in streams.values()) > FLOOD_BYTES:
                    error = CodeError(name="OutputLimitExceeded", value="it wrote far more than is kept; print less")
                elif now - looked > _LOOK:
                    looked = now
                    error = self._too_large()
            for end, name in ((out, "stdout"), (err, "stderr")):  # what came before the answer, and no more
                while streams[name].size <= FLOOD_BYTES and (came := _read(end)):
                    streams[name].add(came, listen, name)
        return answer, error, {name: stream.text for name, stream in streams.items()}

    def _too_large(self) -> CodeError | None:
        memory, tasks = _size(self._process.pid)
        if memory > MEMORY_BYTES:
            return CodeError(name="MemoryError", value=f"it took more than {MEMORY_BYTES >> 20} MiB")
        if tasks > TASKS:
            return CodeError(name="ProcessLimitExceeded", value=f"it started more than {TASKS} processes and threads")
        if self._folder is not None and _bytes_in(self._folder) > FOLDER_BYTES:
            return CodeError(name="DiskLimitExceeded", value=f"it wrote more than {FOLDER_BYTES >> 20} MiB of files")
        return None

    def _ended(self) -> CodeError:
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
        """End the process, and with it the run that another thread waits for."""
        self._closed.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and give back what it held; may be called twice, and not while another thread runs code."""
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
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)


class _Stream:
    """What is kept of a stream: its beginning."""

    def __init__(self) -> None:
        self.size = 0
        self._kept = bytearray()

    def add(self, came: bytes, listen: Listen | None, name: str) -> None:
        room = OUTPUT_BYTES - len(self._kept)
        self._kept += came[:room]
        self.size += len(came)
        if listen is not None and room > 0 and came:
            listen(name, came[:room].decode(errors="replace"))

    @property
    def text(self) -> str:
        left_out = self.size - len(self._kept)
        text = self._kept.decode(errors="replace")
        return f"{text}\n[{left_out} bytes more were left out]" if left_out else text


def _taken(answer: _Answer, keep: Keep | None) -> tuple[list[Value], list[Artifact]]:
    """Store what an answer holds; what is not what it says it is, is left out."""
    values: list[Value] = []
    for shown in answer.results:
        picture = _decoded(shown.png) if keep is not None and shown.png else b""
        png = keep(picture, "image/png", "chart.png") if keep is not None and picture[:4] == b"\x89PNG" else None
        values.append(Value(text=shown.text, png=png, chart=shown.chart))
    files = (
        [keep(_decoded(data), "application/octet-stream", name) for name, data in answer.files.items()] if keep else []
    )
    return values, files


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""


def _told(line: bytes, ask: str) -> _Answer | None:
    try:
        answer = _Answer.model_validate_json(line)
    except ValidationError:
        return None
    return answer if answer.id == ask else None


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


def _size(pid: int) -> tuple[int, int]:
    """Memory in bytes and the number of tasks of a process and all below it."""
    memory = tasks = 0
    waiting = [pid]
    while waiting and tasks <= TASKS:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
                tasks += 1
        except OSError:  # it ended
            continue
        for line in status.splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                memory += int(line.split()[1]) * 1024
    return memory, tasks


def _bytes_in(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{where}/{name}").st_blocks * 512 + 512
        if total > FOLDER_BYTES:
            break
    return total
