"""Suites of questions with known answers, contract version 1: cases in, one task, pure scorers, a report out.

A suite reaches the product only through `FrontDoor.ask`, so that a plain function can stand in for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue, PrivateAttr, ValidationError, computed_field
from pydantic_core import PydanticSerializationError

from evals.trajectory import Trajectory
from lyceum.errors import UserError

Split = Literal["dev", "heldout"]
Verdict = Literal["right", "wrong", "declined", "error"]
TIMED_OUT = "TimeoutError"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Case(_Strict):
    """One question and what a right answer must hold; `expected` is read by the suite's scorers only.

    `folder` is that of the file it was read from: paths in `expected` are meant from there.
    """

    id: str
    input: str
    expected: dict[str, JsonValue] = {}
    tags: list[str] = []
    split: Split = "dev"
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        return self._folder

    def read_from(self, folder: Path) -> Case:
        """Return the case as one that was read from a file in this folder."""
        found = self.model_copy()
        found._folder = folder
        return found


class Outcome(_Strict):
    """What came back: the text, the typed output, whether the product declined, what it cost (seconds, tokens).

    `trajectory` is what was done on the way, where that was recorded.
    """

    answer: str = ""
    output: JsonValue = None
    declined: bool = False
    error: str | None = None
    seconds: float = 0.0
    tokens: int = 0
    trajectory: Trajectory | None = None


class Score(_Strict):
    """One scorer's judgement, `value` from 0 to 1, and why; `detail` may show expected and real side by side."""

    scorer: str
    value: float
    verdict: Verdict
    reason: str = ""
    detail: str = ""


class CaseResult(_Strict):
    """One trial of one case; trials count from 1."""

    case: str
    trial: int = 1
    outcome: Outcome
    scores: list[Score]

    @property
    def verdict(self) -> Verdict:
        """The worst of the scores: an error outweighs wrong, wrong outweighs declined."""
        order: tuple[Verdict, ...] = ("right", "declined", "wrong", "error")
        verdicts: list[Verdict] = ["right", *(score.verdict for score in self.scores)]
        return max(verdicts, key=order.index)


class SuiteReport(_Strict):
    """Every case with its outcome and scores; the counts are derived, so they cannot disagree with the cases."""

    suite: str
    split: Split | None
    results: list[CaseResult]

    @computed_field
    @property
    def counts(self) -> dict[Verdict, int]:
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in ("right", "wrong", "declined", "error")}

    @computed_field
    @property
    def seconds(self) -> float:
        return sum(result.outcome.seconds for result in self.results)

    @computed_field
    @property
    def tokens(self) -> int:
        return sum(result.outcome.tokens for result in self.results)


class FrontDoor(Protocol):
    """The product as a user meets it; the caller binds it. `approve` names tools that need no approval ("*": all)."""

    async def ask(
        self, question: str, *, attach: Sequence[Path] = (), agent: str | None = None, approve: Sequence[str] = ()
    ) -> Outcome: ...


class Talk(Protocol):
    """A conversation: each turn knows those before it. `plan` true plans first, false never, None as needed."""

    async def ask(
        self, question: str, *, agent: str | None = None, approve: Sequence[str] = (), plan: bool | None = None
    ) -> Outcome: ...


class Product(FrontDoor, Protocol):
    """What suites may ask beyond one question: a conversation, a research, the team, a tool, an empty home."""

    async def talk(self, *, attach: Sequence[Path] = (), remember: bool = False) -> Talk: ...

    async def research(
        self,
        question: str,
        *,
        sources: Sequence[tuple[str, Path]],
        approve: bool | None = True,
        rounds: int = 1,
        budget: Mapping[str, float] | None = None,
    ) -> Outcome: ...

    async def team(self, task: str, *, approve: bool | None = True, reason: str = "") -> Outcome: ...

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]: ...

    def apart(self) -> AbstractAsyncContextManager[Product]: ...


Task = Callable[[Any, Case], Awaitable[Outcome]]  # the first is a FrontDoor, or a Product where a suite needs more
Scorer = Callable[[Case, Outcome], Score | None]
Progress = Callable[[CaseResult], None]


@dataclass(frozen=True)
class Suite:
    """Cases, one task and pure scorers; a scorer that has nothing to say about a case returns None.

    `random`: even the offline engine may answer differently from one trial to the next. `roles` join the product's
    team while it is asked. `waits`: most of its time is spent waiting, so it is asked beside the other suites.
    """

    name: str
    description: str
    cases: tuple[Case, ...]
    task: Task
    scorers: tuple[Scorer, ...]
    random: bool = False
    roles: tuple[Any, ...] = ()
    waits: bool = False


def load_cases(path: Path) -> tuple[Case, ...]:
    """Read a YAML list of cases; raises UserError that names the file and line of what is wrong."""
    import yaml  # heavy for a module that the command line may import

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", next_step="Give a readable YAML file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {error}", next_step="Correct the file.") from error
    if not isinstance(root, yaml.SequenceNode):
        raise UserError(f"{path} holds no list of cases.", next_step="Write one list item per case.")
    cases: dict[str, Case] = {}
    for node in root.value:
        where = f"{path}:{node.start_mark.line + 1}"
        try:
            # PyYAML's constructor is untyped
            case = Case.model_validate(loader.construct_document(node))  # pyright: ignore[reportUnknownMemberType]
        except (ValueError, yaml.YAMLError) as error:  # ValueError: also a date that does not exist
            raise UserError(f"{where}: {_problems(error)}", next_step="Correct this case.") from error
        if case.id in cases:
            raise UserError(f"{where}: the id {case.id!r} is used twice.", next_step="Give each case its own id.")
        cases[case.id] = case.read_from(path.parent)
    return tuple(cases.values())


async def run_suite(
    suite: Suite,
    runtime: FrontDoor,
    *,
    split: Split | None = None,
    limit: int | None = None,
    progress: Progress = lambda _result: None,
    trials: int = 1,
    timeout: float | None = None,
    concurrency: int = 1,
    done: Mapping[tuple[str, int], CaseResult] = MappingProxyType({}),
) -> SuiteReport:
    """Ask every case, `trials` times, `concurrency` at once; what raises or takes longer than `timeout` seconds is
    recorded as an error and the run goes on. What is `done` already is not asked again.
    """
    free = asyncio.Semaphore(concurrency)

    async def ask(case: Case, trial: int) -> CaseResult:
        if (known := done.get((case.id, trial))) is not None:
            return known
        async with free:
            outcome = await _outcome(suite.task, runtime, case, timeout)
        result = CaseResult(case=case.id, trial=trial, outcome=outcome, scores=score(suite.scorers, case, outcome))
        progress(result)
        return result

    asked = [(case, trial) for trial in range(1, trials + 1) for case in chosen(suite, split, limit)]
    if concurrency == 1:  # in this task, so that what is interrupted stops here
        results = [await ask(*one) for one in asked]
    else:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(*one)) for one in asked]
        results = [task.result() for task in tasks]
    return SuiteReport(suite=suite.name, split=split, results=results)


def chosen(suite: Suite, split: Split | None, limit: int | None = None) -> list[Case]:
    """Return the cases of a split, at most `limit` of them."""
    return [case for case in suite.cases if split is None or case.split == split][:limit]


async def _outcome(task: Task, runtime: FrontDoor, case: Case, timeout: float | None) -> Outcome:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            outcome = await task(runtime, case)
    except TimeoutError:
        late = f"no answer within {timeout:g} s" if timeout else "a time limit of the task's own"
        outcome = Outcome(error=f"{TIMED_OUT}: {late}")
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  one broken case must not lose the others
        outcome = Outcome(error=f"{type(error).__name__}: {error}")
    outcome = storable(outcome)
    return outcome if outcome.seconds else outcome.model_copy(update={"seconds": time.perf_counter() - started})


def storable(outcome: Outcome) -> Outcome:
    """Return the outcome with a question mark for each half of a character, as models and tools sometimes send one:
    no file, page or terminal takes it.
    """
    try:
        outcome.model_dump_json()
    except PydanticSerializationError:
        told = json.dumps(outcome.model_dump(mode="python"), ensure_ascii=False, default=str)
        return Outcome.model_validate_json(told.encode("utf-8", "replace"))
    return outcome


def score(scorers: Sequence[Scorer], case: Case, outcome: Outcome) -> list[Score]:
    """Judge an outcome, asked just now or long ago; a scorer that raises, or a case that none judges, is an error."""
    if outcome.error is not None:
        return [Score(scorer="task", value=0.0, verdict="error", reason=outcome.error)]
    scores: list[Score] = []
    for scorer in scorers:
        try:
            given = scorer(case, outcome)
        except Exception as error:  # noqa: BLE001  a broken scorer is an error, never a silent zero
            name = getattr(scorer, "__name__", type(scorer).__name__)
            given = Score(scorer=name, value=0.0, verdict="error", reason=f"{type(error).__name__}: {error}")
        scores += [given] if given is not None else []
    if not scores:
        scores.append(Score(scorer="task", value=0.0, verdict="error", reason="nothing in the case was checked"))
    return scores


def _problems(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'case'}: {each['msg']}" for each in error.errors())
