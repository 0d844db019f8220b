"""Ingest throughput and time from question to passages by size: `python -m benchmarks.retrieval_speed`.

Texts are seeded sentences; their vectors, in every system alike, are seeded by the text's hash, because embedding
100,000 texts takes twelve minutes here and measures MiniLM, not the systems. `embedding_per_s` says what MiniLM adds.
LangChain with FAISS and LlamaIndex run beside it (`--others`), each in an environment of its own that uv makes, with
their defaults: a list of documents in, similarity search out, vectors only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "retrieval_speed.json"
SIZES = (1_000, 10_000, 100_000)
DIMENSIONS = 384
TOPICS = 1000
QUESTIONS = 50
PER_FILE = 100
WITH = {
    "langchain": ["langchain-community<0.5", "faiss-cpu", "langchain-core", "numpy"],
    "llamaindex": ["llama-index-core", "numpy"],
}


def texts(count: int) -> list[str]:
    """Return passages of some 60 words from a vocabulary of 20,000 whose frequencies fall as in real texts."""
    made = random.Random(7)
    vocabulary = [f"w{n:x}" for n in range(20_000)]
    weights = [1 / (n + 10) for n in range(20_000)]
    words = made.choices(vocabulary, weights, k=60 * count)
    return [" ".join(words[60 * n : 60 * n + 60]) for n in range(count)]


def vector(text: str) -> np.ndarray[Any, Any]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    made = topics()[seed % TOPICS] + np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return made / np.linalg.norm(made)


@lru_cache(maxsize=1)
def topics() -> np.ndarray[Any, Any]:
    """Return the centres around which texts lie; without any, no graph finds its way (recall 0.43 of 100,000)."""
    return np.random.default_rng(7).normal(size=(TOPICS, DIMENSIONS)).astype(np.float32)


class Seeded:
    name = "seeded"
    dimensions = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> Any:
        return np.array([vector(text) for text in texts], dtype=np.float32).reshape(len(texts), DIMENSIONS)


def timed(search: Callable[[str], object], held: Sequence[str]) -> dict[str, float]:
    """Ask with eight words of passages spread over the collection, and once before the clock runs."""
    step = max(len(held) // QUESTIONS, 1)
    questions = [" ".join(text.split()[5:13]) for text in held[::step]][:QUESTIONS]
    started = time.perf_counter()
    search(questions[0])
    first = time.perf_counter() - started
    taken: list[float] = []
    for question in questions:
        started = time.perf_counter()
        search(question)
        taken.append(1000 * (time.perf_counter() - started))
    return {
        "first_search_s": round(first, 2),
        "p50_ms": round(float(np.percentile(taken, 50)), 2),
        "p95_ms": round(float(np.percentile(taken, 95)), 2),
    }


def lyceum(count: int) -> dict[str, Any]:
    """Write files, ingest them and search them as the tool does, but for the protocol around it."""
    from mcp_servers.retrieval.ingest import Ingestion
    from mcp_servers.retrieval.store import Collection

    held = texts(count)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "docs"
        root.mkdir()
        for start in range(0, count, PER_FILE):
            (root / f"{start:07}.txt").write_text("\n\n".join(held[start : start + PER_FILE]))
        collection = Collection(Path(folder) / "home", "speed", Seeded())
        started = time.perf_counter()
        # One passage a paragraph, so that the systems hold as many.
        ingestion = Ingestion(collection, root, most_bytes=10**9, target=1, most=1300)
        for path in ingestion.scan():
            ingestion.take(path)
        report = ingestion.finish()
        spent = time.perf_counter() - started
        result = {"passages": report.passages, "ingest_per_s": round(report.passages / spent), **timed(
            lambda question: collection.search([question], 5), held)}  # fmt: skip
        measured = collection.measured()
        collection.close()
    return {**result, "index": measured.kind, "recall_at_10": measured.recall}


def langchain(count: int) -> dict[str, Any]:
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings

    class Own(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [vector(text).tolist() for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return vector(text).tolist()

    held = texts(count)
    started = time.perf_counter()
    store = FAISS.from_texts(held, Own())
    spent = time.perf_counter() - started
    return {"passages": count, "ingest_per_s": round(count / spent), **timed(
        lambda question: store.similarity_search(question, k=5), held)}  # fmt: skip


def llamaindex(count: int) -> dict[str, Any]:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.schema import TextNode

    class Own(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return vector(text).tolist()

        def _get_query_embedding(self, query: str) -> list[float]:
            return vector(query).tolist()

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return vector(query).tolist()

    held = texts(count)
    started = time.perf_counter()
    index = VectorStoreIndex([TextNode(text=text) for text in held], embed_model=Own())
    spent = time.perf_counter() - started
    retriever = index.as_retriever(similarity_top_k=5)
    return {"passages": count, "ingest_per_s": round(count / spent), **timed(retriever.retrieve, held)}


SYSTEMS = {"lyceum": lyceum, "langchain": langchain, "llamaindex": llamaindex}


def apart(system: str, count: int) -> dict[str, Any]:
    """Measure in a process of its own, so that one system's memory is not another's."""
    command = [sys.executable]
    if system in WITH:
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        packages = [argument for package in WITH[system] for argument in ("--with", package)]
        command = [uv, "run", "--isolated", "--no-project", "--python", "3.11", *packages, "python"]
    arguments = [__file__ if system in WITH else "-m", *([] if system in WITH else ["benchmarks.retrieval_speed"])]
    done = subprocess.run(
        [*command, *arguments, "--one", system, str(count)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:300] if done.stderr.strip() else "no output"}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("SYSTEM", "COUNT"))
    parser.add_argument("--others", action="store_true", help="LangChain with FAISS and LlamaIndex too")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    asked = parser.parse_args()
    if asked.one:
        result = SYSTEMS[asked.one[0]](int(asked.one[1]))
        status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage counts the parent's peak too
        peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
        print(json.dumps({**result, "peak_mb": peak}))
        return
    from benchmarks.retrieval_collections import machine
    from models.embeddings import MiniLM

    with tempfile.TemporaryDirectory() as folder:
        embedder, sample = MiniLM(Path(folder)), texts(200)
        embedder.embed(sample[:16])
        started = time.perf_counter()
        embedder.embed(sample)
        rate = round(len(sample) / (time.perf_counter() - started))
    systems = SYSTEMS if asked.others else {"lyceum": lyceum}
    found: dict[str, Any] = {name: {str(size): apart(name, size) for size in asked.sizes} for name in systems}
    result = {**machine(), "vectors": "seeded", "embedding_per_s": rate, "systems": found}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
