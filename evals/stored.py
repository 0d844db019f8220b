"""A run of suites as it is kept: what was asked of whom, and every outcome as it came, one a line.

An outcome is written the moment it is there, so that an interrupted run goes on where it stopped, and a finished one
is judged again, by other scorers or thresholds, without asking anybody.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from evals.suite import Case, CaseResult, Split, Suite, SuiteReport, chosen, score
from lyceum.errors import OperatorError, UserError

_MANIFEST, _SAMPLES = "run.json", "samples.jsonl"
# Keys of `expected` by which a task asks; all others are for scorers.
ASKS = ("turns", "persona", "research", "files", "database", "attach", "agent", "approve", "plan")


class Manifest(BaseModel):
    """What a run set out to ask: who answers, how much, and of each suite the cases by the hash of what they ask.

    `added` is what a matrix adds to every agent's instructions.
    """

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    model: str
    split: Split | None = None
    limit: int | None = None
    trials: int = 1
    suites: dict[str, dict[str, str]] = {}
    added: str = ""


class _Sample(BaseModel):
    """One outcome; `asked` is the hash of what its case asked then, where the run itself does not say."""

    suite: str
    result: CaseResult
    asked: str = ""


class NotKept(OperatorError):
    """Nothing more can be written down. That says nothing about who was asked, so it is not the exit code of worse."""

    exit_code = 6


class StoredRun:
    """A folder with `run.json` and `samples.jsonl`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._samples: list[_Sample] = []
        self._torn_at: int | None = None

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> StoredRun:
        """Begin a run in a folder; what an earlier one left there is replaced."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _SAMPLES).write_text("", encoding="utf-8")
            (folder / _MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise NotKept(f"{folder} cannot be written: {error.strerror}.", next_step="Give --report DIR.") from None
        return cls(folder, manifest)

    @classmethod
    def open(cls, folder: Path) -> StoredRun:
        """Open a kept run; raises UserError where the folder holds none.

        A last line that was cut off by a crash, even amid a letter, is forgotten, and asked again. Only `keep` removes
        it: to somebody who only reads, a run that is still at work may look like that.
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
        kept._torn_at = len(given) - len(torn) if torn else None
        return kept

    def keep(self, suite: str, result: CaseResult, asked: str = "") -> None:
        """Write down an outcome and the hash of what was asked; raises NotKept where the disk takes no more."""
        sample = _Sample(suite=suite, result=result, asked=asked)
        path = self.folder / _SAMPLES
        before: int | None = None
        try:
            if self._torn_at is not None:
                os.truncate(path, self._torn_at)
                self._torn_at = None
            before = path.stat().st_size
            with path.open("a", encoding="utf-8") as file:
                file.write(sample.model_dump_json() + "\n")
        except OSError as error:
            with suppress(OSError):
                if before is not None:
                    os.truncate(path, before)  # half a line would spoil the next one
            raise NotKept(
                f"{path} cannot be written: {error.strerror}.",
                next_step=f"Make room, then: lyceum eval run --resume {self.folder}",
            ) from None
        self._samples.append(sample)

    def samples(self) -> list[tuple[str, CaseResult]]:
        """Return every outcome that was kept, with its suite, as it came."""
        return [(sample.suite, sample.result) for sample in self._samples]

    def done(self, suite: Suite) -> dict[tuple[str, int], CaseResult]:
        """Return what need not be asked again: outcomes without error of cases that still ask the same.

        They are judged anew, for what is expected of them may have changed meanwhile.
        """
        cases = {case.id: case for case in suite.cases}
        return {
            (result.case, result.trial): _rejudged(suite, cases[result.case], result)
            for result, asked in self._of(suite)
            if result.case in cases and asked == fingerprint(cases[result.case]) and result.outcome.error is None
        }

    def judged(self, suite: Suite) -> SuiteReport:
        """Judge what was kept by the suite as it is now, without asking anybody.

        What was never answered is left to the gate; what belongs to no case as it is now, `strays` tells.
        """
        now = {case.id: fingerprint(case) for case in suite.cases}
        kept = {(r.case, r.trial): r for r, asked in self._of(suite) if asked in ("", now.get(r.case))}
        results = [
            _rejudged(suite, case, kept[case.id, trial])
            for trial in range(1, self.manifest.trials + 1)
            for case in chosen(suite, self.manifest.split, self.manifest.limit)
            if (case.id, trial) in kept
        ]
        return SuiteReport(suite=suite.name, split=self.manifest.split, results=results)

    def strays(self, suite: Suite) -> dict[str, str]:
        """Return by case why what was kept of it is no answer to the suite as it is now."""
        cases = {case.id: case for case in suite.cases}
        found: dict[str, str] = {}
        for result, asked in self._of(suite):
            case = cases.get(result.case)
            if case is None:
                found[result.case] = "it was asked, and the suite has it no more; was it renamed or removed?"
            elif asked and asked != fingerprint(case):
                found[result.case] = "it asks something else now than what was answered: --resume asks it again"
            else:
                found.pop(result.case, None)
        return found

    def _of(self, suite: Suite) -> list[tuple[CaseResult, str]]:
        """Return a suite's outcomes, each with the hash of what was asked, empty where nobody wrote that down."""
        known = self.manifest.suites.get(suite.name, {})
        return [(s.result, s.asked or known.get(s.result.case, "")) for s in self._samples if s.suite == suite.name]


def _rejudged(suite: Suite, case: Case, result: CaseResult) -> CaseResult:
    return result.model_copy(update={"scores": score(suite.scorers, case, result.outcome)})


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Keep other runs out of a folder; raises NotKept where one is at work there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    except OSError as error:
        raise NotKept(f"{folder} cannot be written: {error.strerror}.", next_step="Give --report DIR.") from None
    if held is None:  # Windows locks no folders; there two runs in one folder are not kept apart
        yield
        return
    import fcntl

    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotKept(
                f"Another run writes to {folder}.", next_step="Give another --report DIR, or wait until it is done."
            ) from None
        yield
    finally:
        os.close(held)


def fingerprint(case: Case) -> str:
    """Return a hash of what a case asks; what is expected of the answer may change without asking again.

    Tags belong to it, for they name files and agents, and so do those keys of `expected` that a suite's task reads.
    """
    given = {key: value for key, value in case.expected.items() if key in ASKS}
    if isinstance(turns := given.get("turns"), list):
        given["turns"] = [_said(turn) for turn in turns]
    more: list[Any] = [case.tags, given] if case.tags or given else []
    asked = json.dumps([case.id, case.input, case.split, *more], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(asked.encode(errors="surrogatepass")).hexdigest()[:16]


def _said(turn: JsonValue) -> JsonValue:
    return {key: value for key, value in turn.items() if key != "expected"} if isinstance(turn, dict) else turn
