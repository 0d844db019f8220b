"""A research report as files: Markdown, JSON, a page, and that page as PDF where a browser is there to print it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from app.report.html import page
from app.report.pdf import print_page
from lyceum.events import Answered
from lyceum.runs import RunStore
from lyceum.settings import Settings
from workflows.steps.research.report import Report


def report_of(answer: Answered) -> Report | None:
    """Return the report that an answer carries; a plan or a refusal carries none."""
    output = cast("dict[str, Any]", answer.output or {})
    return Report.model_validate(output) if "sections" in output else None


async def last_answer(store: RunStore, run: str) -> Answered | None:
    found = [event for event in await store.events(run) if isinstance(event, Answered)]
    return found[-1] if found else None


async def write_report(answer: Answered, report: Report, folder: Path, settings: Settings) -> str:
    """Write the report into a folder, which is made where it is missing; returns a line that says what is there."""
    html = page(report)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(answer.text, encoding="utf-8")
    (folder / "report.json").write_text(report.model_dump_json(indent=2), encoding="utf-8")
    (folder / "report.html").write_text(html, encoding="utf-8")
    (folder / "report.pdf").unlink(missing_ok=True)  # of an earlier time
    line = f"report: {folder}/report.md, .html, .json"
    if not settings.pdf:
        return line
    problem = await print_page(html, folder / "report.pdf", settings)
    return f"{line}\n  no report.pdf: {problem}" if problem else f"{line}, .pdf"
