"""`lyceum eval run --matrix MODELS PROMPTS`: every model with every prompt on the same cases, as one table."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from agents.role import Role
from agents.team import TEAM
from app.cli.eval_run import OFFLINE, asked, folder_of, interruptible
from app.cli.terminal import say
from app.front_door import front_door
from evals import catalogue
from evals.intervals import wilson
from evals.statistics import compare
from evals.stored import NotKept, alone
from evals.suite import Suite, SuiteReport
from lyceum.errors import UserError
from lyceum.settings import Settings
from models.cache import uncached

AS_IT_IS = "none"  # the prompt that adds nothing


@dataclasses.dataclass
class Cell:
    """One model with one prompt: what each suite came to."""

    model: str
    prompt: str
    reports: list[SuiteReport]

    @property
    def passes(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for report in self.reports:
            for result in report.results:
                found.setdefault(f"{report.suite} {result.case}", []).append(float(result.verdict == "right"))
        return found


async def run_matrix(args: argparse.Namespace, settings: Settings) -> int:
    """Ask all suites of every pair, keep each run in a folder of its own, and print one table; it gates nothing."""
    if args.update_baseline:
        raise UserError("A matrix has no baseline.", next_step="Leave out --matrix, or --update-baseline.")
    models, prompts = (_parts(given) for given in args.matrix)
    texts = {name: _text(name) for name in prompts}
    suites = [catalogue.load(name) for name in args.suite or list(catalogue.cards())]
    folder: Path = args.report or folder_of(settings)
    await _check(models, settings)
    cells: list[Cell] = []
    # Trials of one case must be independent: none may get the answer that another one left in the cache.
    with alone(folder), interruptible(), uncached() if args.trials > 1 else nullcontext():
        try:
            for model, prompt in ((model, prompt) for model in models for prompt in prompts):
                offline = model == OFFLINE
                own = settings.model_copy(update={"offline": offline, "model": None if offline else model})
                place = folder / _name(f"{model}-{Path(prompt).stem}-{_hash(prompt, texts[prompt])}")
                cells.append(await _cell(args, own, suites, model, prompt, texts[prompt], place))
        except (asyncio.CancelledError, KeyboardInterrupt):
            done = f"{len(cells)} of {len(models) * len(prompts)} pairs are done"
            print(f"{done}; every answer is kept in {folder}", file=sys.stderr)
            print(f"go on with: the same command and --report {folder}", file=sys.stderr)
            raise
    table = table_of(cells, [suite.name for suite in suites])
    print(json.dumps(told(cells)) if args.json else table)
    try:
        (folder / "matrix.json").write_text(json.dumps(told(cells), indent=1) + "\n", encoding="utf-8")
        (folder / "matrix.md").write_text(table + "\n", encoding="utf-8")
    except OSError as error:
        raise NotKept(
            f"{folder} cannot be written: {error.strerror}.", next_step="Make room; the same command asks nobody again."
        ) from None
    say(f"the table and every outcome are in {folder}")
    return 0


async def _check(models: list[str], settings: Settings) -> None:
    """Raise what is wrong with any of the models before the first is asked."""
    from models.resolve import ResolvedModels

    for model in models:
        own = settings.model_copy(update={"offline": model == OFFLINE, "model": None if model == OFFLINE else model})
        resolved = ResolvedModels(own, os.environ)
        try:
            resolved.get()
        finally:
            await resolved.close()


async def _cell(
    args: argparse.Namespace, settings: Settings, suites: list[Suite], model: str, prompt: str, text: str, place: Path
) -> Cell:
    roles = [*with_text(text), *(role for suite in suites for role in suite.roles)]
    print(f"{model} with {prompt}", file=sys.stderr)
    async with front_door(settings, roles) as door:
        return Cell(model, prompt, await asked(args, suites, door, place, text))


def with_text(text: str) -> list[Role]:
    """Return the team with a text added to everyone's instructions."""
    return [dataclasses.replace(role, factory=_adding(role.factory, text)) for role in TEAM.values()] if text else []


def _adding(factory: Callable[..., Any], text: str) -> Callable[..., Any]:
    from pydantic_ai.capabilities import AbstractCapability

    @dataclasses.dataclass
    class Added(AbstractCapability[Any]):
        def get_instructions(self) -> str:
            return text

    def made(model: Any, toolsets: Any = (), capabilities: Any = ()) -> Any:
        return factory(model, toolsets=toolsets, capabilities=[*capabilities, Added()])

    return made


def _parts(given: str) -> list[str]:
    parts = list(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))
    if not parts:
        raise UserError(f"{given!r} names nothing.", next_step="Give --matrix MODEL,MODEL none,FILE.")
    return parts


def _text(prompt: str) -> str:
    if prompt == AS_IT_IS:
        return ""
    try:
        return Path(prompt).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{prompt} cannot be read: {why}.", next_step="Give files of text, or none.") from None


def _hash(prompt: str, text: str) -> str:
    """Two files of one name, or one that was changed, must not go on with each other's outcomes."""
    return hashlib.sha256(f"{Path(prompt).absolute() if text else ''}\n{text}".encode()).hexdigest()[:8]


def _name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in text)


def table_of(cells: list[Cell], suites: list[str]) -> str:
    """Return one row a pair: the share right of each suite and in all, what it took, and how it differs from the
    first row, case by case, with its 95 % interval.
    """
    head = ["model", "prompt", *suites, "in all", "tokens", "s", "against the first"]
    rows = [head, ["---"] * len(head)]
    for cell in cells:
        shares = [f"{report.counts['right']}/{len(report.results)}" for report in cell.reports]
        right = sum(report.counts["right"] for report in cell.reports)
        total = sum(len(report.results) for report in cell.reports)
        low, high = wilson(right, total)
        found = compare(cells[0].passes, cell.passes) if cell is not cells[0] else None
        against = "" if found is None else f"{found.difference:+.1%} [{found.low:+.1%} to {found.high:+.1%}]"
        used = [sum(report.tokens for report in cell.reports), round(sum(r.seconds for r in cell.reports), 1)]
        whole = f"{right / max(1, total):.1%} [{low:.1%} to {high:.1%}]"
        rows.append([cell.model, cell.prompt, *shares, whole, *map(str, used), against])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def told(cells: list[Cell]) -> list[dict[str, Any]]:
    return [
        {
            "model": cell.model,
            "prompt": cell.prompt,
            "suites": {report.suite: report.counts for report in cell.reports},
            "tokens": sum(report.tokens for report in cell.reports),
            "seconds": sum(report.seconds for report in cell.reports),
        }
        for cell in cells
    ]
