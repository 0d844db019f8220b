"""One other memory, in an environment of its own: the child of `benchmarks.memory_rivals`, which says what it is given.

It imports nothing of Lyceum. Texts and vectors come from files, so that every system compares the same numbers.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

CUT = 10


class Vectors:
    """Vectors by text, as the parent computed them."""

    def __init__(self, folder: Path) -> None:
        texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        self._place = {text.strip(): number for number, text in enumerate(texts)}  # some strip what they are asked
        self._vectors = np.load(folder / "vectors.npy", mmap_mode="r")

    def embed(self, text: Any, memory_action: Any = None) -> Any:
        del memory_action
        return self._vectors[self._place[text.strip()]].tolist()

    def embed_batch(self, texts: list[str], memory_action: Any = None) -> Any:
        return [self.embed(text) for text in texts]

    def embed_documents(self, texts: list[str]) -> Any:
        return self.embed_batch(list(texts))


class Mem0:
    """Memory with infer off: a text is kept as it is, its vectors in Qdrant's local mode."""

    package = "mem0ai"

    def __init__(self, vectors: Vectors, folder: Path) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ["MEM0_DIR"] = str(folder)
        from mem0 import Memory

        store = {
            "collection_name": "turns",
            "path": str(folder / "qdrant"),
            "embedding_model_dims": 384,
            "on_disk": True,
        }
        keyless = {"provider": "openai", "config": {"api_key": "never-used"}}
        self._memory = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": store},
                "llm": keyless,
                "embedder": keyless,
                "history_db_path": str(folder / "history.db"),
            }
        )
        self._memory.embedding_model = vectors

    def add(self, user: str, name: str, text: str) -> None:
        message = [{"role": "user", "content": text}]
        self._memory.add(message, user_id=user, metadata={"turn": name}, infer=False)

    def search(self, user: str, question: str) -> list[str]:
        found = self._memory.search(question, filters={"user_id": user}, top_k=CUT, threshold=0.0)
        return [each["metadata"]["turn"] for each in found["results"]]


class LangMem:
    """The tools that langmem gives an agent, over LangGraph's store."""

    package = "langmem"

    def __init__(self, vectors: Vectors, folder: Path) -> None:
        from langgraph.store.memory import InMemoryStore

        self._store = InMemoryStore(index={"dims": 384, "embed": vectors.embed_documents, "fields": ["content"]})
        self._names: dict[tuple[str, str], list[str]] = {}
        self._tools: dict[str, Any] = {}

    def _tools_of(self, user: str) -> Any:
        from langmem import create_manage_memory_tool, create_search_memory_tool

        if user not in self._tools:
            place = ("memories", user)
            self._tools[user] = (
                create_manage_memory_tool(namespace=place, store=self._store),
                create_search_memory_tool(namespace=place, store=self._store),
            )
        return self._tools[user]

    def add(self, user: str, name: str, text: str) -> None:
        self._names.setdefault((user, text), []).append(name)
        self._tools_of(user)[0].invoke({"content": text, "action": "create"})

    def search(self, user: str, question: str) -> list[str]:
        found = json.loads(self._tools_of(user)[1].invoke({"query": question, "limit": CUT}))
        return [name for each in found for name in self._names[user, each["value"]["content"]]][:CUT]


SYSTEMS: dict[str, Any] = {"mem0": Mem0, "langmem": LangMem}


def run(system: Any, job: dict[str, Any], limit: float) -> dict[str, Any]:
    """Measure writes and searches on the job's turns, then rank for every question of its conversations."""
    told: dict[str, Any] = {}
    ranked: dict[str, list[list[str]]] = {}
    started = time.perf_counter()
    for conversation in job["conversations"]:
        for turn in conversation["turns"]:
            system.add(conversation["name"], turn["id"], turn["text"])
        ranked[conversation["name"]] = [
            system.search(conversation["name"], question) for question in conversation["questions"]
        ]
    told["conversations_seconds"] = round(time.perf_counter() - started, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    writes: list[float] = []
    cpu = time.process_time()
    began = time.perf_counter()
    for number, text in enumerate(job["turns"]):
        started = time.perf_counter()
        system.add("speed", str(number), text)
        writes.append(time.perf_counter() - started)
        if time.perf_counter() - began > limit:
            break
    if writes:
        told |= {
            "turns": len(writes),
            "write_ms_p50": round(1000 * statistics.median(writes), 2),
            "write_cpu_ms_mean": round(1000 * (time.process_time() - cpu) / len(writes), 2),
        }
        searches: list[float] = []
        used: list[float] = []
        for question in job["asked"]:
            started, spent = time.perf_counter(), time.process_time()
            system.search("speed", question)
            searches.append(time.perf_counter() - started)
            used.append(time.process_time() - spent)
        told |= {
            "search_ms_p50": round(1000 * statistics.median(searches), 1),
            "search_cpu_ms_p50": round(1000 * statistics.median(used), 1),
            "resident_megabytes_more": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - before,
        }
    return {**told, "ranked": ranked}


def main() -> None:
    name, place, limit = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    made = SYSTEMS[name]
    job = json.loads((place / "job.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        result = run(made(Vectors(place), Path(folder)), job, limit)
    result["version"] = f"{made.package} {importlib.metadata.version(made.package)}"
    (place / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")
    os._exit(0)  # some libraries leave threads behind


if __name__ == "__main__":
    main()
