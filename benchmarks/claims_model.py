"""A local model's verdicts on WiCE's claims, one line each in a file, so that a run that was cut off goes on.

    LYCEUM_BENCH_DATA=FOLDER .venv/bin/python -m benchmarks.claims_model --most 120

The question is the one that the verifier's guide used to ask: all, some or none of the claim is stated, held to that by
the grammar. Claims come in one fixed random order, so that any number of them is a fair sample of the labels. Seven
seconds a claim on two idle cores; `benchmarks.claims` reads the file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims import best_threshold, crossed, fit, load, passages_of, predict, scores
from lyceum.settings import load_settings
from models.checks.support import closest
from models.local.engine import Engine
from models.local.store import path_of
from models.local.think import compact

KEPT = Path(__file__).parent / "results" / "claims_model.jsonl"
SHOWN = 1200  # characters of evidence
LOOK = """Does the evidence state what the claim says? all: everything in the claim is stated. some: part of it is
stated. none: it is not stated, or the evidence says otherwise. Judge by the evidence alone."""
SCHEMA = {"type": "object", "properties": {"stated": {"enum": ["all", "some", "none"]}}, "required": ["stated"]}


def order(count: int) -> list[int]:
    return [int(n) for n in np.random.default_rng(11).permutation(count)]


def kept() -> dict[int, str]:
    lines = KEPT.read_text("utf-8").splitlines() if KEPT.exists() else []
    return {each["n"]: each["stated"] for each in map(json.loads, lines)}


async def ask(engine: Engine, claim: dict[str, Any]) -> str:
    evidence = closest(claim["claim"], passages_of(claim), SHOWN)
    messages = [
        {"role": "system", "content": LOOK},
        {"role": "user", "content": f"Evidence: {evidence}\nClaim: {claim['claim']}"},
    ]
    done = await engine.complete(messages, schema=compact(SCHEMA), max_tokens=30)
    return json.loads(done.texts[0])["stated"]


def compared(x: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Return how well support is told by the model, by words, and by both, on the claims that the model was asked."""
    asked = {n: stated for n, stated in kept().items() if stated}
    if not asked:
        return {}
    which = np.array(sorted(asked))
    supported = label == "supported"
    stated = np.array([asked[int(n)] for n in which])
    p, said = crossed(x, supported)
    true = supported[which]
    both = np.column_stack([np.log(p[which] / (1 - p[which])), stated == "all", stated == "some"]).astype(float)
    said_by_both = left_out(both, true)
    return {
        "claims": len(which),
        "said": {
            name: {each: int(((label[which] == name) & (stated == each)).sum()) for each in ("all", "some", "none")}
            for name in ("supported", "partially_supported", "not_supported")
        },
        "model": scores(stated == "all", true),
        "model, some counted too": scores(stated != "none", true),
        "words": scores(said[which], true),
        "words at 0.5": scores(p[which] >= 0.5, true),
        "both": scores(said_by_both, true),
        "majority": scores(np.zeros(len(which), dtype=bool), true),
        "always": scores(np.ones(len(which), dtype=bool), true),
    }  # fmt: skip


def left_out(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Decide each claim by weights and threshold of all the others."""
    said = np.zeros(len(y), dtype=bool)
    for n in range(len(y)):
        rest = np.arange(len(y)) != n
        weights = fit(x[rest], y[rest].astype(float))
        said[n] = predict(weights, x[[n]])[0] >= best_threshold(predict(weights, x[rest]), y[rest])
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--most", type=int, default=120, help="claims to have asked in all")
    args = parser.parse_args()
    path = path_of(args.model, load_settings().home)
    if path is None:
        parser.error(f"{args.model} is not there; run `lyceum models pull {args.model}`.")
    engine = Engine(path)
    claims, done = load(), kept()
    for n in order(len(claims))[: args.most]:
        if n not in done:
            began = time.perf_counter()
            line = {
                "n": n,
                "stated": asyncio.run(ask(engine, claims[n])),
                "seconds": round(time.perf_counter() - began, 1),
            }
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
