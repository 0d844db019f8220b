"""A run of suites as it is kept: what was asked of whom, and every outcome as it came, one a line.

An outcome is written the moment it is there, so that an interrupted run goes on where it stopped, and a finished one
is judged again, by other scorers or thresholds, without asking anybody.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.suite import Case, CaseResult, Split, Suite, SuiteReport, chosen, score
from lyceum.errors import OperatorError, UserError

_MANIFEST, _SAMPLES = "run.json", "samples.jsonl"


class Manifest(BaseModel):
    """What a run set out to ask: who answers, how much, and of each suite the cases by the hash of what they ask."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    model: str
    split: Split | None = None
    limit: int | None = None
    trials: int = 1
    suites: dict[str, dict[str, str]] = {}


class _Sample(BaseModel):
    suite: str
    result: CaseResult


class StoredRun:
    """A folder with `run.json` and `samples.jsonl`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._samples: list[_Sample] = []

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> StoredRun:
        """Begin a run in a folder; what an earlier one left there is replaced."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _SAMPLES).write_text("", encoding="utf-8")
            (folder / _MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise OperatorError(
                f"{folder} cannot be written: {error.strerror}.", next_step="Give --report DIR."
            ) from None
        return cls(folder, manifest)

    @classmethod
    def open(cls, folder: Path) -> StoredRun:
        """Open a kept run; raises UserError where the folder holds none.

        A last line that was cut off by a crash, even amid a letter, is forgotten, and asked again.
        """
        try:
            manifest = Manifest.model_validate_json((folder / _MANIFEST).read_text(encoding="utf-8"))
            given = (folder / _SAMPLES).read_bytes()
        except (OSError, ValidationError) as error:
            raise UserError(
                f"{folder} holds no run of suites ({type(error).__name__}).",
                next_step="`lyceum eval run` says where it keeps each run.",
            ) from None
        kept = cls(folder, manifest)
        *lines, torn = given.split(b"\n")  # only there: an answer may hold what else is taken for the end of a line
        for number, line in enumerate(lines, 1):
            try:
                kept._samples.append(_Sample.model_validate_json(line))
            except ValidationError:
                raise UserError(
                    f"{folder / _SAMPLES}:{number} is damaged.",
                    next_step="Remove that line; its case is asked again.",
                ) from None
        if torn:
            os.truncate(folder / _SAMPLES, len(given) - len(torn))
        return kept

    def keep(self, suite: str, result: CaseResult) -> None:
        """Write an outcome down; raises OperatorError where that cannot be done, as on a full disk."""
        sample = _Sample(suite=suite, result=result)
        path = self.folder / _SAMPLES
        before = path.stat().st_size
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(sample.model_dump_json() + "\n")
        except OSError as error:
            os.truncate(path, before)  # half a line would spoil the next one
            raise OperatorError(
                f"{path} cannot be written: {error.strerror}.",
                next_step=f"Make room, then: lyceum eval run --resume {self.folder}",
            ) from None
        self._samples.append(sample)

    def samples(self) -> list[tuple[str, CaseResult]]:
        """Return every outcome that was kept, with its suite, as it came."""
        return [(sample.suite, sample.result) for sample in self._samples]

    def done(self, suite: Suite) -> dict[tuple[str, int], CaseResult]:
        """Return what need not be asked again: outcomes without error of cases that still ask the same."""
        asked = self.manifest.suites.get(suite.name, {})
        same = {case.id for case in suite.cases if asked.get(case.id) == fingerprint(case)}
        return {
            (sample.result.case, sample.result.trial): sample.result
            for sample in self._samples
            if sample.suite == suite.name and sample.result.case in same and sample.result.outcome.error is None
        }

    def judged(self, suite: Suite) -> SuiteReport:
        """Judge what was kept by the suite as it is now, without asking anybody.

        What was never answered is left to the gate, and so is what the suite no longer has, or asks in other words.
        """
        asked = self.manifest.suites.get(suite.name, {})
        kept = {(s.result.case, s.result.trial): s.result for s in self._samples if s.suite == suite.name}
        results: list[CaseResult] = []
        for trial in range(1, self.manifest.trials + 1):
            for case in chosen(suite, self.manifest.split, self.manifest.limit):
                same = asked.get(case.id, fingerprint(case)) == fingerprint(case)
                if same and (result := kept.get((case.id, trial))) is not None:
                    given = score(suite.scorers, case, result.outcome)
                    results.append(result.model_copy(update={"scores": given}))
        return SuiteReport(suite=suite.name, split=self.manifest.split, results=results)


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Keep other runs out of a folder; raises OperatorError where one is at work there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    except OSError as error:
        raise OperatorError(f"{folder} cannot be written: {error.strerror}.", next_step="Give --report DIR.") from None
    if held is None:  # Windows locks no folders; there two runs in one folder are not kept apart
        yield
        return
    import fcntl

    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(
                f"Another run writes to {folder}.", next_step="Give another --report DIR, or wait until it is done."
            ) from None
        yield
    finally:
        os.close(held)


def fingerprint(case: Case) -> str:
    """Return a hash of what a case asks; what is expected of the answer may change without asking again."""
    asked = json.dumps([case.id, case.input, case.split], ensure_ascii=False)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]
