"""How good a ranking is, given what is relevant: the measures of TREC, as trec_eval computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import log2
from typing import cast

from pydantic import BaseModel, ConfigDict, Field

from evals.matching.predicates import at_path
from evals.suite import Case, Outcome, Score
from evals.verdicts import citations, held_in, unless_declined, wanted
from lyceum.errors import UserError, nearest

MEASURES = ("nDCG", "R", "P", "RR", "AP")
_EXAMPLES = ("nDCG@10", "R@5", "P@5", "RR", "AP")


def recall_at(k: int, ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the share of the relevant that is among the first k; 0 where nothing is relevant."""
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def precision_at(k: int, ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the share of the first k places that hold something relevant."""
    return len(relevant & set(ranked[:k])) / k


def reciprocal_rank(ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return one over the place of the first relevant one; 0 where there is none."""
    return next((1 / place for place, each in enumerate(ranked, 1) if each in relevant), 0.0)


def average_precision(ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the mean over the relevant of the precision at the place of each; 0 for those never found."""
    hits, total = 0, 0.0
    for place, each in enumerate(ranked, 1):
        if each in relevant:
            hits += 1
            total += hits / place
    return total / len(relevant) if relevant else 0.0


def ndcg_at(k: int, ranked: Sequence[str], gains: Mapping[str, float]) -> float:
    """Return the discounted cumulative gain of the first k over the best possible (Järvelin and Kekäläinen 2002)."""
    best = sum(gain / log2(place + 1) for place, gain in enumerate(sorted(gains.values(), reverse=True)[:k], 1))
    got = sum(gains.get(each, 0.0) / log2(place + 1) for place, each in enumerate(ranked[:k], 1))
    return got / best if best > 0 else 0.0


class Ranking(BaseModel):
    """`expected.ranking`: what is `relevant`, with its gain or as a list, and what must be reached at least.

    Measures are named as ir-measures names them: nDCG@10, R@5, P@5, RR, AP. `ranked` is a JMESPath into the typed
    output that gives ids, best first; without it `ranked`, else `citations`.
    """

    model_config = ConfigDict(extra="forbid")

    relevant: dict[str, float] | list[str] = Field(min_length=1)
    at_least: dict[str, float] = Field(min_length=1)
    ranked: str = ""


def measure(name: str, ranked: Sequence[str], gains: Mapping[str, float]) -> float:
    """Return one measure of a ranking by its name; raises UserError for a name that is none."""
    kind, _, cut = name.partition("@")
    relevant = {each for each, gain in gains.items() if gain > 0}
    k = int(cut) if cut.isdecimal() else 0
    if kind not in MEASURES or (cut and not k) or (kind in ("P", "R") and not cut):
        raise UserError(f"{name!r} is no measure of a ranking.", next_step=nearest(name, _EXAMPLES, what="measures"))
    leading = ranked[:k] if cut else ranked
    match kind:
        case "nDCG":
            return ndcg_at(k or max(len(ranked), len(gains)), ranked, gains)
        case "R":
            return recall_at(k, ranked, relevant)
        case "P":
            return precision_at(k, ranked, relevant)
        case "RR":
            return reciprocal_rank(leading, relevant)
        case _:
            return average_precision(leading, relevant)


def score_ranking(case: Case, outcome: Outcome) -> Score | None:
    """Judge a ranking; the score's value is that of the first measure."""
    if "ranking" not in case.expected:
        return None
    expected = wanted(Ranking, case.expected["ranking"], f"{case.id}: ranking")
    relevant = expected.relevant
    gains = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1.0)
    ranked = list(dict.fromkeys(_ranked(expected.ranked, outcome)))
    reached = {name: measure(name, ranked, gains) for name in expected.at_least}
    low = [f"{name} is {reached[name]:.3f}, expected {least:g}" for name, least in expected.at_least.items()
           if reached[name] < least - 1e-9]  # fmt: skip
    found = unless_declined("ranking", outcome, f"{'; '.join(low)}; ranked {ranked[:5]}" if low else "")
    return found.model_copy(update={"value": next(iter(reached.values()))})


def _ranked(path: str, outcome: Outcome) -> list[str]:
    if not path:
        held = held_in(outcome, "ranked")
        return [str(each) for each in held] if isinstance(held, list) else citations(outcome)
    found = at_path(path, outcome.output)
    if not isinstance(found, list):
        raise UserError(f"{path!r} gives no list.", next_step="Name a list of ids in the output.")
    return [str(each) for each in cast("list[object]", found)]
