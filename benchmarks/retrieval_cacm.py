"""Words, meaning and both on CACM (3,204 abstracts, 52 judged queries): `python -m benchmarks.retrieval_cacm FOLDER`.

FOLDER holds cacm.tar.gz, topics.cacm.txt and qrels.cacm.txt (TREC form). A published BM25 reaches a MAP of 0.3123.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import os
import platform
import re
import sqlite3
import statistics
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.embeddings import MiniLM
from models.hybrid import HybridIndex, Weights, add_words, create_word_index

RESULT = Path(__file__).parent / "results" / "retrieval_cacm.json"
DEPTH = 1000
PUBLISHED_BM25_MAP = 0.3123
RUNS = {
    "words (BM25)": Weights(semantic=0.0),
    "meaning (exact cosine)": Weights(lexical=0.0),
    "both (reciprocal rank fusion)": Weights(),
}


def read_documents(folder: Path) -> dict[str, str]:
    """Return abstract by id; the lists of citation numbers at the end, which are no text, are left out."""
    documents: dict[str, str] = {}
    with tarfile.open(folder / "cacm.tar.gz") as archive:
        for member in archive:
            if (file := archive.extractfile(member)) and member.name.endswith(".html"):
                text = html.unescape(re.sub(r"<[^>]+>", " ", file.read().decode("latin-1")))
                documents[Path(member.name).stem] = re.sub(r"(?m)^(\d+\s+)+\d+\s*$", "", text).strip()
    return documents


def read_topics(folder: Path) -> dict[str, str]:
    text = (folder / "topics.cacm.txt").read_text(encoding="latin-1")
    found = re.findall(r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", text, re.DOTALL)
    return {number: " ".join(query.split()) for number, query in found}


def read_judgements(folder: Path) -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.cacm.txt").read_text(encoding="ascii").splitlines():
        topic, _, document, grade = line.split()
        if int(grade) > 0:
            relevant.setdefault(topic, set()).add(document)
    return relevant


def average_precision(ranked: Sequence[str], relevant: set[str]) -> float:
    places = [place for place, document in enumerate(ranked, 1) if document in relevant]
    return sum(found / place for found, place in enumerate(places, 1)) / len(relevant)


def ndcg(ranked: Sequence[str], relevant: set[str], cut: int = 10) -> float:
    gained = sum(1 / math.log2(place + 1) for place, doc in enumerate(ranked[:cut], 1) if doc in relevant)
    return gained / sum(1 / math.log2(place + 1) for place in range(1, min(cut, len(relevant)) + 1))


def measure(
    documents: Mapping[str, str], topics: Mapping[str, str], relevant: Mapping[str, set[str]]
) -> dict[str, Any]:
    names, texts = list(documents), list(documents.values())
    with tempfile.TemporaryDirectory() as folder:
        embedder = MiniLM(Path(folder))
        started = time.perf_counter()
        vectors = embedder.embed(texts)
        seconds = time.perf_counter() - started
    connection = sqlite3.connect(":memory:")
    create_word_index(connection)
    add_words(connection, ((number, "", "", text) for number, text in enumerate(texts)))
    judged = [topic for topic in topics if topic in relevant]
    questions = embedder.embed([topics[topic] for topic in judged])
    runs: dict[str, Any] = {}
    for run, weights in RUNS.items():
        index = HybridIndex(connection, range(len(names)), vectors, weights, depth=DEPTH)
        precisions, gains, taken = list[float](), list[float](), list[float]()
        for topic, question in zip(judged, questions, strict=True):
            started = time.perf_counter()
            ranked = [names[hit.id] for hit in index.search(topics[topic], question, DEPTH) if hit.score > 0]
            taken.append(time.perf_counter() - started)
            precisions.append(average_precision(ranked, relevant[topic]))
            gains.append(ndcg(ranked, relevant[topic]))
        runs[run] = {
            "map": round(statistics.fmean(precisions), 4),
            "ndcg_at_10": round(statistics.fmean(gains), 4),
            "ms_per_search_p50": round(1000 * statistics.median(taken), 1),
        }
    return {"queries": len(judged), "documents": len(names), "embedding_s": round(seconds, 1), "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    result = {
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "depth": DEPTH,
        "published_bm25_map": PUBLISHED_BM25_MAP,
        **measure(read_documents(folder), read_topics(folder), read_judgements(folder)),
    }
    text = json.dumps(result, indent=2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
