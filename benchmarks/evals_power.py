"""How often a real drop is found, and how often nothing is called a drop: simulated, for the table in docs/evals.md.

Simulated agents pass 80 % of cases on average; how often they pass one case varies from case to case, Beta(2, 0.5),
so that most cases nearly always pass. A drop is spread over all cases, or breaks a few of them wholly.
`python -m benchmarks.evals_power --keep` writes the result and the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.pages import in_place
from evals.statistics import compare

RESULT = Path(__file__).parent / "results" / "evals_power.json"
PAGE = Path(__file__).parents[1] / "docs" / "evals.md"
CASES, TRIALS, DROPS = (25, 50, 100, 200, 400), (1, 3, 5), (0.0, 0.05, 0.1, 0.2)
WHOLE = 0.1  # the drop that also is simulated as cases that break wholly
MEAN = 0.8


def decisions(cases: int, trials: int, drop: float, runs: int, *, whole: bool = False) -> dict[str, float]:
    """Return how often each verdict is given, over so many simulated pairs of evaluations."""
    rng = np.random.default_rng([cases, trials, round(drop * 100)])
    found: list[str] = []
    for seed in range(runs):
        rates = rng.beta(2, 0.5, (cases, 1))
        kept = rng.random((cases, 1)) >= drop / MEAN if whole else 1 - drop / MEAN
        sides = [rng.random((cases, trials)) < each for each in (rates, rates * kept)]
        before, now = ({str(n): row.astype(float) for n, row in enumerate(side)} for side in sides)
        found.append(compare(before, now, resamples=500, seed=seed).decide())  # pyright: ignore[reportArgumentType]
    return {verdict: found.count(verdict) / runs for verdict in ("worse", "same", "underpowered")}


def table(rows: list[dict[str, float]]) -> str:
    """Return the measured rows as the Markdown of docs/evals.md."""
    heads = [f"drop of {drop:.0%}" for drop in DROPS if drop] + [f"{WHOLE:.0%} in whole cases"]
    lines = [f"| cases | trials | no change: called worse | no change: called the same | {' | '.join(heads)} |"]
    lines.append("| ---: | ---: | " + " | ".join(["---:"] * (2 + len(heads))) + " |")
    for cases in CASES:
        for trials in TRIALS:
            measured = [row for row in rows if (row["cases"], row["trials"]) == (cases, trials)]
            own = {row["drop"]: row for row in measured if not row["whole"]}
            found = [f"{own[drop]['worse']:.0%}" for drop in DROPS if drop]
            found += [f"{row['worse']:.0%}" for row in measured if row["whole"]]
            lines.append(
                f"| {cases} | {trials} | {own[0.0]['worse']:.1%} | {own[0.0]['same']:.0%} | {' | '.join(found)} |"
            )
    return "\n".join(lines)


def written(page: str, rows: list[dict[str, float]]) -> str:
    """Return the page with the table between its marks."""
    return in_place(page, "power", f"\n\n{table(rows)}\n\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--keep", action="store_true", help="write the committed result and the table")
    options = parser.parse_args()
    rows: list[dict[str, float]] = []
    for cases in CASES:
        for trials in TRIALS:
            for drop, whole in [*((drop, False) for drop in DROPS), (WHOLE, True)]:
                told = decisions(cases, trials, drop, options.runs, whole=whole)
                rows.append({"cases": cases, "trials": trials, "drop": drop, "whole": whole, **told})
    print(table(rows))
    if options.keep:
        RESULT.write_text(json.dumps({"runs": options.runs, "rows": rows}, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main()
