"""Suites of questions with known answers, contract version 1: cases in, one task, pure scorers, a report out.

A suite reaches the product only through `FrontDoor.ask`, so that a plain function can stand in for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, computed_field

from lyceum.errors import UserError

Split = Literal["dev", "heldout"]
Verdict = Literal["right", "wrong", "declined", "error"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Case(_Strict):
    """One question and what a right answer must hold; `expected` is read by the suite's scorers only."""

    id: str
    input: str
    expected: dict[str, JsonValue] = {}
    tags: list[str] = []
    split: Split = "dev"


class Outcome(_Strict):
    """What came back: the text, the typed output, whether the product declined, what it cost (seconds, tokens)."""

    answer: str = ""
    output: JsonValue = None
    declined: bool = False
    error: str | None = None
    seconds: float = 0.0
    tokens: int = 0


class Score(_Strict):
    """One scorer's judgement, `value` from 0 to 1, and why."""

    scorer: str
    value: float
    verdict: Verdict
    reason: str = ""


class CaseResult(_Strict):
    case: str
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


Task = Callable[[FrontDoor, Case], Awaitable[Outcome]]
Scorer = Callable[[Case, Outcome], Score]


@dataclass(frozen=True)
class Suite:
    name: str
    description: str
    cases: tuple[Case, ...]
    task: Task
    scorers: tuple[Scorer, ...]


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
        except (ValidationError, yaml.YAMLError) as error:
            raise UserError(f"{where}: {_problems(error)}", next_step="Correct this case.") from error
        if case.id in cases:
            raise UserError(f"{where}: the id {case.id!r} is used twice.", next_step="Give each case its own id.")
        cases[case.id] = case
    return tuple(cases.values())


async def run_suite(
    suite: Suite,
    runtime: FrontDoor,
    *,
    split: Split | None = None,
    limit: int | None = None,
    progress: Callable[[CaseResult], None] = lambda _result: None,
) -> SuiteReport:
    """Ask every case, one after another; a case that raises is recorded as an error and the run goes on."""
    cases = [case for case in suite.cases if split is None or case.split == split][:limit]
    results: list[CaseResult] = []
    for case in cases:
        outcome = await _outcome(suite.task, runtime, case)
        results.append(CaseResult(case=case.id, outcome=outcome, scores=_scores(suite.scorers, case, outcome)))
        progress(results[-1])
    return SuiteReport(suite=suite.name, split=split, results=results)


async def _outcome(task: Task, runtime: FrontDoor, case: Case) -> Outcome:
    started = time.perf_counter()
    try:
        outcome = await task(runtime, case)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  one broken case must not lose the others
        outcome = Outcome(error=f"{type(error).__name__}: {error}")
    return outcome if outcome.seconds else outcome.model_copy(update={"seconds": time.perf_counter() - started})


def _scores(scorers: Sequence[Scorer], case: Case, outcome: Outcome) -> list[Score]:
    if outcome.error is not None:
        return [Score(scorer="task", value=0.0, verdict="error", reason=outcome.error)]
    scores: list[Score] = []
    for scorer in scorers:
        try:
            scores.append(scorer(case, outcome))
        except Exception as error:  # noqa: BLE001  a broken scorer is an error, never a silent zero
            name = getattr(scorer, "__name__", type(scorer).__name__)
            scores.append(Score(scorer=name, value=0.0, verdict="error", reason=f"{type(error).__name__}: {error}"))
    return scores


def _problems(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'case'}: {each['msg']}" for each in error.errors())
