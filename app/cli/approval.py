"""Answering an approval: by what was said on the command line, or by a person at the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from app.cli.terminal import say
from lyceum.errors import UserError, nearest
from lyceum.runs import Approval, Decision, Run

if TYPE_CHECKING:
    from app.wiring import App

# Shows a prompt with an editable default and returns the line; raises EOFError when nobody will answer.
Read = Callable[[str, str], Awaitable[str]]
Decide = Callable[[Approval], Awaitable[Decision | None]]

FOLLOW_SECONDS = 0.2
CHOICES = "[y]es, [n]o REASON, [e]dit, [a]lways in this thread? "
_WORDS = {"yes": True, "y": True, "no": False, "n": False}


def standing(*, yes: bool, approve: Sequence[str]) -> dict[str, bool]:
    """Return the answers given in advance: `--yes` as "*", `--approve TOOL`, `TOOL=yes` or `TOOL=no` by tool."""
    answers = {"*": True} if yes else {}
    for given in approve:
        tool, _, word = given.partition("=")
        if word.lower() not in ("", *_WORDS):
            raise UserError(
                f"--approve {given}: {word!r} is no answer.", next_step=nearest(word, _WORDS, what="answers")
            )
        answers[tool] = _WORDS.get(word.lower(), True)
    return answers


async def carry_out(app: App, run_id: str, answers: Mapping[str, bool], decide: Decide | None) -> Run:
    """Drive a run to its end through its approvals; it stays waiting where nothing and nobody decides."""
    engine = app.engine_of(await app.store.run(run_id))
    run = await drive_or_follow(app, run_id)
    while run.status == "waiting":
        pending = await app.store.approvals(run=run_id)
        for approval in pending:
            decision = _in_advance(answers, approval) or (await decide(approval) if decide else None)
            if decision is None:
                return run
            await engine.decide(run_id, approval.id, decision)
        if not pending:
            return run
        run = await drive_or_follow(app, run_id)
    return run


async def drive_or_follow(app: App, run_id: str) -> Run:
    """Drive a run; where another process does, say who, and follow its events until it ends, waits or is left."""
    engine = app.engine_of(await app.store.run(run_id))
    seen = 0
    while True:
        run = await engine.try_drive(run_id)
        if run is not None:
            return run
        if not seen:
            say(f"run {run_id} is driven by {await app.store.holder(run_id) or 'another process'}; following it")
        held = True
        while held:
            held = await app.store.holder(run_id) is not None  # asked first: what was told before it let go is read yet
            for event in await app.store.events(run_id, after=seen):
                seen = event.seq
                app.runtime.listen(event)
            if held:
                await asyncio.sleep(FOLLOW_SECONDS)


def _in_advance(answers: Mapping[str, bool], approval: Approval) -> Decision | None:
    tool = str(approval.request.get("tool", ""))
    approved = answers.get(tool, answers.get("*"))
    if approved is None:
        return None
    return Decision(approved=approved, by="--approve" if tool in answers else "--yes")


async def decide_at_terminal(read: Read, approval: Approval) -> Decision | None:
    """Show an approval and ask until there is a decision; None at the end of input: nothing was decided."""
    arguments = cast("dict[str, Any]", approval.request.get("arguments", approval.request))
    say(f"{approval.title}\n{json.dumps(arguments, indent=2, ensure_ascii=False)}")
    try:
        while True:
            choice, _, rest = (await read(CHOICES, "")).strip().partition(" ")
            match choice.lower():
                case "y" | "yes":
                    return Decision(approved=True)
                case "a" | "always":
                    return Decision(approved=True, always=True)
                case "n" | "no":
                    return Decision(approved=False, reason=rest.strip() or (await read("why? (Enter: no reason) ", "")))
                case "e" | "edit":
                    edited = await _edited(read, arguments)
                    if edited is not None:
                        return Decision(approved=True, edited=edited)
                case _:
                    say("That is none of the answers; nothing was decided.")
    except EOFError:
        return None


async def person(approval: Approval) -> Decision | None:
    """Have the person at the terminal decide; standard output may be a file, so it asks wherever the terminal is."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.output import create_output

    session: PromptSession[str] = PromptSession(
        output=create_output(always_prefer_tty=True), interrupt_exception=asyncio.CancelledError
    )

    async def read(prompt: str, default: str) -> str:
        return await session.prompt_async(prompt, default=default, handle_sigint=False)

    return await decide_at_terminal(read, approval)


async def _edited(read: Read, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments as the person rewrote them, or None when the line was emptied."""
    text = json.dumps(arguments, ensure_ascii=False)
    while text := (await read("arguments: ", text)).strip():
        try:
            edited = json.loads(text)
        except ValueError as error:
            say(f"That is not JSON ({error}). Correct it, or empty the line to go back.")
            continue
        if isinstance(edited, dict):
            return cast("dict[str, Any]", edited)
        say("Arguments are a JSON object: {...}. Correct it, or empty the line to go back.")
    return None
