"""What a search finds: passages of documents and of the course, ranked; nDCG, reciprocal rank and recall a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.ranking import ndcg_at, recall_at, reciprocal_rank
from evals.suite import Case, Outcome, Product, Score, Suite, Verdict, load_cases

DOCUMENTS = Path(__file__).parent / "documents"
COLLECTION = "town"
TOP = 5


async def answer(product: Product, case: Case) -> Outcome:
    """Search as an agent would, and return the places that were found, best first."""
    if "course" in case.tags:
        found = await product.call("course", "course_search", {"query": case.input})
    else:
        await product.call("retrieval", "retrieval_ingest", {"path": str(DOCUMENTS), "collection": COLLECTION})
        found = await product.call("retrieval", "retrieval_search", {"query": case.input, "collection": COLLECTION})
    ranked = [place(cast("dict[str, Any]", source)) for source in found["sources"]]
    return Outcome(output={"ranked": list(ranked), "confident": bool(found.get("confident"))})


def place(source: dict[str, Any]) -> str:
    """Return where a passage is in words that stay when it is cut otherwise: its file, or its place in the course."""
    kind, _, where = str(source["id"]).partition(":")
    return where if kind == "course" else where.split("#")[0].rpartition("/")[2]


def score_ranking(case: Case, outcome: Outcome) -> Score:
    """Compare with `expected.relevant` (gains by place); right where the best is among the first `expected.within`."""
    gains = cast("dict[str, float]", case.expected["relevant"])
    held = cast("dict[str, Any]", outcome.output)
    ranked = list(dict.fromkeys(cast("list[str]", held["ranked"])))
    within = int(cast("int", case.expected.get("within", 1)))
    if not gains:  # nothing answers it: the search must say that it is not sure
        sure = held["confident"]
        verdict: Verdict = "wrong" if sure else "right"
        return Score(scorer="ranking", value=float(not sure), verdict=verdict, reason="it was sure" if sure else "")
    best = {name for name, gain in gains.items() if gain == max(gains.values())}
    holds = bool(recall_at(within, ranked, best))
    said = f"recall@{TOP} {recall_at(TOP, ranked, set(gains)):.2f}, rr {reciprocal_rank(ranked, set(gains)):.2f}"
    reason = said if holds else f"expected {sorted(best)} among the first {within}, found {ranked[:TOP]}; {said}"
    value = ndcg_at(TOP, ranked, gains)
    return Score(scorer="ranking", value=value, verdict="right" if holds else "wrong", reason=reason)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("retrieval", __doc__ or "", cases, answer, (score_ranking,))
