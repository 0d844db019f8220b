"""Answering a research run at the terminal: what its question means, and its plan: as it is, rewritten, or not."""

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
MEANT = "The question in clear words (Enter: as it stands): "


async def person(approval: Approval) -> Decision | None:
    """Ask until there is a decision; None at the end of input: the run then waits."""
    return await asyncio.to_thread(_ask, approval)


def _ask(approval: Approval) -> Decision | None:
    if "question" in approval.request["arguments"]:
        return _meant(approval)
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


def _meant(approval: Approval) -> Decision | None:
    """Ask what is meant by a question: one of the options, other words, or what it says."""
    options: list[str] = approval.request.get("options", [])
    say("\n".join([approval.title, *(f"  {number}. {option}" for number, option in enumerate(options, 1))]))
    while True:
        sys.stderr.write(MEANT if not options else f"A number, or {MEANT[0].lower()}{MEANT[1:]}")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return None
        if not line.strip():
            return Decision(approved=True)
        try:
            return put_clearly(approval, line)
        except UserError as error:
            say(f"{error.message}\n  {error.next_step}")


def put_clearly(approval: Approval, text: str) -> Decision:
    """Return the decision that a text makes: the number of an option, or the question in other words."""
    options: list[str] = approval.request.get("options", [])
    given = text.strip()
    if "question" not in approval.request.get("arguments", {}):
        raise UserError("This approval takes no words.", next_step="Leave them out, or send a plan: --edit FILE.")
    if given.isdigit() and options:
        if not 1 <= int(given) <= len(options):
            raise UserError(f"There is no option {given}.", next_step=f"1 to {len(options)}, or other words.")
        given = options[int(given) - 1]
    decision = Decision(approved=True, edited={"question": given})
    check_edits(decision, approval.edits)
    return decision


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
            return read_answer(file, schema)
        except UserError as error:
            say(f"{error.message}\n  {error.next_step}")
            return None


def read_answer(file: Path, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the answer in a JSON or YAML file; raises UserError where it is none that this run can take."""
    import yaml

    try:
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{file} cannot be read ({type(error).__name__}).", next_step="Write JSON or YAML.") from None
    if not isinstance(found, dict):
        raise UserError(f"{file} holds no answer.", next_step="Write it as the run showed it, e.g. {question: ...}.")
    answer = cast("dict[str, Any]", found)
    check_edits(Decision(approved=True, edited=answer), schema)
    return answer
