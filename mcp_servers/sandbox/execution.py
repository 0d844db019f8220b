"""What running code leaves behind, in the shape of E2B's `run_code`, and what every sandbox can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact
from mcp_servers.pictured import Pictured

MEMORY_BYTES = 512 * 1024 * 1024
OUTPUT_BYTES = 100_000  # of each stream, kept

Keep = Callable[[bytes, str, str], Artifact]  # stores bytes of a media type under a name
Listen = Callable[[str, str], None]  # hears "stdout" or "stderr", and text


class CodeError(BaseModel):
    name: str
    value: str
    traceback: str = ""


class Value(BaseModel):
    """The value of the last expression, or a chart that was left open."""

    text: str
    png: Artifact | None = Field(default=None, description="A chart's picture.")
    chart: dict[str, Any] = Field(default_factory=dict[str, Any], description="The data that a chart shows.")


class Execution(Pictured):
    """What a run left behind, in the shape of E2B's `run_code`."""

    stdout: str = ""
    stderr: str = ""
    results: list[Value] = Field(default_factory=list[Value], description="The last expression's value, and charts.")
    error: CodeError | None = None
    files: list[Artifact] = Field(default_factory=list[Artifact], description="Files that the run made or changed.")
    tier: str
    warning: str = Field(default="", description="What this tier does not isolate.")
    seconds: float


class CommandResult(BaseModel):
    """What a shell command left behind, in the shape of E2B's `commands.run`."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = Field(default=None, description="0 where it went well; none where it was stopped.")
    error: CodeError | None = None
    seconds: float


class Entry(BaseModel):
    name: str = Field(max_length=1000)
    kind: Literal["file", "folder"]
    size: int = Field(description="Bytes.")


class ContextInfo(BaseModel):
    """A session whose variables and files survive between runs."""

    id: str
    tier: str
    runs: int = Field(default=0, description="Requests served so far.")
    idle_seconds: float = 0
    ended: str = Field(default="", description="Why it no longer runs, if so.")


class Sandbox(Protocol):
    """Where code runs; `context` names a session, and an empty one is a fresh place for each call.

    Cancelling a call ends what it runs. Errors of the code are results; a wrong name or path raises ModelRetry.
    """

    async def run_code(
        self,
        code: str,
        *,
        context: str = "",
        seconds: float = 10,
        files: Mapping[str, bytes] | None = None,
        listen: Listen | None = None,
    ) -> Execution: ...

    async def run_command(
        self, command: str, *, context: str = "", seconds: float = 10, listen: Listen | None = None
    ) -> CommandResult: ...

    async def create_context(self) -> ContextInfo: ...

    async def contexts(self) -> Sequence[ContextInfo]: ...

    async def close_context(self, context: str) -> None: ...

    async def write_file(self, context: str, path: str, data: bytes) -> None: ...

    async def read_file(self, context: str, path: str) -> bytes: ...

    async def list_files(self, context: str, path: str) -> Sequence[Entry]: ...

    async def remove_file(self, context: str, path: str) -> None: ...

    async def close(self) -> None: ...


def timed_out(seconds: float) -> CodeError:
    return CodeError(name="TimeoutError", value=f"stopped after {seconds:g} s; ask for more time or do less")
