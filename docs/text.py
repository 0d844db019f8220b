"""Write the tables of docs/text.md from what was measured: `python docs/text.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("text.md")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def page() -> str:
    """Return the page as the results in benchmarks/results have it now."""
    measured = json.loads((RESULTS / "text_baselines.json").read_text(encoding="utf-8"))
    frameworks = json.loads((RESULTS / "rag_frameworks.json").read_text(encoding="utf-8"))
    tables = {
        "extraction": _extraction(measured["extraction"]["result"]["rows"]),
        "classification": _classification(measured["classification"]["result"]["methods"]),
        "prompts": _prompts(measured["prompts"]["result"]),
        "frameworks": _frameworks(frameworks["pipelines"]),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        # The table is what stands between the mark and the next empty line after it.
        text = re.sub(rf"(<!-- {name} -->\n)(?:\n\|[^\n]*(?:\n\|[^\n]*)*\n)?", lambda m, t=table: f"{m[1]}\n{t}", text)
    return text


def _extraction(rows: Iterable[dict[str, Any]]) -> str:
    head = ("way", "answered by", "what", "precision", "recall", "F1", "ms a sentence", "cost", "at gpt-4o-mini")
    return _table(
        head,
        [
            (
                row["way"],
                row["answered_by"],
                what,
                *(f"{row[what][name]:.2f}" for name in ("precision", "recall", "f1")),
                _time(row["milliseconds"]),
                *_costs(row),
            )
            for row in rows
            for what in ("entities", "relations")
        ],
    )


def _classification(rows: Iterable[dict[str, Any]]) -> str:
    head = ("method", "answered by", "accuracy", "macro F1", "reliability", "ms a message", "cost", "at gpt-4o-mini")
    return _table(
        head,
        [
            (
                row["method"],
                row["answered_by"],
                *(f"{row[name]:.2f}" for name in ("accuracy", "macro_f1", "reliability")),
                _time(row["milliseconds"]),
                *_costs(row),
            )
            for row in rows
        ],
    )


def _prompts(rows: Sequence[dict[str, Any]]) -> str:
    names = ["first: bare labels", "second: the form", "third: descriptions", "fourth: examples", "first", "fourth"]
    return _table(
        ("version", "part", "answered by", "accuracy", "named", "in form", "ms a message"),
        [
            (
                name,
                row["part"],
                row["answered_by"].partition(":")[0],
                *(f"{row[field]:.2f}" for field in ("accuracy", "named", "in_form")),
                _time(row["milliseconds"]),
            )
            for name, row in zip(names, rows, strict=True)
        ],
    )


def _frameworks(rows: Iterable[dict[str, Any]]) -> str:
    return _table(
        ("pipeline", "chunks", "retrieved", "answered", "own ms a question", "import s", "lines"),
        [
            (
                row["pipeline"],
                row["chunks"],
                f"{row['retrieved']:.2f}",
                f"{row['answered']:.2f}",
                _time(row["question_milliseconds_of_its_own"]),
                f"{row['import_seconds']:.1f}" if "import_seconds" in row else "-",
                row["lines"],
            )
            for row in rows
        ],
    )


def _time(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.2g}"


def _costs(row: dict[str, Any]) -> tuple[str, str]:
    cost, hosted = row.get("cost"), row.get("hosted_cost")
    return "unknown" if cost is None else f"${cost:.2f}", "-" if hosted is None else f"${hosted:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(map(str, row)) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
