"""Words, meaning and both on judged collections, with the frozen configuration: `python -m benchmarks.retrieval_cacm`.

CACM (3,204 abstracts, 52 judged queries) is found through LYCEUM_BENCH_DATA; NAME=FOLDER arguments score others.
A published BM25 reaches a MAP of 0.3123 on CACM.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.retrieval_collections import (
    Collection,
    average_precision,
    data_folder,
    embedded,
    machine,
    ndcg,
    read_collection,
)
from mcp_servers.retrieval.vectors.exact import ExactVectors
from models.analysis import bag
from models.embeddings import MiniLM
from models.lexical import LexicalIndex, packed
from models.rerank import LateInteraction
from models.retriever import Ranking, Retriever

RESULT = Path(__file__).parent / "results" / "retrieval_cacm.json"
DEPTH = 1000
RERANKED = 30
PUBLISHED_BM25_MAP = 0.3123
RUNS = {
    "words (BM25 with feedback)": (False, Ranking()),
    "words (BM25 alone)": (False, Ranking(feedback=None)),
    "meaning (exact cosine)": (True, Ranking(words=0.0, meaning=1.0, feedback=None)),
    "both (standard scores)": (True, Ranking()),
}


class Exact:
    """The retriever's view of an exact index whose ids are its rows."""

    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors
        self._index = ExactVectors(vectors.shape[1])
        self._index.add(range(len(vectors)), vectors)

    def nearest(self, vector: Any, depth: int, allowed: Any) -> tuple[Any, Any]:
        import numpy as np

        del allowed
        rows, cosines = zip(*self._index.nearest(vector, depth), strict=True)
        return np.array(rows), np.array(cosines, dtype=np.float32)

    def cosines(self, vector: Any, rows: Any) -> Any:
        return self._vectors[rows] @ vector


def measure(collection: Collection, *, reranked: bool = False) -> dict[str, Any]:
    names, texts = list(collection.documents), list(collection.documents.values())
    vectors, questions = embedded(collection)
    lexical = LexicalIndex([packed(bag(text)) for text in texts])
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        late = LateInteraction(MiniLM(Path(folder)))
        last = {"both, then late interaction": (True, Ranking())} if reranked else {}
        for run, (meant, ranking) in (RUNS | last).items():
            retriever = Retriever(range(len(names)), lexical, Exact(vectors) if meant else None, ranking)
            precisions, gains, taken = list[float](), list[float](), list[float]()
            for (key, text), vector in zip(collection.questions.items(), questions, strict=True):
                started = time.perf_counter()
                rows = [hit.id for hit in retriever.search(text, vector if meant else None, DEPTH)]
                if "late" in run:
                    scores = late.scores(text, [texts[row] for row in rows[:RERANKED]])
                    order = sorted(range(len(scores)), key=lambda n: -scores[n])
                    rows = [rows[n] for n in order] + rows[RERANKED:]
                taken.append(time.perf_counter() - started)
                ranked = [names[row] for row in rows]
                precisions.append(average_precision(ranked, collection.relevant[key]))
                gains.append(ndcg(ranked, collection.relevant[key]))
            runs[run] = {
                "map": round(statistics.fmean(precisions), 4),
                "ndcg_at_10": round(statistics.fmean(gains), 4),
                "ms_per_search_p50": round(1000 * statistics.median(taken), 1),
            }
    return {"queries": len(collection.questions), "documents": len(names), "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("others", nargs="*", help="NAME=FOLDER")
    asked = dict(each.split("=", 1) for each in parser.parse_args().others)
    result: dict[str, Any] = {**machine(), "depth": DEPTH, "published_bm25_map": PUBLISHED_BM25_MAP}
    result |= measure(read_collection(data_folder()), reranked=True)
    if asked:
        result["others"] = {name: measure(read_collection(Path(folder))) for name, folder in asked.items()}
    text = json.dumps(result, indent=2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
