"""Answering an approval at the terminal."""

from __future__ import annotations

import json
import sys

from lyceum.errors import UserError
from lyceum.runs import Decision, RunStore


async def decide_at_terminal(store: RunStore, run: str) -> None:
    """Show each pending approval of a run and record the answer: y, n with a reason, e to edit, a for always."""
    import asyncio

    for approval in await store.approvals(run=run):
        print(f"{approval.title}\n{json.dumps(approval.request, indent=2, ensure_ascii=False)}", file=sys.stderr)
        answer = (await asyncio.to_thread(input, "[y]es, [n]o REASON, [e]dit, [a]lways? ")).strip()
        await store.decide(run, approval.id, await asyncio.to_thread(_decision, answer, approval.request))


def _decision(answer: str, request: dict[str, object]) -> Decision:
    choice, _, rest = answer.partition(" ")
    if choice.lower() in ("y", "yes"):
        return Decision(approved=True)
    if choice.lower() in ("a", "always"):
        return Decision(approved=True, always=True)
    if choice.lower() in ("e", "edit"):
        try:
            edited = json.loads(input("arguments as JSON: "))
        except ValueError as error:
            raise UserError(f"That is not JSON ({error}).", next_step="Ask again; nothing was decided.") from None
        return Decision(approved=True, edited=edited)
    del request
    return Decision(approved=False, reason=rest)
