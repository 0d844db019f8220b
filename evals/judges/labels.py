"""What people said about answers: one label a line in `labels.jsonl`, beside the run that they are about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from evals.stored import StoredRun
from evals.suite import CaseResult
from lyceum.errors import OperatorError, UserError

FILE = "labels.jsonl"
NOTE = 2000  # characters
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
    note: str = Field(default="", max_length=NOTE)
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


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
        """Write a label down; raises OperatorError where that cannot be done."""
        try:
            held = self.path.read_bytes() if self.path.exists() else b""
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" if held and not held.endswith(b"\n") else "")  # an editor may have left it out
                file.write(label.model_dump_json() + "\n")
        except OSError as error:
            raise OperatorError(
                f"{self.path} cannot be written: {error.strerror}.", next_step="Copy the run's folder to your own."
            ) from None
        self._held.append(label)

    def by_person(self, suite: str, case: str, answer: str) -> dict[str, Label]:
        """Return the last label of each person on an answer."""
        about = [each for each in self._held if (each.suite, each.case, each.answer) == (suite, case, answer)]
        return {each.by: each for each in sorted(about, key=lambda each: each.at)}

    def of(self, suite: str, result: CaseResult) -> bool | None:
        """Return what people say of an answer: right or wrong by their majority; None where it is open."""
        latest = [each.label for each in self.by_person(suite, result.case, answer_hash(result)).values()]
        right, wrong = latest.count("right"), latest.count("wrong")
        return None if right == wrong else right > wrong

    def merge(self, others: Iterable[Label]) -> int:
        """Add labels that say something new, and return how many there were: a page that is saved twice counts once."""
        count = 0
        for each in others:
            last = self.by_person(each.suite, each.case, each.answer).get(each.by)
            same = last is not None and (last.label, last.note) == (each.label, each.note)
            if not same and (last is None or last.at < each.at):
                self.add(each)
                count += 1
        return count


def read_labels(path: Path) -> list[Label]:
    """Read a file of labels; raises UserError that names the line which is none."""
    found: list[Label] = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # only there: a note may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{path} cannot be read: {why}.", next_step="Give a file of labels.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(Label.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            said = f"{where}: {first['msg']}" if where else first["msg"]
            raise UserError(f"{path}:{number} is no label: {said}.", next_step="Remove that line.") from None
    return found


def queue(run: StoredRun, labels: Labels, by: str | None = None) -> list[tuple[str, CaseResult]]:
    """Return the answers that are open, each once; without those of which `by` has said already what they think.

    Right and wrong ones come in turn, by what the scorers said: a judge is measured on both.
    """
    left: dict[tuple[str, str, str], tuple[str, CaseResult]] = {}
    for suite, result in run.samples():
        about = (suite, result.case, answer_hash(result))
        if result.outcome.error is None and labels.of(suite, result) is None and by not in labels.by_person(*about):
            left.setdefault(about, (suite, result))
    rank = {"wrong": 0, "declined": 1, "error": 2, "right": 3}
    bad = [each for each in left.values() if each[1].verdict != "right"]
    good = [each for each in left.values() if each[1].verdict == "right"]
    bad.sort(key=lambda each: rank[each[1].verdict])
    mixed: list[tuple[str, CaseResult]] = []
    while bad or good:
        mixed += [kind.pop(0) for kind in (bad, good) if kind]
    return mixed
