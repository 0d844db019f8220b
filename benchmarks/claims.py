"""How well claims are checked against their passages: WiCE's development claims (Kamoi et al. 2023, ODC-BY).

    LYCEUM_BENCH_DATA=FOLDER .venv/bin/python -m benchmarks.claims [--write]

349 claims of Wikipedia, each with the text of the pages that it cites and what people said about it. Every number is
for claims that the weights were not fitted on (five folds, fixed seed); what ships is fitted on all of them. Baselines
say the same of every claim.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from models.checks.support import absent_share, measures

RESULTS = Path(__file__).parent / "results" / "claims.json"
FOLDS = 5
RIDGE = 0.5


def load() -> list[dict[str, Any]]:
    lines = (Path(os.environ["LYCEUM_BENCH_DATA"]) / "claims" / "wice_claim_dev.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def passages_of(claim: dict[str, Any]) -> list[str]:
    """The evidence as the product meets it: passages of about 1,000 characters."""
    passages: list[str] = []
    for line in claim["evidence"]:
        if passages and len(passages[-1]) + len(line) < 1000:
            passages[-1] += "\n\n" + line
        else:
            passages.append(line)
    return passages


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logistic regression with a ridge, by Newton's method; the last weight is the intercept."""
    z = np.hstack([x, np.ones((len(x), 1))])
    weights = np.zeros(z.shape[1])
    penalty = RIDGE * np.eye(z.shape[1])
    penalty[-1, -1] = 0
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ weights))
        gradient = z.T @ (p - y) + penalty @ weights
        weights -= np.linalg.solve((z.T * (p * (1 - p))) @ z + penalty, gradient)
    return weights


def predict(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(np.hstack([x, np.ones((len(x), 1))]) @ weights)))


def best_threshold(p: np.ndarray, y: np.ndarray) -> float:
    return max(np.linspace(0.1, 0.9, 81), key=lambda t: scores(p >= t, y)["f1"])


def scores(said: np.ndarray, true: np.ndarray) -> dict[str, float]:
    hits = float((said & true).sum())
    precision, recall = hits / max(1, said.sum()), hits / max(1, true.sum())
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    accuracy = float((said == true).mean())
    found = {"precision": precision, "recall": recall, "f1": f1, "accuracy": accuracy}
    return {name: round(float(value), 3) for name, value in found.items()}


def crossed(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each claim its probability and the decision, by weights and threshold of the other folds."""
    fold = np.random.default_rng(7).permutation(len(y)) % FOLDS
    p, said = np.zeros(len(y)), np.zeros(len(y), dtype=bool)
    for n in range(FOLDS):
        inside, outside = fold != n, fold == n
        weights = fit(x[inside], y[inside].astype(float))
        p[outside] = predict(weights, x[outside])
        said[outside] = p[outside] >= best_threshold(predict(weights, x[inside]), y[inside])
    return p, said


def calibration_error(p: np.ndarray, y: np.ndarray, bins: int = 5) -> float:
    """Expected calibration error over bins of equal size."""
    parts = np.array_split(np.argsort(p), bins)
    return round(float(sum(len(part) * abs(p[part].mean() - y[part].mean()) for part in parts) / len(p)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    args = parser.parse_args()
    claims = load()
    began = time.perf_counter()
    x = np.array([measures(claim["claim"], passages_of(claim)) for claim in claims])
    seconds = time.perf_counter() - began
    absent = np.array([absent_share(claim["claim"], passages_of(claim)) for claim in claims])
    label = np.array([claim["label"] for claim in claims])
    result: dict[str, Any] = {
        "claims": len(claims),
        "labels": {name: int((label == name).sum()) for name in ("supported", "partially_supported", "not_supported")},
        "ms_per_claim": round(1000 * seconds / len(claims), 1),
    }
    for name, positive in (("supported", label == "supported"), ("unsupported", label == "not_supported")):
        p, said = crossed(x, positive)
        weights = fit(x, positive.astype(float))
        result[name] = {
            "checked": scores(said, positive),
            "at_0.5": scores(p >= 0.5, positive),
            "majority": scores(np.zeros(len(label), dtype=bool), positive),
            "always": scores(np.ones(len(label), dtype=bool), positive),
            "calibration_error": calibration_error(p, positive),
            "weights": [round(float(w), 3) for w in weights],
            "threshold": round(float(best_threshold(predict(weights, x), positive)), 2),
        }
    for name, which in (("some_number_absent", absent > 0), ("every_number_absent", absent == 1)):
        result[name] = {each: int((which & (label == each)).sum()) for each in result["labels"]}
    from benchmarks.claims_model import compared

    result["with_a_model"] = compared(x, label)
    print(json.dumps(result, indent=2))
    if args.write:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
