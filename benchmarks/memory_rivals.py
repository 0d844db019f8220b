"""Memory beside mem0 and langmem, in one run: `python -m benchmarks.memory_rivals [--turns N] [--conversations N]`.

Every system keeps each turn as it was said (mem0 with infer off, langmem through its own tools) and gets the same
vectors: MiniLM's for LoCoMo, seeded ones for speed. So retrieval compares how they search, not how they embed. mem0
and langmem run in environments of their own that uv makes from the index that the machine is configured with; each
ranks LoCoMo's turns as they are and with the speaker's name before them, because they have no field for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import memory_rival
from benchmarks.memory_data import Conversation, locomo
from benchmarks.memory_locomo import CUT, macro
from benchmarks.memory_speed import COMMON, QUESTIONS, Table, sentences
from benchmarks.retrieval_collections import machine, ndcg
from memory.recall import Recall, Said
from memory.scope import Scope
from memory.store import MemoryStore
from models.embedding_cache import CachedEmbedder
from models.embeddings import MiniLM

RESULT = Path(__file__).parent / "results" / "memory_rivals.json"
WITH = {"mem0": ["mem0ai", "qdrant-client"], "langmem": ["langmem"]}


class Looked:
    """The same table of vectors, as our embedder."""

    name = "given"
    dimensions = 384

    def __init__(self, folder: Path) -> None:
        self._vectors = memory_rival.Vectors(folder)

    def embed(self, texts: Any) -> Any:
        return np.array(self._vectors.embed_batch(list(texts)), dtype=np.float32)


class Ours:
    """Recall as the product uses it; a session is a thread and the speaker a field, which the others have not."""

    def __init__(self, folder: Path, home: Path, conversations: list[Conversation]) -> None:
        self._store = MemoryStore(home, lambda: Looked(folder))
        self._recall: Recall = self._store.recall
        self._spoken = {(each.name, turn.id): turn for each in conversations for turn in each.turns}
        self._names: dict[str, str] = {}

    def add(self, user: str, name: str, text: str) -> None:
        spoken = self._spoken.get((user, name))
        thread = spoken.session if spoken else "speed"
        said = Said(text=text, speaker=spoken.speaker if spoken else "user", said=spoken.said if spoken else None)
        (turn,) = self._recall.add(Scope(user=user, thread=thread), [said])
        self._names[f"{user} {turn.id}"] = name
        self._recall.vectors.catch_up(Scope(user=user), most=64)

    def search(self, user: str, question: str) -> list[str]:
        return [self._names[f"{user} {hit.turn.id}"] for hit in self._recall.search(Scope(user=user), question)]


def write_job(
    folder: Path, conversations: list[Conversation], turns: int, embedder: CachedEmbedder, named: bool
) -> None:
    """Write what a system is given, with a vector for every text."""
    said: list[dict[str, Any]] = [
        {
            "name": each.name,
            "turns": [
                {"id": turn.id, "text": f"{turn.speaker}: {turn.text}" if named else turn.text} for turn in each.turns
            ],
            "questions": [question.text for question in each.questions],
        }
        for each in conversations
    ]
    texts = sentences(turns)
    rare = [
        [word for word in texts[n * 7 % turns].split() if int(word[1:]) >= COMMON]
        for n in range(QUESTIONS if turns else 0)
    ]
    asked = list(dict.fromkeys(" ".join(some[:4]) for some in rare if len(some) > 3))
    real = list(
        dict.fromkeys([t for one in said for t in (*(turn["text"] for turn in one["turns"]), *one["questions"])])
    )
    made = [embedder.embed(real[first : first + 256]) for first in range(0, len(real), 256)]
    speed = list(dict.fromkeys([*texts, *asked]))
    vectors = np.concatenate([*made, Table().draw(len(speed))]) if speed else np.concatenate(made)
    (folder / "texts.json").write_text(json.dumps(real + speed), encoding="utf-8")
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    (folder / "job.json").write_text(
        json.dumps({"conversations": said, "turns": texts, "asked": asked}), encoding="utf-8"
    )


def child(name: str, folder: Path, limit: float) -> dict[str, Any]:
    """Run a rival; returns what it measured, or why it could not."""
    packages = [part for package in WITH[name] for part in ("--with", package)]
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "run", "-q", "--isolated", "--no-project", "--python", sys.executable, "--with", "numpy", *packages]
    script = [str(Path(memory_rival.__file__)), name, str(folder), str(limit)]
    done = subprocess.run([*command, "python", *script], capture_output=True, text=True, check=False)
    told = folder / f"{name}.json"
    if done.returncode or not told.is_file():
        return {"could_not_run": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return json.loads(told.read_text(encoding="utf-8"))


def scored(conversations: list[Conversation], ranked: dict[str, list[list[str]]]) -> dict[str, float]:
    found: list[tuple[str, float, float]] = []
    for each in conversations:
        for question, names in zip(each.questions, ranked[each.name], strict=True):
            evidence = set(question.evidence)
            recall = len(evidence & set(names[:CUT])) / len(evidence)
            found.append((question.category, ndcg(names, evidence, CUT), recall))
    gained, recalled = macro(found)
    return {"ndcg_at_10": round(gained, 4), "recall_at_10": round(recalled, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000, help="turns for the speed of writing and searching")
    parser.add_argument("--conversations", type=int, default=10)
    parser.add_argument("--limit", type=float, default=900, help="seconds of writing after which a system is stopped")
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    conversations = locomo()[: given.conversations]
    if given.ours is not None:
        job = json.loads((given.ours / "job.json").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as home:
            told = memory_rival.run(Ours(given.ours, Path(home), conversations), job, given.limit)
        (given.ours / "lyceum.json").write_text(json.dumps(told), encoding="utf-8")
        return
    cache = Path(tempfile.gettempdir()) / "lyceum-benchmarks"
    embedder = CachedEmbedder(MiniLM(cache), cache / "embeddings.db")
    systems: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_job(folder, conversations, given.turns, embedder, named=False)
        options = ["--conversations", str(given.conversations), "--limit", str(given.limit)]
        ours = [sys.executable, "-m", "benchmarks.memory_rivals", "--ours", str(folder), *options]
        subprocess.run(ours, check=True)
        systems["lyceum"] = json.loads((folder / "lyceum.json").read_text(encoding="utf-8"))
        for name in WITH:
            systems[name] = child(name, folder, given.limit)
        named = folder / "named"
        named.mkdir()
        write_job(named, conversations, 0, embedder, named=True)
        for name in WITH:
            again = child(name, named, given.limit)
            if "ranked" in again:
                systems[name]["with_speakers_names"] = scored(conversations, again["ranked"])
    for told in systems.values():
        if "ranked" in told:
            told |= scored(conversations, told.pop("ranked"))
    result = {**machine(), "conversations": len(conversations), "turns_for_speed": given.turns, "systems": systems}
    text = json.dumps(result, indent=2)
    given.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
