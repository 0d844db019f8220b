"""How long a turn takes to keep and to find: `python -m benchmarks.memory_speed [TURNS]...`.

Turns are synthetic sentences from 20,000 words drawn by Zipf's law; questions have four words of a turn that are not
among the fifty commonest, because no search looks for function words. Vectors are seeded and drawn around 200 topics,
and the embedder is a table: what is measured is everything but embedding. Where memory builds a graph (above 50,000
turns, with the extra `vectors`), it is built before the searches, by the command that memory itself starts. Searches
run in a process of their own, so that its memory is theirs. Recall is against brute force over the same vectors, and
of words cut off at a time limit against BM25 over everything. On a busy machine read the CPU times.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.retrieval_collections import machine
from memory import words
from memory.database import MemoryFile
from memory.graph import ENOUGH, installed, newest, place_of
from memory.grown import FROM
from memory.ranking import DEPTH
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


def measure(count: int, folder: Path) -> dict[str, Any]:
    texts = sentences(count)
    file = MemoryFile(folder / "memory.db")
    recall = Recall(file, Table())
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
    started = time.perf_counter()
    recall.vectors.catch_up(ME, most=count)
    keeping = time.perf_counter() - started
    file.close()
    return {
        "turns": count,
        "write_ms_p50": round(1000 * statistics.median(one), 2),
        "write_ms_p95": round(1000 * sorted(one)[int(len(one) * 0.95)], 2),
        "write_cpu_ms_mean": round(1000 * writing / len(one), 2),
        "bulk_turns_per_second": round((count - 200) / loading),
        "vectors_kept_per_second": round(count / keeping),
        **graph(folder / "memory.db", count),
        **fresh("--search", count, folder),
        "file_megabytes": round(sum(path.stat().st_size for path in folder.glob("memory.db*")) / 1e6),
    }


def graph(file: Path, count: int) -> dict[str, Any]:
    """Build the graph as memory does; returns what that took."""
    if count <= FROM or not installed():
        return {"vectors": "compared exactly"}
    model = f"{Table.name} {WIDTH}"
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, "-m", "memory.graph", str(file), *ME.owner, "turns", model]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, file=sys.stderr, end="")
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = newest(place_of(file, *ME.owner, "turns", model))
    assert made is not None
    about = json.loads((made / "about.json").read_text(encoding="utf-8"))
    held = sum(path.stat().st_blocks * 512 for path in made.rglob("*") if path.is_file())
    return {
        "vectors": f"graph (Qdrant Edge), {about['width']} candidates"
        if about["recall"] >= ENOUGH
        else "signs, then exactly: the graph finds too little",
        "graph_recall_at_10_at_build": about["recall"],
        "graph_build_seconds": round(seconds),
        "graph_build_cpu_seconds": round(used.ru_utime + used.ru_stime - children.ru_utime - children.ru_stime),
        "graph_build_resident_megabytes": used.ru_maxrss // 1024,
        "graph_megabytes": round(held / 1e6),
    }


def fresh(flag: str, count: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory_speed", flag, str(folder), str(count)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def searched(count: int, folder: Path) -> dict[str, Any]:
    """Measure searches in this process, which does nothing else."""
    table = Table()
    texts = sentences(count)
    file = MemoryFile(folder / "memory.db")
    recall = Recall(file, table)
    empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    started = time.perf_counter()
    recall.vectors.nearest(ME, table.draw(1)[0], DEPTH)
    opening = time.perf_counter() - started
    rare = [[word for word in texts[n * 7 % count].split() if int(word[1:]) >= COMMON] for n in range(QUESTIONS)]
    questions = [" ".join(some[:4]) for some in rare]
    clock, cpu = timed(lambda question: recall.search(ME, question, limit=10), questions)
    alone, _ = timed(lambda question: file.by_words("turns", question, ME, "", (), DEPTH), questions)
    asked = table.draw(40)
    near, _ = timed(lambda row: recall.vectors.nearest(ME, asked[row % 40], DEPTH), list(range(QUESTIONS)))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    ids, vectors = recall.vectors.matrix(ME)
    alike = statistics.fmean(
        len(set(ids[np.argsort(-(vectors @ each))[:10]].tolist()) & recall.vectors.nearest(ME, each, 10).keys()) / 10
        for each in asked
    )
    said = [file.by_words("turns", question, ME, "", (), DEPTH) for question in questions]
    words.RANKED = 10**9
    whole = [file.by_words("turns", question, ME, "", (), DEPTH) for question in questions]
    same = statistics.fmean(
        len(one.keys() & all_.keys()) / max(len(all_), 1) for one, all_ in zip(said, whole, strict=True)
    )
    file.close()
    return {
        "search_ms_p50": round(1000 * statistics.median(clock), 1),
        "search_ms_p95": round(1000 * sorted(clock)[int(len(clock) * 0.95)], 1),
        "search_cpu_ms_p50": round(1000 * statistics.median(cpu), 1),
        "of_it_words_ms_p50": round(1000 * statistics.median(alone), 1),
        "of_it_vectors_ms_p50": round(1000 * statistics.median(near), 2),
        "opening_seconds": round(opening, 2),
        "vector_recall_at_10": round(alike, 4),
        f"word_recall_at_{DEPTH}": round(same, 4),
        "resident_megabytes_before_searching": empty,
        "resident_megabytes": resident,
    }


def timed(search: Callable[[Any], object], questions: Sequence[Any]) -> tuple[list[float], list[float]]:
    """Return seconds by the clock and of CPU for every question, once each is warm."""
    for question in questions[:20]:
        search(question)
    clock: list[float] = []
    cpu: list[float] = []
    for question in questions:
        started, used = time.perf_counter(), time.process_time()
        search(question)
        clock.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return clock, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("turns", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.search is not None:
        print(json.dumps(searched(given.turns[0], given.search)))
        return
    sizes: list[dict[str, Any]] = []
    text = ""
    for count in given.turns:
        with tempfile.TemporaryDirectory() as folder:
            sizes.append(measure(count, Path(folder)))
        text = json.dumps({**machine(), "sizes": sizes}, indent=2)
        given.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
