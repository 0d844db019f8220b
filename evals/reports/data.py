"""The report for programs: everything the others tell, trajectories included."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic_core import to_json

from evals.reports.told import Told, several


def data(told: Told) -> str:
    """Return the report as JSON, version 1."""
    suites: list[dict[str, Any]] = [
        {
            "suite": judged.gate.suite,
            "decision": judged.gate.decision,
            "findings": [asdict(finding) for finding in judged.gate.findings],
            "comparison": asdict(judged.gate.comparison) if judged.gate.comparison else None,
            "p_adjusted": judged.gate.p_adjusted,
            "changes": [asdict(change) for change in judged.gate.changes],
            "trials": _trials(several(judged.report)),
            "flaky": [asdict(one) for one in judged.gate.flaky],
            "report": judged.report,
        }
        for judged in told.suites
    ]
    whole = {"v": 1, "when": told.when, "model": told.model, "decision": told.decision, "suites": suites}
    return to_json(whole, indent=1).decode() + "\n"  # with an indent Python's own encoder is ten times slower


def _trials(found: tuple[int, float, float] | None) -> dict[str, float] | None:
    return None if found is None else dict(zip(("k", "pass_at", "pass_all"), found, strict=True))
