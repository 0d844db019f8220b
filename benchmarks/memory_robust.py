"""Does the ranking hold on conversations of another kind? `python -m benchmarks.memory_robust`, frozen weights.

Stand-ins for what a corpus with an assistant has and LoCoMo has not: LoCoMo without the speakers' names, also as one
long session; with a second speaker who is an assistant and answers at length (an abstract of CACM after every answer);
and CACM's abstracts as turns of sessions of ten, asked its own 52 questions. Each is beside BM25 alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.memory_data import Conversation, Question, Spoken, locomo
from benchmarks.memory_locomo import START, asked_in, figures, gains
from benchmarks.retrieval_collections import data_folder, machine, read_collection
from memory.ranking import Weights
from models.embedding_cache import CachedEmbedder
from models.embeddings import MiniLM

RESULT = Path(__file__).parent / "results" / "memory_robust.json"
SESSION = 10
PADDED = 3  # conversations whose answers are made long: each text has to be embedded


def nameless(conversation: Conversation) -> Conversation:
    first = conversation.turns[0].speaker
    turns = [
        replace(turn, speaker="user" if turn.speaker == first else "assistant", origin=_role(turn, first))
        for turn in conversation.turns
    ]
    return replace(conversation, turns=turns)


def _role(turn: Spoken, first: str) -> Any:
    return "user" if turn.speaker == first else "assistant"


def at_length(conversation: Conversation, abstracts: Sequence[str]) -> Conversation:
    """Let the assistant add an abstract to whatever it says."""
    turns = [
        replace(turn, text=f"{turn.text} {abstracts[number % len(abstracts)]}") if turn.origin == "assistant" else turn
        for number, turn in enumerate(nameless(conversation).turns)
    ]
    return replace(conversation, turns=turns)


def one_thread(conversation: Conversation) -> Conversation:
    return replace(conversation, turns=[replace(turn, session="all") for turn in conversation.turns])


def cacm() -> Conversation:
    collection = read_collection(data_folder())
    said = locomo()[0].turns[0].said
    turns = [
        Spoken(name, f"s{number // SESSION}", "assistant", said, text, "assistant")
        for number, (name, text) in enumerate(collection.documents.items())
    ]
    asked = [
        Question(text, "all", frozenset(collection.relevant[name]))
        for name, text in collection.questions.items()
        if collection.relevant.get(name)
    ]
    return Conversation("cacm", turns, asked)


def main() -> None:
    cache = Path(tempfile.gettempdir()) / "lyceum-benchmarks"
    embedder = CachedEmbedder(MiniLM(cache), cache / "embeddings.db")
    conversations = locomo()
    abstracts = [turn.text for turn in cacm().turns if len(turn.text) > 300]
    corpora: dict[str, Callable[[], list[Conversation]]] = {
        "LoCoMo": lambda: conversations,
        "without names": lambda: [nameless(each) for each in conversations],
        "without names or sessions": lambda: [one_thread(nameless(each)) for each in conversations],
        f"an assistant that answers at length ({PADDED} conversations)": lambda: [
            at_length(each, abstracts) for each in conversations[:PADDED]
        ],
        "CACM's abstracts as turns": lambda: [cacm()],
    }
    result: dict[str, Any] = {}
    for name, make in corpora.items():
        made = make()
        with tempfile.TemporaryDirectory() as folder:
            asked = [row for n, each in enumerate(made) for row in asked_in(each, embedder, Path(folder), n)]
        result[name] = {
            "questions": len(asked),
            "words alone": _short(figures(gains(asked, START))),
            "words and meaning": _short(figures(gains(asked, replace(START, meaning=Weights().meaning)))),
            "frozen": _short(figures(gains(asked, Weights()))),
        }
        print(name, json.dumps(result[name]), flush=True)
    RESULT.write_text(json.dumps({**machine(), "corpora": result}, indent=2) + "\n", encoding="utf-8")


def _short(found: dict[str, Any]) -> list[float]:
    return [found["ndcg_at_10"], found["recall_at_10"]]


if __name__ == "__main__":
    main()
