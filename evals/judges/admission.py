"""Whether a judge may gate: it agrees with people beyond chance, with itself, and wherever an answer stands.

A judge that is not admitted decides nothing. It says why, and how many labels would tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.judges.agreement import Agreement, Pairs, agreement

KAPPA = 0.4  # the lower bound of kappa: moderate agreement (Landis and Koch 1977)
BALANCED = 0.7  # the lower bound of balanced accuracy
STEADY = 0.9  # the share of votes that agree with the majority
UNSWAYED = 0.8  # the share of pairs whose order made no difference
FEWEST = 30  # labels
EACH = 8  # labels of right ones, and of wrong ones


@dataclass(frozen=True)
class Admission:
    """`reasons` are why a judge is refused, in words; empty where it is admitted."""

    admitted: bool
    reasons: tuple[str, ...]
    agreement: Agreement | None
    steady: float | None
    unswayed: float | None
    needed: int | None = None

    @property
    def text(self) -> str:
        held = self.agreement
        lines = ["admitted: it may gate" if self.admitted else "refused: it decides nothing"]
        if held is not None and held.kappa is not None:
            lines.append(
                f"kappa {held.kappa:.2f} [{held.kappa_low:.2f} to {held.kappa_high:.2f}], balanced accuracy "
                f"{held.balanced or 0:.0%} [{held.balanced_low:.0%} to {held.balanced_high:.0%}], {held.labels} labels"
            )
        lines += [f"agrees with itself {self.steady:.0%}"] if self.steady is not None else []
        lines += [f"not swayed by the order {self.unswayed:.0%}"] if self.unswayed is not None else []
        return "\n  ".join([*lines, *(f"- {reason}" for reason in self.reasons)])


def admit(pairs: Pairs, *, steady: Sequence[float] = (), unswayed: Sequence[bool] = ()) -> Admission:
    """Decide on a judge by labels (person, judge), how steady its votes were, and which pairs its order swayed not."""
    reasons: list[str] = []
    held = agreement(pairs) if pairs else None
    needed: int | None = None
    if held is None:
        reasons.append(f"nothing was labelled; label at least {FEWEST}: lyceum eval review RUN")
        needed = FEWEST
    else:
        found, needed = _disagreements(held)
        reasons += found
    steadiness = sum(steady) / len(steady) if steady else None
    if steadiness is not None and steadiness < STEADY:
        reasons.append(f"asked again it says something else: {steadiness:.0%} steady, at least {STEADY:.0%}")
    share = sum(unswayed) / len(unswayed) if unswayed else None
    if share is not None and share < UNSWAYED:
        reasons.append(f"it prefers a place, not an answer: {share:.0%} of pairs unswayed, at least {UNSWAYED:.0%}")
    return Admission(not reasons, tuple(reasons), held, steadiness, share, needed)


def _disagreements(held: Agreement) -> tuple[list[str], int | None]:
    reasons: list[str] = []
    needed: int | None = None
    fewer = min(held.positives, held.labels - held.positives)
    if held.labels < FEWEST or fewer < EACH:
        needed = max(FEWEST, held.labels + max(0, EACH - fewer))
        reasons.append(f"{held.labels} labels, {fewer} of the rarer kind: at least {FEWEST}, {EACH} of each kind")
    if held.kappa is None or held.balanced is None:
        reasons.append("people or the judge gave one verdict only: label answers of the other kind too")
        return reasons, needed
    if held.kappa_low < KAPPA or held.balanced_low < BALANCED:
        enough = held.needed(KAPPA)
        if held.kappa_high > KAPPA and held.balanced_high > BALANCED and needed is not None:
            return reasons, needed  # so few labels do not tell whether more would help
        if enough is None or held.balanced <= BALANCED:
            reasons.append(
                f"it agrees too little with people (kappa {held.kappa:.2f}): more labels would not help, "
                "a better model or rubric may"
            )
        else:
            needed = max(needed or 0, enough, held.labels + 1)
            reasons.append(f"kappa may be as low as {held.kappa_low:.2f}; about {needed} labels would tell")
    return reasons, needed
