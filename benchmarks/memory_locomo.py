"""Which turn answers: LoCoMo turn by turn, as LMEB scores it. `python -m benchmarks.memory_locomo [--unseen FILE]`.

LMEB (arXiv:2603.12572) ranks the turns of a question's own conversation and averages nDCG@10 and R@10 over the five
categories of questions. Turns are kept and searched through `memory.recall`, as in the product; what images show is
not used. Published: BM25 0.4216 and 0.5399, the best 400M embedder 0.4904, the best embedder (8B) 0.5651 in nDCG@10.

Weights are chosen by coordinate ascent over `GRID`, from words and meaning alone. For each conversation they are chosen
on the other nine and scored on it (leave one out); the frozen ones of `memory.ranking` are those chosen on all ten.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.memory_corpora import read
from benchmarks.memory_data import Conversation, Question, locomo
from benchmarks.retrieval_collections import machine, ndcg
from memory.database import MemoryFile
from memory.ranking import Signals, Weights
from memory.recall import Recall, Said
from memory.scope import Scope
from models.embedding_cache import CachedEmbedder
from models.embeddings import MiniLM

RESULT = Path(__file__).parent / "results" / "memory_locomo.json"
PUBLISHED = {"BM25": [0.4216, 0.5399], "400M embedder, nDCG": 0.4904, "8B embedder, nDCG": 0.5651}
CUT = 10
START = Weights(words=1, meaning=0, before=0, earlier=0, after=0, thread=0, dated=0, speaker=0, question=0, length=0)
GRID: dict[str, tuple[float, ...]] = {
    "meaning": (0.0, 0.5, 0.75, 1.0, 1.25),
    "speaker": (0.0, 0.1, 0.2, 0.3, 0.4),
    "length": (0.0, 0.2, 0.4, 0.6),
    "question": (0.0, -0.15, -0.3, -0.45),
    "dated": (0.0, 0.2, 0.4, 0.6),
    "thread": (0.0, 0.2, 0.4, 0.6),
    "before": (0.0, 0.1, 0.2, 0.3),
    "after": (0.0, 0.1, 0.2, 0.3),
    "earlier": (0.0, 0.1, 0.2),
}
ROUNDS = 2
GAIN = 0.001  # a step must bring so much: smaller ones are chance


@dataclass(frozen=True)
class Asked:
    """A question with its signals and which of the candidates (by id) answer it."""

    question: Question
    signals: Signals
    names: dict[int, str]


def asked_in(conversation: Conversation, embedder: CachedEmbedder, folder: Path, number: int) -> list[Asked]:
    """Keep a conversation as the product does, a thread a session, and collect the signals of its questions."""
    file = MemoryFile(folder / f"{number}.db")
    recall = Recall(file, embedder)
    names: dict[tuple[str, int], str] = {}
    for session in dict.fromkeys(turn.session for turn in conversation.turns):
        turns = [turn for turn in conversation.turns if turn.session == session]
        said = [
            Said(text=turn.text, speaker=turn.speaker, origin=turn.origin, said=turn.said, key=turn.id)
            for turn in turns
        ]
        kept = recall.add(Scope(user="reader", thread=session), said)
        names |= {(turn.thread, turn.number): spoken.id for turn, spoken in zip(kept, turns, strict=True)}
    scope = Scope(user="reader")
    recall.vectors.catch_up(scope, most=len(conversation.turns))
    found: list[Asked] = []
    for question in conversation.questions:
        signals, rows = recall.signals(scope, question.text)
        known = {entry: names[row["thread"], row["number"]] for entry, row in rows.items()}
        found.append(Asked(question, signals, known))
    file.close()
    return found


def gains(asked: Sequence[Asked], weights: Weights) -> list[tuple[str, float, float]]:
    """Return (category, nDCG@10, R@10) for every question."""
    found: list[tuple[str, float, float]] = []
    for each in asked:
        order = (-each.signals.scores(weights)).argsort(kind="stable")[:CUT]
        ranked = [each.names[each.signals.ids[int(row)]] for row in order]
        evidence = set(each.question.evidence)
        recall = len(evidence & set(ranked)) / len(evidence)
        found.append((each.question.category, ndcg(ranked, evidence, CUT), recall))
    return found


def macro(scored: Sequence[tuple[str, float, float]]) -> tuple[float, float]:
    by_category = {category: [row for row in scored if row[0] == category] for category in {row[0] for row in scored}}
    gained = [statistics.fmean(row[1] for row in rows) for rows in by_category.values()]
    found = [statistics.fmean(row[2] for row in rows) for rows in by_category.values()]
    return statistics.fmean(gained), statistics.fmean(found)


def chosen(score: Callable[[Weights], float]) -> Weights:
    """Climb from `START`, one weight at a time; a value that brings less than `GAIN` is not taken."""
    weights, best = START, score(START)
    for _ in range(ROUNDS):
        for name, values in GRID.items():
            tried = {value: score(replace(weights, **{name: value})) for value in values}
            value = max(tried, key=lambda each: (tried[each], -abs(each)))
            if tried[value] > best + GAIN:
                weights, best = replace(weights, **{name: value}), tried[value]
    return weights


def leave_one_out(conversations: Sequence[Sequence[Asked]]) -> tuple[list[Weights], list[tuple[str, float, float]]]:
    """Return the weights chosen without each conversation and on all, and all questions as the former scored them."""

    @cache
    def scored(number: int, weights: Weights) -> list[tuple[str, float, float]]:
        return gains(conversations[number], weights)

    folds: list[Weights] = []
    held_out: list[tuple[str, float, float]] = []
    numbers = range(len(conversations))
    for out in numbers:
        others = [number for number in numbers if number != out]
        folds.append(
            chosen(lambda weights, others=others: macro([row for n in others for row in scored(n, weights)])[0])
        )
        held_out += scored(out, folds[-1])
    folds.append(chosen(lambda weights: macro([row for n in numbers for row in scored(n, weights)])[0]))
    return folds, held_out


def figures(scored: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    ndcg10, recall = macro(scored)
    per = {
        category: round(statistics.fmean(row[1] for row in scored if row[0] == category), 4)
        for category in sorted({row[0] for row in scored})
    }
    return {"ndcg_at_10": round(ndcg10, 4), "recall_at_10": round(recall, 4), "ndcg_by_category": per}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--unseen", type=Path, help="another corpus (a file or folder), scored once with the frozen weights"
    )
    given = parser.parse_args()
    cache = Path(tempfile.gettempdir()) / "lyceum-benchmarks"
    embedder = CachedEmbedder(MiniLM(cache), cache / "embeddings.db")
    corpus = locomo() if given.unseen is None else read(given.unseen)
    with tempfile.TemporaryDirectory() as folder:
        conversations: list[list[Asked]] = []
        for number, each in enumerate(corpus):
            conversations.append(asked_in(each, embedder, Path(folder), number))
            print(f"{number + 1} of {len(corpus)} conversations", file=sys.stderr)
    every = [each for conversation in conversations for each in conversation]
    started = time.perf_counter()
    frozen = gains(every, Weights())
    result: dict[str, Any] = {
        **machine(),
        "turns": sum(len(each.turns) for each in corpus),
        "questions": len(every),
        "ms_to_rank": round(1000 * (time.perf_counter() - started) / len(every), 3),
        "published": PUBLISHED,
        "words alone": figures(gains(every, START)),
        "meaning alone": figures(gains(every, replace(START, words=0.0, meaning=1.0))),
        "frozen": figures(frozen),
    }
    if given.unseen is None:
        folds, held_out = leave_one_out(conversations)
        result["leave one out"] = figures(held_out)
        result["chosen on all"] = asdict(folds.pop())
        result["chosen without each"] = {each.name: asdict(fold) for each, fold in zip(corpus, folds, strict=True)}
        assert not math.isnan(result["leave one out"]["ndcg_at_10"])
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
