"""Conversations with questions whose answering turns are known, found through LYCEUM_BENCH_DATA and never shipped."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lyceum.errors import UserError

SHA256 = {
    "locomo10.json": "79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4",
    "core_memory_read.jsonl": "46e259594951aa6d49cc344eaa55c4c51eba3eaffad46fc3b556fc395468a02e",
    "core_memory_update.jsonl": "1cc912ad19353ffd1106728b045179a64d3d9586fc62006e6ccf69d9dedbe223",
}


@dataclass(frozen=True)
class Spoken:
    id: str
    session: str
    speaker: str
    said: datetime
    text: str
    origin: Literal["user", "assistant"] = "user"


@dataclass(frozen=True)
class Question:
    text: str
    category: str
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    """Turns in order, sessions one after the other, and questions with the turns that answer them."""

    name: str
    turns: list[Spoken]
    questions: list[Question]


def data_file(name: str) -> Path:
    """Return a file of the folder `memory` of LYCEUM_BENCH_DATA; raises UserError where it is missing or another."""
    path = Path(os.environ.get("LYCEUM_BENCH_DATA", "")) / "memory" / name
    if not path.is_file():
        raise UserError(f"{name} is not there.", next_step="Set LYCEUM_BENCH_DATA to the benchmarks' data.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise UserError(f"{name} is another file than the one that was measured.", next_step="Fetch it again.")
    return path


def locomo() -> list[Conversation]:
    """Read LoCoMo (Maharana et al. 2024, arXiv:2402.17753): ten conversations of two people over months."""
    return [locomo_like(each) for each in json.loads(data_file("locomo10.json").read_text(encoding="utf-8"))]


def locomo_like(row: dict[str, Any]) -> Conversation:
    """Read a conversation in LoCoMo's shape; questions without a known turn are left out."""
    turns = list(_turns(row["conversation"]))
    known = {turn.id for turn in turns}
    asked: list[Question] = []
    for each in row["qa"]:
        # Some evidence lists several turns in one text, or writes D:11:26 and D30:05.
        named = re.findall(r"D:?(\d+):(\d+)", " ".join(each["evidence"]))
        evidence = frozenset(f"D{int(session)}:{int(turn)}" for session, turn in named) & known
        if evidence:
            asked.append(Question(str(each["question"]), str(each["category"]), evidence))
    return Conversation(row["sample_id"], turns, asked)


def _turns(conversation: dict[str, Any]) -> Iterator[Spoken]:
    for number in range(1, len(conversation)):
        name = f"session_{number}"
        if name not in conversation:
            continue
        said = datetime.strptime(conversation[f"{name}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for turn in conversation[name]:
            yield Spoken(turn["dia_id"], name, turn["speaker"], said, turn["text"])
