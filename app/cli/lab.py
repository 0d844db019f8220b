"""`lyceum lab`: the course's hands-on labs, read and run."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any, cast

from app.cli.render import table_of
from app.cli.terminal import neutral, one_line, say
from evals.labs.lab import Lab, Step, choose, find_labs, load_lab
from evals.labs.paths import NothingThere, look_up
from evals.labs.run import LabReport, StepReport, run_lab
from lyceum.errors import UserError
from lyceum.settings import Settings
from mcp_servers.catalogue import FOLDER

ARGUMENTS_SHOWN, LINES_SHOWN = 160, 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "show", "run"])
    parser.add_argument("lab", nargs="*", metavar="ID", help="labs, e.g. L04")
    parser.add_argument("--model", metavar="M", help="who answers questions; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")
    parser.add_argument("--json", action="store_true", help="one step a line, then the lab, on standard output")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where pictures and files go; labs/ID in the home folder"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    paths = find_labs(FOLDER)
    if args.action == "list":
        return _list([load_lab(path) for path in paths], as_json=args.json)
    if not args.lab:
        raise UserError(f"Which lab? lyceum lab {args.action} ID", next_step="`lyceum lab list` shows them.")
    labs = [load_lab(choose(paths, name)) for name in args.lab]
    if args.action == "show":
        print("\n\n".join(json.dumps(_data(lab), indent=2) if args.json else page(lab) for lab in labs))
        return 0
    return max([asyncio.run(_run(lab, args, settings)) for lab in labs])


def _list(labs: list[Lab], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([{"id": lab.id, "title": lab.title, "server": lab.server} for lab in labs], indent=2))
    for lab in [] if as_json else labs:
        needs = f" (needs {', '.join(lab.needs)})" if lab.needs else ""
        print(f"{lab.id:<4} {lab.server:<12} {lab.title}{needs}")
    return 0


def _data(lab: Lab) -> dict[str, Any]:
    return lab.model_dump(mode="json", exclude={"folder"}, exclude_unset=True, by_alias=True)


def header(lab: Lab) -> str:
    lines = [f"# {lab.id}: {lab.title}", "", lab.lesson.strip()]
    if lab.smaller:
        lines += ["", f"Smaller than the syllabus: {lab.smaller.strip()}"]
    if lab.needs:
        lines += ["", f"Needs: {', '.join(lab.needs)}"]
    return "\n".join(lines)


def page(lab: Lab) -> str:
    """Return a lab as its reader meets it: why, then every step with its call and what is expected of the result."""
    lines = [header(lab)]
    for number, step in enumerate(lab.steps, 1):
        lines += ["", f"{number}. {step.say.strip()}", f"   {_action(step)}"]
        for expect in step.expect:
            checks = [f"{name.replace('_', ' ')} {getattr(expect, name)!r}" for name in expect.checks]
            lines.append(f"   expect {expect.path or 'the result'}: {', '.join(checks)}")
    return neutral("\n".join(lines))


def _action(step: Step) -> str:
    if step.ask is not None:
        to = f" (to {step.agent})" if step.agent else ""
        return f"ask{to}: {one_line(step.ask, ARGUMENTS_SHOWN)}"
    return f"{step.call} {one_line(json.dumps(step.arguments, ensure_ascii=False), ARGUMENTS_SHOWN)}"


async def _run(lab: Lab, args: argparse.Namespace, settings: Settings) -> int:
    from app.lab_door import lab_door  # wires the whole product

    shown = _Shown(lab, as_json=args.json)
    with tempfile.TemporaryDirectory(prefix="lyceum-lab-") as work:
        async with lab_door(lab, settings) as door:
            shown.begin(door.answered_by)
            keep = args.out or settings.home / "labs" / lab.id
            report = await run_lab(lab, door, work=Path(work), keep=keep, before=shown.starting, after=shown.finished)
    shown.end(report)
    return 0 if report.ok else 1


class _Shown:
    """What a running lab prints; with `as_json` one object a step."""

    def __init__(self, lab: Lab, *, as_json: bool) -> None:
        self._lab = lab
        self._as_json = as_json

    def begin(self, answered_by: str) -> None:
        if not self._as_json:
            print(neutral(header(self._lab)))
        if any(step.ask for step in self._lab.steps):
            say(f"answered by {answered_by}")

    def starting(self, number: int, step: Step) -> None:
        if not self._as_json:
            print(neutral(f"\n{number}/{len(self._lab.steps)} {step.say.strip()}"))
            print(neutral(f"  {_action(step)}"), flush=True)

    def finished(self, step: Step, report: StepReport) -> None:
        if self._as_json:
            print(json.dumps({"lab": self._lab.id, **report.model_dump(mode="json"), "ok": report.ok}), flush=True)
            return
        lines = [f"  {line}" for path in step.show for line in _shown(report.result, path)]
        lines += [f"  {'✓' if done.ok else '✗'} {done.text}" for done in report.checks]
        lines += [f"  saved {path}" for path in report.saved]
        if report.error:
            lines.append(f"  ✗ {report.error}")
        print(neutral("\n".join([*lines, f"  {report.seconds:.2f} s"])), flush=True)

    def end(self, report: LabReport) -> None:
        checks = [done for step in report.steps for done in step.checks]
        if self._as_json:
            print(json.dumps({"lab": report.lab, "ok": report.ok, "skipped": report.skipped}), flush=True)
            return
        passed = sum(done.ok for done in checks)
        skipped = f", {report.skipped} steps not run" if report.skipped else ""
        print(f"\n{report.lab} {'passed' if report.ok else 'failed'}: {passed} of {len(checks)} checks{skipped}")


def _shown(result: Any, path: str) -> list[str]:
    """Return a part of a result as lines: text as it is, rows as a table, the rest as JSON."""
    try:
        value = look_up(result, path)
    except NothingThere as nothing:
        return [f"({nothing.message})"]
    if isinstance(value, str):
        lines = value.splitlines()
    elif isinstance(value, list) and value and all(isinstance(row, dict) for row in cast("list[Any]", value)):
        rows = cast("list[dict[str, Any]]", value)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines = table_of(columns, [[row.get(name) for name in columns] for row in rows]).splitlines()
    else:
        return [f"{path}: {one_line(json.dumps(value, ensure_ascii=False), 400)}"]
    more = [f"… {len(lines) - LINES_SHOWN} more lines"] if len(lines) > LINES_SHOWN else []
    return [f"{path}:", *(f"  {line}" for line in [*lines[:LINES_SHOWN], *more])]
