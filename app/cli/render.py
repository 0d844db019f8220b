"""Events as a person reads them: progress lines on stderr, the answer and its sources on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from pydantic import BaseModel

from lyceum.events import (
    Answered,
    ApprovalAsked,
    Note,
    PlanMade,
    Routed,
    RunFinished,
    StepFinished,
    ToolCalled,
    ToolReturned,
)
from lyceum.sources import Source

ROWS_SHOWN = 20
ARGUMENTS_SHOWN = 90


class Progress:
    """Listens to a run and writes one line an event worth knowing; `as_json` writes every stored event instead."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.answer: Answered | None = None
        self.finished: RunFinished | None = None
        self.asked: list[ApprovalAsked] = []
        self._calls: dict[str, ToolCalled] = {}

    def __call__(self, event: BaseModel) -> None:
        if isinstance(event, Answered):
            self.answer = event
        elif isinstance(event, RunFinished):
            self.finished = event
        elif isinstance(event, ApprovalAsked):
            self.asked.append(event)
        elif isinstance(event, ToolCalled):
            self._calls[event.call] = event
        if self.as_json:
            if getattr(event, "seq", 0):
                print(event.model_dump_json(), flush=True)
        elif line := self.line(event):
            print(line, file=sys.stderr, flush=True)

    def line(self, event: BaseModel) -> str:
        match event:
            case Routed():
                return f"→ {event.role}: {event.reason}"
            case PlanMade():
                steps = [f"  ☐ {step.id} {step.role}: {one_line(step.task)}" for step in event.steps]
                return "\n".join(["plan" + (" (again)" if event.replan else ""), *steps])
            case StepFinished():
                return f"  {'✓' if event.ok else '✗'} {event.step}{f': {event.reason}' if event.reason else ''}"
            case ToolReturned():
                arguments = self._calls[event.call].arguments if event.call in self._calls else {}
                shown = one_line(json.dumps(arguments, ensure_ascii=False), ARGUMENTS_SHOWN)
                return f"  {'·' if event.ok else '✗'} {event.tool} {shown} {event.latency_ms:.0f} ms"
            case Note():
                return f"  {'!' if event.level == 'warning' else '·'} {event.text}"
            case _:
                return ""


def one_line(text: str, most: int = 100) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def print_answer(answer: Answered, *, color: bool) -> None:
    """Write the answer, its table of rows and its numbered sources to stdout."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(soft_wrap=not color, highlight=False)
    if color:
        console.print(Markdown(answer.text))
    else:
        print(answer.text)
    for output in outputs_of(answer):
        if output.get("rows") and len(output["rows"]) > 1:
            print()
            print(table_of(output["columns"], output["rows"]))
    if answer.sources:
        print("\nSources")
        for number, source in enumerate(answer.sources, 1):
            print(f"  [{number}] {described(source)}")
    if answer.declined and answer.next_action:
        print(f"\nNext: {answer.next_action}")


def outputs_of(answer: Answered) -> list[dict[str, Any]]:
    """Return the typed output of each agent that took part."""
    output = cast("dict[str, Any]", answer.output or {})
    return [value for value in output.values() if isinstance(value, dict)] if answer.role == "team" else [output]


def described(source: Source) -> str:
    where = f", {source.locator}" if source.locator else ""
    return f"{source.title}{where} ({source.id})"


def table_of(columns: list[str], rows: list[list[Any]]) -> str:
    """Return rows as plain aligned text, the first of a long result only."""
    shown = [[("" if cell is None else str(cell))[:40] for cell in row] for row in rows[:ROWS_SHOWN]]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *shown, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [columns, ["-" * width for width in widths], *shown]
    ]
    more = [f"… {len(rows) - ROWS_SHOWN} more rows"] if len(rows) > ROWS_SHOWN else []
    return "\n".join([*lines, *more])
