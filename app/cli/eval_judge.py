"""`lyceum eval judge RUN`: a language model judges kept answers, and is held to what people said about them first."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.cli.eval_run import OFFLINE
from app.cli.terminal import say
from evals import catalogue
from evals.judges.admission import Admission, admit
from evals.judges.judge import Ask, Judge, Trialled
from evals.judges.labels import Labels, answer_hash
from evals.stored import StoredRun
from evals.suite import Case, CaseResult, Outcome
from lyceum.errors import OperatorError, UserError
from lyceum.settings import Settings

RUBRIC = "The answer is right if it answers the question that was asked, correctly and completely."
REPEATS = 3  # times that some answers are judged again, to see whether the judge agrees with itself
SOME = 10


def judge(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 where the judge is admitted and calls no answer wrong, 1 where it does, 5 where it may not decide."""
    if len(args.suite) != 1:
        raise UserError("Judge which run? lyceum eval judge FOLDER", next_step="`lyceum eval run` names its folder.")
    run = StoredRun.open(Path(args.suite[0]))
    other = StoredRun.open(args.against) if args.against else None
    rubric = _rubric(args.rubric) if args.rubric else RUBRIC
    return asyncio.run(_judged(args, settings, run, other, rubric))


def _rubric(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{path} cannot be read: {why}.", next_step="Give --rubric a file of text.") from None
    if not text:
        raise UserError(f"{path} is empty.", next_step="Write down what makes an answer right.")
    return text


async def _judged(
    args: argparse.Namespace, settings: Settings, run: StoredRun, other: StoredRun | None, rubric: str
) -> int:
    from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

    from models.cache import uncached
    from models.errors import friendly
    from models.resolve import ResolvedModels

    models = ResolvedModels(settings, os.environ)
    model = models.get()
    if model.model_name == OFFLINE:
        raise UserError("The offline engine cannot judge.", next_step="Give --model M; see `lyceum models list`.")
    judging = Judge(model.model_name, rubric, asking(model))
    try:
        with uncached():  # votes must not come from one answer that was kept
            return await _report(args, judging, run, other)
    except (AgentRunError, FallbackExceptionGroup) as error:
        raise friendly(error) from error
    finally:
        await models.close()


def asking(model: Any) -> Ask:
    """Return how a model is asked for one object: an agent without tools."""

    async def ask(instructions: str, prompt: str, kind: type[BaseModel]) -> BaseModel:
        from pydantic_ai import Agent

        return (await Agent(model, output_type=kind, instructions=instructions, retries=2).run(prompt)).output

    return ask


async def _report(args: argparse.Namespace, judging: Judge, run: StoredRun, other: StoredRun | None) -> int:
    known = catalogue.cards()
    cases = {(n, case.id): case for n in run.manifest.suites if n in known for case in catalogue.load(n).cases}
    labels = Labels(run.folder)
    answers = [(suite, result) for suite, result in run.samples() if result.outcome.error is None]
    answers.sort(key=lambda each: labels.of(*each) is None)  # what people labelled first
    answers = answers[: args.limit]
    judged: list[dict[str, Any]] = []
    pairs: list[tuple[bool, bool]] = []
    steady: list[float] = []
    counted: set[tuple[str, str, str]] = set()  # an answer that several trials gave has one label
    for number, (suite, result) in enumerate(answers):
        case = cases.get((suite, result.case), Case(id=result.case, input=""))
        told = await _verdict(judging, case, result.outcome, REPEATS if number < SOME else 1)
        steady += [told.steady] if number < SOME else []
        person, about = labels.of(suite, result), (suite, result.case, answer_hash(result))
        pairs += [] if person is None or about in counted else [(person, told.right)]
        counted.add(about)
        said = {"suite": suite, "case": result.case, "trial": result.trial, "right": told.right}
        judged.append({**said, "steady": told.steady, "reason": told.reason, "person": person})
        verdict = "right" if told.right else "wrong"
        say(f"  {number + 1}/{len(answers)} {verdict} {suite}: {result.case} {told.reason[:80]}")
    swayed = await _compared(judging, answers, other, cases) if other else []
    found = admit(pairs, steady=steady, unswayed=[unswayed for _, unswayed in swayed])
    return _told(args, judging, run, judged, swayed, found)


async def _verdict(judging: Judge, case: Case, outcome: Outcome, samples: int) -> Trialled:
    """Ask for a verdict. One that cannot be read is no proof of the answer, and does not agree with itself."""
    from pydantic_ai.exceptions import UnexpectedModelBehavior

    try:
        return await judging.judge(case, outcome, samples=samples)
    except UnexpectedModelBehavior as error:
        return Trialled(right=False, steady=0.0, reason=f"no verdict: {error}")


async def _compared(
    judging: Judge, answers: list[tuple[str, CaseResult]], other: StoredRun, cases: dict[tuple[str, str], Case]
) -> list[tuple[str, bool]]:
    """Ask which of two runs answered better, each pair in both orders."""
    theirs = {(suite, result.case, result.trial): result for suite, result in other.samples()}
    found: list[tuple[str, bool]] = []
    for suite, result in answers:
        second = theirs.get((suite, result.case, result.trial))
        if second is not None and second.outcome.answer != result.outcome.answer:
            case = cases.get((suite, result.case), Case(id=result.case, input=""))
            found.append(await judging.prefer(case, result.outcome, second.outcome))
    return found


def _told(
    args: argparse.Namespace,
    judging: Judge,
    run: StoredRun,
    judged: list[dict[str, Any]],
    compared: list[tuple[str, bool]],
    found: Admission,
) -> int:
    wrong = [each for each in judged if not each["right"]]
    said: dict[str, Any] = {"judge": judging.name, "rubric": judging.rubric, "admitted": found.admitted}
    said |= {"reasons": list(found.reasons), "labels_needed": found.needed, "steady": found.steady}
    said |= {"agreement": None if found.agreement is None else vars(found.agreement), "unswayed": found.unswayed}
    said["preferred"] = {side: sum(each == side for each, _ in compared) for side in ("one", "other", "tie")}
    said["judged"] = judged
    kept = run.folder / "judged.json"
    try:
        kept.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{kept} cannot be written: {error.strerror}.", next_step="Make room there.") from None
    if args.json:
        print(json.dumps(said, ensure_ascii=False))
    else:
        print(f"{judging.name} judged {len(judged)} answers, {len(wrong)} of them wrong")
        print(found.text)
        if compared:
            print(f"  this run is better {said['preferred']['one']} times, the other {said['preferred']['other']}")
    if not found.admitted:
        return 5
    return 1 if wrong else 0
