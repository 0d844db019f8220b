"""Scorers of every key that a case may expect: with the sandbox for code, and the check of claims for citations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from evals.code_tests import Ran
from evals.outcomes import scorers as scorers_with
from evals.suite import Scorer


def scorers() -> tuple[Scorer, ...]:
    """Return them; what they need is loaded when a case first asks for it."""
    return scorers_with(_run, _unsupported)


def _run(code: str, files: Mapping[str, bytes], seconds: float) -> Ran:
    from mcp_servers.sandbox.local import LocalSandbox

    async def run() -> Ran:
        sandbox = LocalSandbox(spare=0)
        try:
            done = await sandbox.run_code(code, seconds=seconds, files=files)
        finally:
            await sandbox.close()
        if done.error is None:
            return Ran(value="\n".join(value.text for value in done.results))
        return Ran(error=f"{done.error.name}: {done.error.value}".strip(": "), traceback=done.error.traceback)

    return asyncio.run(run())


def _unsupported(claim: str, passages: Sequence[str]) -> str:
    from models.checks.support import check_support

    found = check_support(claim, passages)
    return "" if found.label == "supported" else found.reason or f"{found.label}, probability {found.probability:.2f}"
