"""What a run leaves behind, in the shape of E2B's `run_code`, and what a tier promises."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact

MEMORY_BYTES = 512 * 1024 * 1024
OUTPUT_BYTES = 100_000  # of each stream, kept


class CodeError(BaseModel):
    name: str
    value: str
    traceback: str = ""


class Value(BaseModel):
    """The value of the last expression, or a chart that was left open."""

    text: str
    png: Artifact | None = Field(default=None, description="A chart's picture.")
    chart: dict[str, Any] = Field(default_factory=dict[str, Any], description="The data that a chart shows.")


class Execution(BaseModel):
    """What a run left behind, in the shape of E2B's `run_code`."""

    stdout: str = ""
    stderr: str = ""
    results: list[Value] = Field(default_factory=list[Value], description="The last expression's value, and charts.")
    error: CodeError | None = None
    files: list[Artifact] = Field(default_factory=list[Artifact], description="Files that the run made or changed.")
    tier: str
    warning: str = Field(default="", description="What this tier does not isolate.")
    seconds: float


class Tier(Protocol):
    """A way to run code; `name` is what people see."""

    name: str

    def probe(self) -> str:
        """Return an empty string when the tier really runs code here, else what is missing and how to get it."""
        ...

    def run(self, code: str, seconds: float) -> Execution:
        """Run code in a fresh place for at most `seconds` of wall clock."""
        ...


def timed_out(seconds: float) -> CodeError:
    return CodeError(name="TimeoutError", value=f"stopped after {seconds:g} s; ask for more time or do less")
