"""The five reports of one run: on the terminal, and as files in its folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.cli.terminal import neutral
from evals.gate import Decision
from evals.reports.data import data
from evals.reports.junit import junit
from evals.reports.markdown import markdown
from evals.reports.page import page
from evals.reports.text import table, text, verdict
from evals.reports.told import Judged, Told
from evals.stored import NotKept
from evals.suite import SuiteReport

FILES = {"report.txt": text, "junit.xml": junit, "report.md": markdown, "report.html": page, "report.json": data}


def tell(judged: Sequence[Judged], decision: Decision, model: str, folder: Path | None, *, as_json: bool) -> None:
    """Print counts to standard output and verdicts to standard error; write the reports, where there is a folder."""
    for each in judged:
        print(lean(each.report) if as_json else table(each.report), flush=True)
    for each in judged:
        print(neutral(verdict(each)), file=sys.stderr)
    if folder is not None:
        write(judged, decision, model, folder)
        print(f"reports and outcomes are in {folder}", file=sys.stderr)


def write(judged: Sequence[Judged], decision: Decision, model: str, folder: Path) -> None:
    """Write all five reports into the folder."""
    told = Told(model, decision, judged, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, render in FILES.items():
            (folder / name).write_text(render(told), encoding="utf-8")
        for each in judged:
            (folder / f"{each.report.suite}.json").write_text(lean(each.report, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise NotKept(
            f"{folder} cannot be written: {error.strerror}.",
            next_step="Make room, or give another --report DIR; `lyceum eval score` reports a kept run without asking.",
        ) from None


def lean(report: SuiteReport, *, indent: int | None = None) -> str:
    """Return a suite's report as JSON without the trajectories, which `report.json` and `samples.jsonl` hold."""
    return report.model_dump_json(indent=indent, exclude={"results": {"__all__": {"outcome": {"trajectory"}}}})
