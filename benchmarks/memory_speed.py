"""How long a turn takes to keep and to find: `python -m benchmarks.memory_speed [TURNS]...`.

Turns are synthetic sentences from 20,000 words drawn by Zipf's law; questions have four words of a turn that are not
among the fifty commonest, because no search looks for function words. Vectors are seeded and drawn around 200 topics,
and the embedder is a table: what is measured is everything but embedding. Recall of the vector search is against brute
force over the same vectors. On a busy machine read the CPU times.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.retrieval_collections import machine
from memory.database import MemoryFile
from memory.ranking import by_meaning
from memory.recall import Recall, Said
from memory.scope import Scope

RESULT = Path(__file__).parent / "results" / "memory_speed.json"
WIDTH = 384
ME = Scope(user="me")
QUESTIONS = 100
VOCABULARY, COMMON = 20_000, 50


class Table:
    """An embedder that looks its vectors up: the n-th turn's, or a new one around a topic."""

    name = "seeded"
    dimensions = WIDTH

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)
        self._topics = self._random.normal(size=(200, WIDTH)).astype(np.float32)

    def draw(self, count: int) -> Any:
        near = self._topics[self._random.integers(0, 200, count)]
        made = near + self._random.normal(size=(count, WIDTH)).astype(np.float32)
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Any:
        return self.draw(len(texts))


def sentences(count: int) -> list[str]:
    random = np.random.default_rng(3)
    words = np.array([f"w{number}" for number in range(VOCABULARY)])
    share = 1 / np.arange(1, VOCABULARY + 1)
    drawn = random.choice(VOCABULARY, size=(count, 15), p=share / share.sum())
    return [" ".join(words[row]) for row in drawn]


def measure(count: int) -> dict[str, Any]:
    table = Table()
    texts = sentences(count)
    with tempfile.TemporaryDirectory() as folder:
        file = MemoryFile(Path(folder) / "memory.db")
        recall = Recall(file, table)
        one: list[float] = []
        writing = time.process_time()
        for number in range(200):
            started = time.perf_counter()
            recall.add(ME.model_copy(update={"thread": "one"}), [Said(text=texts[number], key=f"one/{number}")])
            one.append(time.perf_counter() - started)
        writing = time.process_time() - writing
        started = time.perf_counter()
        for first in range(200, count, 1000):
            some = [Said(text=text) for text in texts[first : first + 1000]]
            recall.add(ME.model_copy(update={"thread": f"t{first}"}), some)
        loading = time.perf_counter() - started
        recall.vectors.catch_up(ME, most=count)
        ids, vectors = recall.vectors.matrix(ME)
        searched: list[float] = []
        cpu = time.process_time()
        for number in range(QUESTIONS):
            rare = [word for word in texts[number * 7 % count].split() if int(word[1:]) >= COMMON]
            question = " ".join(rare[:4])
            started = time.perf_counter()
            recall.search(ME, question, limit=10)
            searched.append(time.perf_counter() - started)
        cpu = time.process_time() - cpu
        asked = table.draw(20)
        exact = [set(np.argsort(-(vectors @ each))[:10].tolist()) for each in asked]
        found = [set(by_meaning(range(len(ids)), vectors, each, 10)) for each in asked]
        alike = statistics.fmean(len(one & other) / 10 for one, other in zip(exact, found, strict=True))
        size = sum(path.stat().st_size for path in Path(folder).glob("memory.db*"))
        file.close()
    return {
        "turns": count,
        "write_ms_p50": round(1000 * statistics.median(one), 2),
        "write_ms_p95": round(1000 * sorted(one)[int(len(one) * 0.95)], 2),
        "write_cpu_ms_mean": round(1000 * writing / len(one), 2),
        "bulk_turns_per_second": round((count - 200) / loading),
        "search_ms_p50": round(1000 * statistics.median(searched), 1),
        "search_ms_p95": round(1000 * sorted(searched)[int(len(searched) * 0.95)], 1),
        "search_cpu_ms_mean": round(1000 * cpu / QUESTIONS, 1),
        "vector_recall_at_10": round(alike, 4),
        "file_megabytes": round(size / 1e6),
        "resident_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", nargs="*", type=int, default=[10_000, 100_000])
    result = {**machine(), "sizes": [measure(count) for count in parser.parse_args().turns]}
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
