"""The report for programs: everything the others tell, trajectories included."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic_core import to_json

from evals.reports.told import Told


def data(told: Told) -> str:
    """Return the report as JSON, version 1."""
    suites: list[dict[str, Any]] = [
        {
            "suite": judged.gate.suite,
            "decision": judged.gate.decision,
            "findings": [asdict(finding) for finding in judged.gate.findings],
            "comparison": asdict(judged.gate.comparison) if judged.gate.comparison else None,
            "p_adjusted": judged.gate.p_adjusted,
            "flaky": [asdict(one) for one in judged.gate.flaky],
            "report": judged.report,
        }
        for judged in told.suites
    ]
    whole = {"v": 1, "when": told.when, "model": told.model, "decision": told.decision, "suites": suites}
    return to_json(whole, indent=1).decode() + "\n"  # with an indent Python's own encoder is ten times slower
