"""Events and answers as a person reads them: progress on stderr, the answer and its sources on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from pydantic import BaseModel

from app.cli.terminal import markdown, neutral, one_line, styled, width
from lyceum.events import Answered, ApprovalDecided, Note, PlanMade, Routed, StepFinished, ToolCalled
from lyceum.sources import Source

ROWS_SHOWN = 20
ARGUMENTS_SHOWN = 90


def line_of(event: BaseModel) -> str:
    """Return the line that tells an event, or an empty string for one that needs no line of its own."""
    match event:
        case Routed():
            return f"→ {event.role}: {event.reason}"
        case PlanMade():
            steps = [f"  ☐ {step.id} {step.role}: {one_line(step.task)}" for step in event.steps]
            return "\n".join(["plan" + (" (again)" if event.replan else ""), *steps])
        case StepFinished():
            return f"  {'✓' if event.ok else '✗'} {event.step}{f': {event.reason}' if event.reason else ''}"
        case ApprovalDecided():
            reason = f": {event.reason}" if event.reason else ""
            return f"  {'approved' if event.approved else 'refused'} by {event.by}{reason}"
        case Note():
            return f"  {'!' if event.level == 'warning' else '·'} {event.text}"
        case _:
            return ""


def call_line(call: ToolCalled | None, tool: str, *, ok: bool, milliseconds: float) -> str:
    """Return the line of a finished tool call: what was asked of which tool, and how long it took."""
    arguments = json.dumps(call.arguments, ensure_ascii=False) if call else "{}"
    return f"  {'·' if ok else '✗'} {tool} {one_line(arguments, ARGUMENTS_SHOWN)} {milliseconds:.0f} ms"


def print_answer(answer: Answered) -> None:
    """Write the answer, its table of rows and its numbered sources to stdout."""
    shown = styled(sys.stdout)
    print(markdown(answer.text, width()) if shown else neutral(answer.text))
    for output in outputs_of(answer):
        if output.get("rows") and len(output["rows"]) > 1:
            table = neutral(table_of(output["columns"], output["rows"]))
            print(f"\n{clipped(table, width()) if shown else table}")
    if answer.sources:
        print("\nSources")
        for number, source in enumerate(answer.sources, 1):
            print(neutral(f"  [{number}] {described(source)}"))
    if answer.declined and answer.next_action:
        print(f"\nNext: {answer.next_action}")


def outputs_of(answer: Answered) -> list[dict[str, Any]]:
    """Return the typed output of each agent that took part."""
    output = cast("dict[str, Any]", answer.output or {})
    if answer.role == "team":
        return [cast("dict[str, Any]", value) for value in output.values() if isinstance(value, dict)]
    return [output]


def described(source: Source) -> str:
    where = f", {source.locator}" if source.locator else ""
    return f"{source.title}{where} ({source.id})"


def table_of(columns: list[str], rows: list[list[Any]]) -> str:
    """Return rows as plain aligned text, the first of a long result only."""
    shown = [["" if cell is None else one_line(str(cell), 40) for cell in row] for row in rows[:ROWS_SHOWN]]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *shown, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [columns, ["-" * width for width in widths], *shown]
    ]
    more = [f"… {len(rows) - ROWS_SHOWN} more rows"] if len(rows) > ROWS_SHOWN else []
    return "\n".join([*lines, *more])


def clipped(text: str, columns: int) -> str:
    """Cut every line to the width: a table whose lines wrap cannot be read."""
    return "\n".join(line if len(line) <= columns else f"{line[: columns - 1]}…" for line in text.split("\n"))
