"""Approving a research plan at the terminal: as it is, rewritten in an editor, or not."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from app.cli.terminal import one_line, say
from lyceum.errors import UserError
from lyceum.run_store import check_edits
from lyceum.runs import Approval, Decision

CHOICES = "Carry it out? [y]es, [n]o REASON, [e]dit: "


async def person(approval: Approval) -> Decision | None:
    """Ask until there is a decision; None at the end of input: the run then waits."""
    return await asyncio.to_thread(_ask, approval)


def _ask(approval: Approval) -> Decision | None:
    plan: dict[str, Any] = approval.request["arguments"]
    say(f"{approval.title}\n{told(plan)}")
    while True:
        sys.stderr.write(CHOICES)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return None
        choice, _, rest = line.strip().partition(" ")
        match choice.lower():
            case "y" | "yes":
                return Decision(approved=True)
            case "n" | "no":
                return Decision(approved=False, reason=rest.strip())
            case "e" | "edit":
                edited = _edited(plan, approval.edits)
                if edited is not None:
                    return Decision(approved=True, edited=edited)
            case _:
                say("That is none of the answers; nothing was decided.")


def told(plan: dict[str, Any]) -> str:
    """Return a plan as people read it: what is asked where, how often again, and within what."""
    lines = [
        f"  {each['id']} {one_line(each['question'])}  (in {', '.join(each['sources'])})"
        for each in plan["sub_questions"]
    ]
    budget = {name: value for name, value in plan["budget"].items() if value is not None and name != "stages"}
    stages = [f"{stage} {limits}" for stage, limits in plan["budget"].get("stages", {}).items()]
    kept = ", ".join([*(f"{name} {value:g}" for name, value in budget.items()), *stages])
    return "\n".join([*lines, f"  looking again: {plan['rounds']} times at most; budget: {kept}"])


def _edited(plan: dict[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Open the plan in $VISUAL or $EDITOR; None where it was left as no plan."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(plan, indent=2, ensure_ascii=False), encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the person's own editor
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"{editor} did not work ({error}); set EDITOR.")
            return None
        try:
            return read_plan(file, schema)
        except UserError as error:
            say(f"{error.message}\n  {error.next_step}")
            return None


def read_plan(file: Path, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the plan in a JSON or YAML file; raises UserError where it is none that this run can take."""
    import yaml

    try:
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{file} is no plan ({type(error).__name__}).", next_step="Write it as JSON or YAML.") from None
    if not isinstance(found, dict):
        raise UserError(f"{file} is no plan.", next_step="Write it as the run showed it: {sub_questions: [...], ...}.")
    plan = cast("dict[str, Any]", found)
    check_edits(Decision(approved=True, edited=plan), schema)
    return plan
