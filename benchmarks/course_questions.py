"""How often an offline answer cites the right passage: `python -m benchmarks.course_questions --split dev`.

`--fit` prints the weights of the search's confidence, fitted to the development questions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from app.front_door import front_door
from evals.suite import Case, CaseResult, SuiteReport, run_suite
from evals.suites.course_questions.suite import suite
from lyceum.settings import load_settings
from mcp_servers.course.meaning import Meaning
from mcp_servers.course.notes import Course
from mcp_servers.course.search import Evidence, Index

RIDGE = 0.5  # keeps the fit from trusting a feature that happens to separate a hundred cases
STEPS = 20_000
VERDICTS: tuple[str, ...] = ("right", "wrong", "declined", "error")


async def ask_all(split: str | None) -> SuiteReport:
    async with front_door(load_settings(offline=True)) as product:
        return await run_suite(suite(), product, split=split)  # pyright: ignore[reportArgumentType] - argparse checked it


def fit(index: Index, cases: Iterable[Case]) -> list[float]:
    """Return bias and weights of a logistic regression from a best hit's evidence to "the course answers this"."""
    rows: list[list[float]] = []
    answered: list[float] = []
    for case in cases:
        hits = index.search(case.input, 2)
        if hits:
            rows.append([1.0, *max((hit.evidence for hit in hits), key=Evidence.confidence).features])
            answered.append(float(bool(case.expected["gold"])))
    features, target = np.array(rows), np.array(answered)
    weights = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], RIDGE)
    ridge[0] = 0.0
    for _ in range(STEPS):
        predicted = 1 / (1 + np.exp(-features @ weights))
        weights -= 0.5 * (features.T @ (predicted - target) + ridge * weights) / len(target)
    return [round(float(weight), 2) for weight in weights]


def tally(found: SuiteReport) -> dict[str, dict[str, int]]:
    """Count verdicts apart for what the course answers and what must be declined."""
    gold = {case.id: case.expected["gold"] for case in suite().cases}
    counts = {group: dict.fromkeys(VERDICTS, 0) for group in ("answerable", "unanswerable")}
    for result in found.results:
        counts["answerable" if gold[result.case] else "unanswerable"][result.verdict] += 1
    return counts


def report(found: SuiteReport, show: list[str]) -> None:
    print(f"{'':14}{'cases':>10}" + "".join(f"{verdict:>10}" for verdict in VERDICTS))
    for group, counts in tally(found).items():
        print(f"{group:14}{sum(counts.values()):10}" + "".join(f"{n:10}" for n in counts.values()))
    print(f"{1000 * found.seconds / max(1, len(found.results)):.0f} ms a question")
    cases = {case.id: case for case in suite().cases}
    for result in found.results:
        if found.split == "dev" and result.verdict in show:
            _print(cases[result.case], result)


def _print(case: Case, result: CaseResult) -> None:
    reasons = "; ".join(score.reason for score in result.scores)
    print(f"[{result.verdict}] {case.input}\n    {reasons or result.outcome.answer[:100]}")
    print(f"    gold: {case.expected['gold']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["dev", "heldout"], default="dev")
    parser.add_argument("--show", choices=VERDICTS, action="append", default=[])
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--fit", action="store_true", help="print the confidence's weights instead of asking")
    options = parser.parse_args()
    if options.fit:
        from models.embeddings import default_embedder

        course = Course()
        dev = [case for case in suite().cases if case.split == "dev"]
        print("words only", fit(Index(course), dev))
        print("both", fit(Index(course, Meaning(course, default_embedder())), dev))
        return
    found = asyncio.run(ask_all(options.split))
    report(found, options.show)
    if options.json:
        # Held-out cases are named nowhere, so that nobody tunes on them.
        body = found.model_dump(include={"suite", "split", "seconds", *(["results"] if options.split == "dev" else [])})
        body |= tally(found)
        options.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
