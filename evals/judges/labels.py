"""What people said about answers: one label a line in `labels.jsonl`, beside the run that they are about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evals.stored import StoredRun
from evals.suite import CaseResult
from lyceum.errors import UserError

FILE = "labels.jsonl"
Verdict = Literal["right", "wrong", "unsure"]


class Label(BaseModel):
    """A person's verdict on one answer; `answer` is its hash, so that a label never outlives what it was about."""

    model_config = ConfigDict(extra="forbid")

    suite: str
    case: str
    trial: int = 1
    answer: str
    label: Verdict
    by: str = ""
    note: str = Field(default="", max_length=2000)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def answer_hash(result: CaseResult) -> str:
    return hashlib.sha256(result.outcome.answer.encode()).hexdigest()[:16]


class Labels:
    """The labels of a run's folder; the last label of a person on an answer counts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._held: list[Label] = read_labels(self.path) if self.path.exists() else []

    def __len__(self) -> int:
        return len(self._held)

    def add(self, label: Label) -> None:
        self._held.append(label)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(label.model_dump_json() + "\n")

    def of(self, suite: str, result: CaseResult) -> bool | None:
        """Return what people say of an answer: right or wrong by their majority; None where it is open."""
        latest = {
            each.by: each.label
            for each in self._held
            if (each.suite, each.case, each.answer) == (suite, result.case, answer_hash(result))
        }
        right, wrong = (sum(label == kind for label in latest.values()) for kind in ("right", "wrong"))
        return None if right == wrong else right > wrong

    def merge(self, others: Iterable[Label]) -> int:
        """Add labels that are not known yet, and return how many there were."""
        known = {(each.suite, each.case, each.trial, each.answer, each.by, each.at) for each in self._held}
        new = [e for e in others if (e.suite, e.case, e.trial, e.answer, e.by, e.at) not in known]
        for each in new:
            self.add(each)
        return len(new)


def read_labels(path: Path) -> list[Label]:
    """Read a file of labels; raises UserError that names the line which is none."""
    found: list[Label] = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # only there: a note may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.", next_step="Give a file of labels.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(Label.model_validate_json(line))
        except ValidationError as error:
            said = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise UserError(f"{path}:{number} is no label: {said}.", next_step="Remove that line.") from None
    return found


def queue(run: StoredRun, labels: Labels) -> list[tuple[str, CaseResult]]:
    """Return the answers that nobody has labelled, those first about which the scorers were not content."""
    kept = [(suite, result) for suite, result in run.samples() if result.outcome.error is None]
    left = [(suite, result) for suite, result in kept if labels.of(suite, result) is None]
    rank = {"wrong": 0, "declined": 1, "error": 2, "right": 3}
    # Right and wrong ones in turn: a judge is measured on both.
    bad = [each for each in left if each[1].verdict != "right"]
    good = [each for each in left if each[1].verdict == "right"]
    bad.sort(key=lambda each: rank[each[1].verdict])
    mixed: list[tuple[str, CaseResult]] = []
    while bad or good:
        mixed += [kind.pop(0) for kind in (bad, good) if kind]
    return mixed
