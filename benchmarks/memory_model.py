"""Memory with a small local model: `python -m benchmarks.memory_model [--questions 100] [--turns 60]`.

Update: which of ten known facts a new sentence contradicts, on a seeded sample of letta-evals' core_memory_update that
no number of the rules was chosen on; the model picks among the same facts, and beside it stands what the rules name.
Consolidation: the archivist reads turns of LoCoMo in batches of twenty, and only what a turn says word for word is
kept. Every answer is appended to `--keep` at once, so that a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.archivist import Page, guided
from app.wiring import wire
from benchmarks.memory_core import rows_of
from benchmarks.memory_data import locomo
from benchmarks.retrieval_collections import machine
from lyceum.settings import load_settings
from memory.archive import New
from memory.consolidation import Note, noted
from memory.extraction import extract
from memory.recall import Turn as Said
from memory.rivals import rivals
from memory.scope import Scope
from memory.store import MemoryStore
from models.embedding_cache import CachedEmbedder
from models.embeddings import MiniLM
from models.local.model import LocalModel, Thought
from models.offline.skill import Turn

RESULT = Path(__file__).parent / "results" / "memory_model.json"
MODEL = "local:qwen2.5-coder-1.5b"
SEED = 5
BATCH = 20
INSTRUCTIONS = """You keep a list of facts true. You are given numbered facts and a new sentence that is true now. Name
the number of the fact that the new sentence replaces: the same person and the same matter, told differently. "Ana lives
in Lisbon" replaces "Ana lives in Porto", not "Ana likes Porto". Name 0 where it replaces none."""


class Thinking(Thought):
    """What a guide may ask of the engine, with how often and how long it was asked."""

    def __init__(self, model: LocalModel) -> None:
        super().__init__(model.engine)
        self.seconds: list[float] = []

    async def __call__(self, *asked: Any, **how: Any) -> tuple[str, ...]:
        started = time.perf_counter()
        texts = await super().__call__(*asked, **how)
        self.seconds.append(time.perf_counter() - started)
        return texts


async def contradicted(think: Thinking, facts: Sequence[str], told: str) -> list[int]:
    """Return the place of the fact that the model names, one at most."""
    schema = {
        "type": "object",
        "properties": {"replaced": {"enum": [*range(1, len(facts) + 1), 0]}},
        "required": ["replaced"],
        "additionalProperties": False,
    }
    shown = "\n".join(f"{number}. {fact}" for number, fact in enumerate(facts, 1))
    asked = f"Facts:\n{shown}\n\nNew sentence: {told}"
    (text,) = await think(INSTRUCTIONS, asked, schema=schema, max_tokens=20)
    number = int(json.loads(text)["replaced"])
    return [number - 1] if number else []


async def update(think: Thinking, store: MemoryStore, count: int, kept: dict[str, Any], keep: Path) -> dict[str, Any]:
    rows = rows_of("core_memory_update.jsonl")
    order = list(range(1, len(rows), 2))
    random.Random(SEED).shuffle(order)
    sample = order[:count]
    for number in sample:
        if f"update {number}" in kept:
            continue
        extra = rows[number]["agent_args"]["extra"]
        facts, told = extra["facts"], extra["contradicting_fact"].strip('"')
        scope = Scope(user=f"asked{number}")
        ids = [store.archive.insert(scope, New(text=fact)).fact.id for fact in facts]
        by_rules = [ids.index(fact.id) for fact in rivals(store.archive, scope, told)]
        by_model = await contradicted(think, facts, told)
        meant = [place for place in extra["supporting_fact_indices"] if place < len(facts)]
        row = {"meant": meant, "rules": by_rules, "model": by_model, "seconds": round(think.seconds[-1], 2)}
        _append(keep, f"update {number}", row, kept)
        print(number, row, flush=True)
    done = [kept[f"update {number}"] for number in sample]
    by = {who: _rates([(row["meant"], row[who]) for row in done]) for who in ("rules", "model")}
    # What rules and model name alike, and what either does where the other names nothing.
    either = [(row["meant"], sorted({*row["rules"]} & {*row["model"]}) or row["rules"] or row["model"]) for row in done]
    seconds = statistics.median(row["seconds"] for row in done)
    return {"questions": count, **by, "what both name, or else the rules, or else the model": _rates(either),
            "median_seconds_a_call": seconds}  # fmt: skip


def _rates(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> dict[str, float]:
    count = len(pairs)
    return {
        "a_contradicted_fact_named": round(sum(bool({*meant} & {*named}) for meant, named in pairs) / count, 3),
        "conflict_error_rate": round(sum(bool({*named} - {*meant}) for meant, named in pairs) / count, 3),
        "none_named": round(sum(not named for _, named in pairs) / count, 3),
        "stale_rate": round(sum(bool({*meant} - {*named}) for meant, named in pairs) / count, 3),
    }


async def consolidation(think: Thinking, count: int, kept: dict[str, Any], keep: Path) -> dict[str, Any]:
    spoken = locomo()[-1].turns[:count]
    for first in range(0, count, BATCH):
        some = spoken[first : first + BATCH]
        if f"turns {first}" in kept:
            continue
        started, calls = time.perf_counter(), len(think.seconds)
        page = Page(turns=[turn.text for turn in some])
        notes = await guided(Turn(request=page.model_dump_json()), think)
        turns = [
            Said(id=turn.id, thread="t", number=n, speaker="user", origin="user", said=turn.said, text=turn.text)
            for n, turn in enumerate(some)
        ]
        picks = getattr(notes, "facts", [])
        held = [
            found.text
            for pick in picks
            if 0 < pick.turn <= len(turns)
            and (found := noted(turns[pick.turn - 1], Note(turn="", sentence=pick.sentence, topic=pick.topic)))
        ]
        row = {
            "picked": len(picks), "kept": held, "by_rules": sum(len(extract(turn)) for turn in turns),
            "calls": len(think.seconds) - calls, "seconds": round(time.perf_counter() - started, 1),
        }  # fmt: skip
        _append(keep, f"turns {first}", row, kept)
        print(first, row, flush=True)
    done = [kept[f"turns {first}"] for first in range(0, count, BATCH)]
    picked, held = sum(row["picked"] for row in done), sum(len(row["kept"]) for row in done)
    return {
        "turns": count,
        "model_calls_per_1000_turns": round(1000 * sum(row["calls"] for row in done) / count),
        "seconds_per_1000_turns": round(1000 * sum(row["seconds"] for row in done) / count),
        "sentences_picked": picked,
        "of_these_said_word_for_word_and_kept": held,
        "facts_by_rules_in_the_same_turns": sum(row["by_rules"] for row in done),
    }


def _append(keep: Path, name: str, row: dict[str, Any], kept: dict[str, Any]) -> None:
    kept[name] = row
    with keep.open("a", encoding="utf-8") as file:
        file.write(json.dumps([name, row]) + "\n")


async def run(questions: int, turns: int, keep: Path) -> dict[str, Any]:
    given = load_settings(model=MODEL)
    kept: dict[str, Any] = {}
    if keep.is_file():
        kept = dict(json.loads(line) for line in keep.read_text(encoding="utf-8").splitlines())
    cache = Path(tempfile.gettempdir()) / "lyceum-benchmarks"
    embedder = CachedEmbedder(MiniLM(cache), cache / "embeddings.db")
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        (Path(folder) / "models").symlink_to(given.home / "models", target_is_directory=True)
        async with wire(given.model_copy(update={"home": Path(folder)})) as app:
            model = app.runtime.models.get()
            assert isinstance(model, LocalModel), "the pulled model has to answer: lyceum models pull"
            think = Thinking(model)
            store = MemoryStore(Path(folder) / "asked", lambda: embedder)
            return {
                **machine(),
                "model": MODEL,
                "core_memory_update": await update(think, store, questions, kept, keep),
                "consolidation": await consolidation(think, turns, kept, keep),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "lyceum-memory-model.jsonl")
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    text = json.dumps(asyncio.run(run(given.questions, given.turns, given.keep)), indent=2)
    given.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
