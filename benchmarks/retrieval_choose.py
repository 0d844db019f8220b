"""How retrieval's constants were chosen: `python -m benchmarks.retrieval_choose NAME=FOLDER...`.

Cross-validation over the questions of judged collections: each fold is scored with the configuration that was best on
the other folds, the mean over collections of MAP relative to plain BM25 being what is best. A folder holds CACM in
TREC form, or a collection in the SMART form of the classic ones (NAME.ALL, NAME.QRY, NAME.REL), or as NPL
(doc-text, query-text, rlv-ass). Vectors are kept beside the results' scratch folder, so that a second run is quick.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.retrieval_collections import Collection, average_precision, embedded, machine, read_collection
from models.analysis import bag
from models.lexical import Feedback, LexicalIndex, packed
from models.retriever import Ranking, Retriever

RESULT = Path(__file__).parent / "results" / "retrieval_choose.json"
FOLDS = 5
DEPTH = 1000


@dataclass(frozen=True)
class Choice:
    k1: float
    b: float
    words: float
    feedback: Feedback | None


LEXICAL = [
    Choice(k1, b, 1.0, feedback)
    for k1, b in ((1.2, 0.75), (1.5, 0.6), (2.0, 0.75), (0.9, 0.4))
    for feedback in (None, Feedback(original=0.7), Feedback(original=0.5), Feedback(texts=5, terms=20))
]
HYBRID = [
    Choice(k1, b, words, feedback)
    for k1, b in ((1.2, 0.75), (1.5, 0.6))
    for words in (0.3, 0.5, 0.7)
    for feedback in (None, Feedback(original=0.7), Feedback(original=0.5))
]


def precisions(collection: Collection, choices: Sequence[Choice], hybrid: bool) -> np.ndarray[Any, Any]:
    """Return average precision, float64 (choices, questions)."""
    bags = [packed(bag(text)) for text in collection.documents.values()]
    names = list(collection.documents)
    documents, questions = embedded(collection)
    table = np.zeros((len(choices), len(collection.questions)))
    indexes = {(c.k1, c.b): LexicalIndex(bags, k1=c.k1, b=c.b) for c in choices}
    for row, choice in enumerate(choices):
        ranking = Ranking(choice.words, 1 - choice.words, choice.feedback)
        meaning = _Exact(documents) if hybrid else None
        retriever = Retriever(range(len(names)), indexes[choice.k1, choice.b], meaning, ranking)
        for column, (key, text) in enumerate(collection.questions.items()):
            hits = retriever.search(text, questions[column] if hybrid else None, DEPTH)
            table[row, column] = average_precision([names[hit.id] for hit in hits], collection.relevant[key])
    return table


class _Exact:
    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors

    def nearest(self, vector: Any, depth: int, allowed: Any) -> tuple[Any, Any]:
        del allowed
        cosines = self._vectors @ vector
        rows = np.argsort(-cosines, kind="stable")[:depth]
        return rows, cosines[rows]

    def cosines(self, vector: Any, rows: Any) -> Any:
        return self._vectors[rows] @ vector


def chosen(tables: Sequence[np.ndarray[Any, Any]], choices: Sequence[Choice]) -> dict[str, Any]:
    """Return the cross-validated MAP of each collection, and the choice that is best on all questions."""
    folds = [np.arange(table.shape[1]) % FOLDS for table in tables]
    held: list[list[float]] = [[] for _ in tables]
    for fold in range(FOLDS):
        train = [table[:, of != fold] for table, of in zip(tables, folds, strict=True)]
        best = _best(train)
        for values, table, of in zip(held, tables, folds, strict=True):
            values += table[best, of == fold].tolist()
    best = _best(tables)
    return {
        "cross_validated_map": [round(statistics.fmean(values), 4) for values in held],
        "best_on_all": repr(choices[best]),
        "its_map": [round(float(table[best].mean()), 4) for table in tables],
    }


def _best(tables: Sequence[np.ndarray[Any, Any]]) -> int:
    gains = [table.mean(axis=1) / table[0].mean() for table in tables]  # the first choice is plain BM25
    return int(np.mean(gains, axis=0).argmax())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collections", nargs="+", help="NAME=FOLDER")
    asked = dict(each.split("=", 1) for each in parser.parse_args().collections)
    collections = [read_collection(Path(folder)) for folder in asked.values()]
    result: dict[str, Any] = {**machine(), "folds": FOLDS, "collections": list(asked)}
    for kind, choices, hybrid in (("words", LEXICAL, False), ("words and meaning", HYBRID, True)):
        tables = [precisions(collection, choices, hybrid) for collection in collections]
        result[kind] = {"choices": len(choices), **chosen(tables, choices)}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
