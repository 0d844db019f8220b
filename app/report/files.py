"""A research report as files: Markdown, JSON, a page, and that page as PDF where a browser is there to print it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from app.report.html import page
from lyceum.events import Answered
from lyceum.runs import RunStore
from workflows.steps.research.report import Report


def report_of(answer: Answered) -> Report | None:
    """Return the report that an answer carries; a plan or a refusal carries none."""
    output = cast("dict[str, Any]", answer.output or {})
    return Report.model_validate(output) if "sections" in output else None


async def last_answer(store: RunStore, run: str) -> Answered | None:
    found = [event for event in await store.events(run) if isinstance(event, Answered)]
    return found[-1] if found else None


def write_report(answer: Answered, report: Report, folder: Path) -> list[Path]:
    """Write the report into a folder, which is made where it is missing; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {
        "report.md": answer.text,
        "report.json": report.model_dump_json(indent=2),
        "report.html": page(report),
    }
    for name, text in kept.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in kept]
