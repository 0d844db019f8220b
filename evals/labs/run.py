"""Running a lab: step by step through the product's own door, checked as it goes.

A step whose call fails ends the lab, because later steps build on it; a failed assertion does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import BaseModel

from evals.labs.expect import Checked, check
from evals.labs.lab import Lab, Step
from evals.labs.paths import fill
from lyceum.artifacts import Artifact
from lyceum.errors import LyceumError, ModelRetry, UserError


class LabDoor(Protocol):
    """The product as a lab meets it; the caller binds it."""

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool over MCP; raises ModelRetry with the tool's words when it refuses."""
        ...

    async def ask(self, step: Step, question: str, attach: Sequence[Path]) -> dict[str, Any]:
        """Ask the team as the step says; returns what `lab.py` promises."""
        ...

    async def artifact(self, sha256: str) -> bytes: ...


class StepReport(BaseModel):
    number: int
    seconds: float
    error: str = ""
    checks: list[Checked] = []
    saved: list[Path] = []
    result: Any = None

    @property
    def ok(self) -> bool:
        return not self.error and all(each.ok for each in self.checks)


class LabReport(BaseModel):
    lab: str
    steps: list[StepReport]
    skipped: int = 0

    @property
    def ok(self) -> bool:
        return not self.skipped and all(step.ok for step in self.steps)

    @property
    def failures(self) -> list[str]:
        return [
            f"step {step.number}: {text}"
            for step in self.steps
            for text in [step.error, *(done.text for done in step.checks if not done.ok)]
            if text
        ]


async def run_lab(
    lab: Lab,
    door: LabDoor,
    *,
    work: Path,
    keep: Path,
    before: Callable[[int, Step], None] = lambda _number, _step: None,
    after: Callable[[Step, StepReport], None] = lambda _step, _report: None,
) -> LabReport:
    """Run every step; `work` is the lab's own folder, `keep` gets the pictures and files its results refer to."""
    for name, text in lab.files.items():
        path = work / name
        if not path.resolve().is_relative_to(work.resolve()):
            raise UserError(f"{lab.id}: the file {name!r} lies outside the lab.", next_step="Name it without `..`.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    known: dict[str, Any] = {"lab": str(lab.folder), "work": str(work)}
    reports: list[StepReport] = []
    for number, step in enumerate(lab.steps, 1):
        before(number, step)
        started = time.perf_counter()
        report = StepReport(number=number, seconds=0)
        try:
            report.result = known["result"] = await _result(step, door, known)
            report.saved = [await _kept(artifact, door, keep, number) for artifact in _artifacts(report.result)]
            report.checks = [done for expect in step.expect for done in check(expect, known)]
        except LyceumError as error:
            report.error = f"{error.message} {error.next_step}".strip()
        report.seconds = round(time.perf_counter() - started, 3)
        reports.append(report)
        after(step, report)
        if report.error:
            break
        if step.save:
            known[step.save] = known["result"]
    return LabReport(lab=lab.id, steps=reports, skipped=len(lab.steps) - len(reports))


async def _result(step: Step, door: LabDoor, known: dict[str, Any]) -> dict[str, Any]:
    if step.ask is not None:
        attach = [Path(fill(path, known)) for path in step.attach]
        return await door.ask(step, str(fill(step.ask, known)), attach)
    try:
        result = await door.call(step.call or "", fill(step.arguments, known))
    except ModelRetry as refusal:
        if not step.refused:
            raise
        return {"error": f"{refusal.message} {refusal.next_step}".strip()}
    if step.refused:
        raise UserError("The call was expected to be refused and was not.")
    return result


def _artifacts(value: Any) -> Iterator[Artifact]:
    """Find every artifact reference in a result, once."""
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, list):
            waiting += cast("list[Any]", item)
        elif isinstance(item, dict):
            fields = cast("dict[str, Any]", item)
            if {"sha256", "size", "media_type"} <= set(fields) and fields["sha256"] not in seen:
                seen.add(fields["sha256"])
                yield Artifact.model_validate({key: fields[key] for key in Artifact.model_fields if key in fields})
            else:
                waiting += list(fields.values())


_SUFFIXES = {"image/png": ".png", "image/svg+xml": ".svg", "text/csv": ".csv", "application/json": ".json"}


async def _kept(artifact: Artifact, door: LabDoor, keep: Path, number: int) -> Path:
    suffix = _SUFFIXES.get(artifact.media_type, "")
    name = Path(artifact.name).name or artifact.sha256[:12]
    path = keep / f"{number:02}-{name}{'' if Path(name).suffix else suffix}"
    keep.mkdir(parents=True, exist_ok=True)
    path.write_bytes(await door.artifact(artifact.sha256))
    return path
