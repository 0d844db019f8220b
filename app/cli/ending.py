"""How a command ends that saw a run through: its exit code, and what a person does next where it did not end well."""

from __future__ import annotations

from app.cli.errors import complain
from lyceum.errors import Cancelled, LyceumError, WaitsForApproval
from lyceum.runs import Run


def exit_code(run: Run | None, *, stopped: Cancelled, waits: WaitsForApproval) -> int:
    """Return 0, 1, 2, 4 or 130 and say what went wrong; raises `stopped` without a run, `waits` where it waits."""
    if run is None:
        raise stopped
    if run.status == "waiting":
        raise waits
    if run.status == "done":
        return 0
    message, _, step = run.error.partition("\n")
    complain(LyceumError(message or f"the run was {run.status}", next_step=step.strip()))
    return {"limit": 4, "cancelled": 130}.get(run.status, 2 if message.startswith("There is no agent") else 1)
