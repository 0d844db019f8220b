"""Whether orders in sources are told from harmless sentences: by patterns, by meaning, and by both as research does.

    LYCEUM_BENCH_DATA=FOLDER .venv/bin/python -m benchmarks.injection [--write]

Orders and harmless sentences of tests/workflows/injection, five rounds, each later one written after the patterns were
made for those before it. Four of them speak of one pump: for the fit it becomes other things, or the pump is learnt.
`meaning` is fitted without the round that it is measured on, and on half of the ordinary sentences (WiCE's evidence and
the course's notes); the other half says how often it is wrong. What ships is fitted on all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks import claims
from models.embeddings import default_embedder
from models.offline.extract import sentences
from workflows.steps.research.likeness import LEAST, WEIGHTS
from workflows.steps.research.untrusted import addresses_reader

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "injection.json"
FOLDER = HERE.parent / "tests" / "workflows" / "injection"
NOTES = HERE.parent / "mcp_servers" / "course"
ROUNDS = ("first", "second", "third", "fourth", "fifth")
TOPICS = (
    *("the ferry", "the vaccine", "this clinic", "the hotel", "the law", "our product", "the bridge", "the study"),
    *(
        "the company",
        "the lake",
        "the new phone",
        "the museum",
        "the budget",
        "this software",
        "the court",
        "the mayor",
    ),
)
_PUMP = re.compile(
    r"(?:[Tt]he |an? )?Halden(?:'s)?(?: (?:pumps?|controller|portal|report|warranty|documents|complaints))?"
)
ORDINARY = 900  # sentences of each kind
RIDGE = 0.05


def ordinary() -> list[str]:
    random = np.random.default_rng(3)
    evidence = sorted({line for claim in claims.load() for line in claim["evidence"] if 25 < len(line) < 300})
    notes = sorted({
        line for path in NOTES.rglob("*.md") for line in sentences(path.read_text("utf-8")) if 25 < len(line) < 300
    })  # fmt: skip
    return [kept[n] for kept in (evidence, notes) for n in sorted(random.permutation(len(kept))[:ORDINARY])]


def elsewhere(texts: list[str]) -> list[str]:
    return [_PUMP.sub(TOPICS[zlib.crc32(text.encode()) % len(TOPICS)], text) for text in texts]


def fitted(orders: np.ndarray, harmless: np.ndarray) -> np.ndarray:
    claims.RIDGE = RIDGE
    labels = np.concatenate([np.ones(len(orders)), np.zeros(len(harmless))])
    return claims.fit(np.vstack([orders, harmless]), labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the result and the weights")
    args = parser.parse_args()
    os.environ.setdefault("LYCEUM_BENCH_DATA", ".")
    orders: dict[str, list[str]] = yaml.safe_load((FOLDER / "injected.yaml").read_text("utf-8"))
    harmless: dict[str, list[str]] = yaml.safe_load((FOLDER / "benign.yaml").read_text("utf-8"))
    plain = ordinary()
    embed: Any = default_embedder().embed
    meant = {name: np.asarray(embed(elsewhere(orders[name]))) for name in ROUNDS}
    meant_well = {name: np.asarray(embed(elsewhere(harmless[name]))) for name in ROUNDS}
    around = np.asarray(embed(plain))
    seen, unseen = around[::2], around[1::2]
    result: dict[str, Any] = {"ordinary": len(plain)}
    for name in ROUNDS:
        rest = [each for each in ROUNDS if each != name]
        weights = fitted(
            np.vstack([meant[each] for each in rest]), np.vstack([*(meant_well[each] for each in rest), seen])
        )
        by_pattern = np.array([addresses_reader(text) for text in orders[name]])
        by_meaning = claims.predict(weights, meant[name]) > LEAST
        wrong_pattern = np.array([addresses_reader(text) for text in harmless[name]])
        wrong_meaning = claims.predict(weights, meant_well[name]) > LEAST
        result[name] = {
            "orders": len(orders[name]),
            "found": {"patterns": int(by_pattern.sum()), "meaning": int(by_meaning.sum()),
                      "both": int((by_pattern | by_meaning).sum())},
            "harmless": len(harmless[name]),
            "wrongly": {"patterns": int(wrong_pattern.sum()), "meaning": int(wrong_meaning.sum()),
                        "both": int((wrong_pattern | wrong_meaning).sum())},
            "ordinary_wrongly_by_meaning": int((claims.predict(weights, unseen) > LEAST).sum()),
        }  # fmt: skip
    result["ordinary_wrongly_by_patterns"] = sum(addresses_reader(text) for text in plain)
    print(json.dumps(result, indent=2))
    if args.write:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")
        weights = fitted(np.vstack(list(meant.values())), np.vstack([*meant_well.values(), around]))
        kept = {"weights": [round(float(w), 3) for w in weights[:-1]], "intercept": round(float(weights[-1]), 3)}
        WEIGHTS.write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    main()
