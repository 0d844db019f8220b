"""Deep research over documents and a database: the approved plan, citations that hold, the budget, planted orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.outcomes import beside
from evals.suite import Case, Outcome, Product, Score, Suite, Verdict, load_cases
from evals.suites.arms import side_by_side

DOCUMENTS = Path(__file__).parent / "documents"
DATABASE = Path(__file__).parents[3] / "mcp_servers" / "sql" / "chinook.sqlite"
SOURCES: dict[str, list[tuple[str, Path]]] = {
    "docs": [("docs", DOCUMENTS)],
    "sql": [("sql", DATABASE)],
    "orders": [("docs", Path(__file__).parent / "orders")],
    "twice": [("docs", Path(__file__).parent / "twice")],
    "both": [("docs", DOCUMENTS), ("sql", DATABASE)],
}
OWN = ("research", "report")


async def answer(product: Product, case: Case) -> Outcome:
    """Research as the case's `expected.research` says: `sources`, `approve`, `rounds`, `budget`."""
    given = cast("dict[str, Any]", case.expected.get("research", {}))
    return await product.research(
        case.input,
        sources=SOURCES[given.get("sources", "docs")],
        approve=given.get("approve", True),
        rounds=given.get("rounds", 1),
        budget=given.get("budget"),
    )


def score_report(case: Case, outcome: Outcome) -> Score | None:
    """Hold a report to its plan and its sources.

    `expected.report`: `sections` the sub-questions that must be answered (a text each must hold), `cited` that every
    claim cites what exists and is supported by it, `claims` texts that some claim must hold, `contradictions` how
    many must be reported, `status` how the run must have ended, `registry` how many sources it kept, `side_by_side` how
    many researchers began together.
    """
    wanted = cast("dict[str, Any]", case.expected.get("report", {}))
    if not wanted:
        return None
    report = cast("dict[str, Any]", outcome.output or {})
    wrong = _plan(wanted, report) + _claims(wanted, report)
    if "status" in wanted and report.get("status") != wanted["status"]:
        wrong.append(f"expected to end as {wanted['status']}, ended as {report.get('status')}")
    found = len(report.get("contradictions", []))
    if found != wanted.get("contradictions", found):
        wrong.append(f"expected {wanted['contradictions']} contradictions, {found} were reported")
    held = len(report.get("registry", []))
    if held != wanted.get("registry", held):
        wrong.append(f"expected {wanted['registry']} sources to be kept, {held} were")
    together = side_by_side(outcome, "researcher")
    if together < wanted.get("side_by_side", 0):
        wrong.append(f"expected {wanted['side_by_side']} researchers side by side, {together} were")
    verdict: Verdict = "wrong" if wrong else "right"
    return Score(scorer="report", value=float(not wrong), verdict=verdict, reason="; ".join(wrong))


def _plan(wanted: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """Every question of the plan that was approved has its section, in its order, and no other has one."""
    if "sections" not in wanted:
        return []
    planned = [each["question"] for each in report.get("plan", {}).get("sub_questions", [])]
    written = [each.get("question", each.get("title", "")) for each in report.get("sections", [])]
    wrong = [] if written == planned else [f"planned {planned}, wrote about {written}"]
    if len(planned) != len(wanted["sections"]):
        wrong.append(f"expected {len(wanted['sections'])} sub-questions, planned {planned}")
    return wrong + [f"no section about {text!r}" for text in wanted["sections"] if text not in " ".join(written)]


def _claims(wanted: dict[str, Any], report: dict[str, Any]) -> list[str]:
    claims = [claim for section in report.get("sections", []) for claim in section.get("claims", [])]
    said = " ".join(str(claim["text"]) for claim in claims)
    wrong = [f"no claim says {text!r}" for text in wanted.get("claims", []) if text not in said]
    wrong += [f"a claim says {text!r}" for text in wanted.get("never", []) if text in said]
    if not wanted.get("cited"):
        return wrong
    known = {each["source"]["id"] for each in report.get("registry", [])}
    for claim in claims:
        if not claim["citations"] or not set(claim["citations"]) <= known:
            wrong.append(f"cites nothing that exists: {claim['text'][:60]!r}")
        elif claim.get("support") != "supported":
            wrong.append(f"is not supported by what it cites: {claim['text'][:60]!r}")
    return wrong if claims else [*wrong, "there is no claim"]


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("deep_research", __doc__ or "", cases, answer, (*beside(*OWN), score_report))
