"""Runs a repository's tests where they reach nothing: its files travel into the sandbox, a report comes back.

The sandbox is reached over MCP and takes files as artifacts: one holds the repository and what runs its tests.
"""

from __future__ import annotations

import ast
import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from lyceum.errors import ModelRetry
from mcp_servers.workspace.root import Held, Root
from mcp_servers.workspace.tree import files as files_in

REPOSITORY_BYTES = 3_000_000  # compressed
FILE_BYTES = 500_000  # of a file that tests may need
EACH = 3.0  # seconds that one test may take
PACKED = "tests.packed"
_HARNESS = ("small_pytest", "run_tests")
CODE = f"""\
import json, os, sys, types, zlib
with open("{PACKED}", "rb") as file:
    given = json.loads(zlib.decompress(file.read()))
os.unlink("{PACKED}")
for name, source in given["harness"].items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), vars(module))
module.main(given["repository"], given["wanted"], given["seconds"], given["each"])
"""


class Place(BaseModel):
    """A line of the repository and the function it is in; `line` counts from 1."""

    path: str = Field(max_length=1024)
    line: int
    name: str = Field(max_length=400)


class Called(Place):
    passed: int = Field(default=0, description="How many passing tests called it.")


class Failure(BaseModel):
    """A test that failed: what it said, the frames of the repository, the functions that it called."""

    test: str = Field(max_length=2000)
    path: str = Field(max_length=1024)
    line: int
    message: str = Field(max_length=2000)
    frames: list[Place] = []
    calls: list[Place] = []


class Report(BaseModel):
    """What the tests of a workspace said; `problem` says why there is no report where they could not be run."""

    runner: str = Field(default="", description="pytest, or the built-in runner where the sandbox has no pytest.")
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    not_run: int = Field(default=0, description="Tests that the time did not suffice for.")
    files: list[str] = Field(default=[], description="Test files that were found.")
    failures: list[Failure] = Field(default=[], max_length=30)
    passing: list[str] = Field(default=[], max_length=400, description="The first passing tests.")
    calls: list[Called] = Field(default=[], max_length=400, description="Functions that passing tests called.")
    problem: str = ""
    tier: str = Field(default="", description="The sandbox's tier.")
    left_out: list[str] = Field(default=[], description="Files that are too large to travel.")


def bundle(root: Root, instead: Mapping[str, bytes | None]) -> tuple[dict[str, Held], list[str]]:
    """Return the files that tests may need and the paths of those that are too large; `instead` replaces some."""
    found: dict[str, Held] = {}
    left_out: list[str] = []
    for path in files_in(root):
        if path in instead:
            continue
        try:
            found[path] = root.read(path, most=FILE_BYTES)
        except ModelRetry:
            left_out.append(path)
    return found | {path: Held(data, 0o644) for path, data in instead.items() if data is not None}, left_out


def packed(repository: Mapping[str, Held], wanted: Sequence[str], seconds: float) -> bytes:
    """Return what `CODE` reads; raises ModelRetry where the repository is too large for the sandbox."""
    given = {
        "harness": {f"mcp_servers.workspace.inside.{name}": _source(name) for name in _HARNESS},
        "repository": {
            path: (base64.b64encode(held.data).decode(), held.mode & 0o777) for path, held in repository.items()
        },
        "wanted": list(wanted),
        "seconds": seconds,
        "each": min(EACH, seconds / 2),
    }
    data = zlib.compress(json.dumps(given).encode(), 6)
    if len(data) > REPOSITORY_BYTES:
        raise ModelRetry(
            f"The repository is too large for the sandbox ({len(data)} bytes, compressed; {REPOSITORY_BYTES} fit).",
            next_step="Add what tests do not need to .gitignore, or attach the package's own folder.",
        )
    return data


def read_report(execution: Mapping[str, Any]) -> Report:
    """Read what a run in the sandbox left: whatever it claims is data, checked and bounded."""
    tier = str(execution.get("tier", ""))
    error = cast("dict[str, Any] | None", execution.get("error"))
    if error:
        words = f"{error.get('name')}: {error.get('value')}"
        return Report(tier=tier, problem=f"The tests ended the interpreter or its time ({words[:300]}).")
    results = cast("list[dict[str, Any]]", execution.get("results") or [])
    try:
        report = Report.model_validate_json(ast.literal_eval(results[-1]["text"]))
    except (ValidationError, ValueError, SyntaxError, IndexError, TypeError, RecursionError, MemoryError):
        return Report(tier=tier, problem="The tests left no report that can be read.")
    return report.model_copy(update={"tier": tier})


def _source(name: str) -> str:
    return (files("mcp_servers.workspace.inside") / f"{name}.py").read_text(encoding="utf-8")
