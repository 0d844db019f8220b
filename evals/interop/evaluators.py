"""Evaluators of pydantic-evals and metrics of DeepEval as our scorers, and our scorers as such evaluators.

The packages are optional. Telemetry of DeepEval is switched off before it is imported; its pytest plug-in is not
loaded by importing it here.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from evals.suite import Case, Outcome, Score, Scorer, Verdict
from evals.trajectory import Trajectory
from lyceum.errors import OperatorError, UserError
from lyceum.extras import install_command


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise OperatorError(f"{name} is not installed.", next_step=install_command("evals")) from None


def scorer_of_evaluator(evaluator: Any, name: str = "") -> Scorer:
    """Return an evaluator of pydantic-evals as a scorer; what it gives is right where it is true or at least 0.5.

    The evaluator is given no span tree. Those that need one score 0.0 silently where it is absent, and are refused.
    """
    given = _package("pydantic_evals.evaluators")
    kind = type(evaluator).__name__
    if kind in ("HasMatchingSpan", "ToolCorrectness", "TrajectoryMatch", "ArgumentCorrectness", "MaxToolCalls"):
        raise UserError(
            f"{kind} reads recorded spans, of which there are none here: it would score 0 in silence.",
            next_step="Write it as `trajectory` (docs/evals.md), or read the data set with read_dataset.",
        )

    def score(case: Case, outcome: Outcome) -> Score:
        wanted = cast("dict[str, Any]", case.expected).get("output", case.expected.get("answer"))
        expected = cast("dict[str, Any]", wanted).get("$exact") if isinstance(wanted, dict) else wanted
        context = given.EvaluatorContext(
            name=case.id,
            inputs=case.input,
            metadata={"tags": case.tags},
            expected_output=expected,
            output=outcome.answer if outcome.output is None else outcome.output,
            duration=outcome.seconds,
            _span_tree=None,
            attributes={},
            metrics={},
        )
        return _score(name or kind, _run(lambda: evaluator.evaluate_async(context)))

    score.__name__ = name or kind
    return score


def evaluator_of_scorer(scorer: Scorer) -> Any:
    """Return a scorer as an evaluator of pydantic-evals; the case's expectation is its metadata's `lyceum`."""
    given = _package("pydantic_evals.evaluators")

    @dataclass
    class Lyceum(given.Evaluator):  # type: ignore[misc, name-defined]
        def evaluate(self, ctx: Any) -> Any:
            metadata = cast("dict[str, Any]", ctx.metadata) if isinstance(ctx.metadata, dict) else {}
            expected = dict(metadata.get("lyceum", {}))
            if ctx.expected_output is not None:
                expected.setdefault("answer", {"$exact": ctx.expected_output})
            case = Case(id=str(ctx.name or "case"), input=str(ctx.inputs), expected=expected)
            outcome = _outcome(ctx.output, ctx.duration)
            told = scorer(case, outcome)
            if told is None:
                return {}
            return given.EvaluationReason(value=told.verdict == "right", reason=told.reason or None)

        @classmethod
        def get_serialization_name(cls) -> str:
            return getattr(scorer, "__name__", "lyceum")

    return Lyceum()


def _outcome(output: object, seconds: float) -> Outcome:
    if isinstance(output, Outcome):
        return output
    if isinstance(output, Trajectory):
        return Outcome(answer=output.answer, declined=output.declined, trajectory=output, seconds=seconds)
    plain: Any = output
    return Outcome(
        answer=str(plain), output=cast("Any", plain) if isinstance(plain, (dict, list)) else None, seconds=seconds
    )


def _score(name: str, found: Any) -> Score:
    if isinstance(found, dict):  # several at once: the worst counts
        scores = [_score(f"{name}.{key}", value) for key, value in cast("dict[str, Any]", found).items()]
        if not scores:
            raise ValueError(f"{name} said nothing")
        return min(scores, key=lambda each: each.value)
    value, reason = getattr(found, "value", found), str(getattr(found, "reason", "") or "")
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"{name} gave {value!r}, which is neither true, false nor a number")
    verdict: Verdict = "right" if float(value) >= 0.5 else "wrong"
    return Score(scorer=name, value=min(1.0, max(0.0, float(value))), verdict=verdict, reason=reason)


def deepeval() -> Any:
    """Import DeepEval with its telemetry off; raises OperatorError where it is not installed."""
    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "1"
    os.environ.setdefault("DEEPEVAL_DISABLE_DOTENV", "1")
    os.environ.setdefault("DEEPEVAL_UPDATE_WARNING_OPT_IN", "0")
    _package("deepeval")
    return importlib.import_module("deepeval.test_case")


def scorer_of_metric(make: Callable[[], Any], name: str = "") -> Scorer:
    """Return a metric of DeepEval as a scorer; `make` makes a new one for each answer, for a metric keeps state.

    Where the trajectory has tools, and the case expects some, they are given to the metric as well.
    """
    test_case = deepeval()

    def score(case: Case, outcome: Outcome) -> Score:
        metric = make()
        told = {
            "input": case.input,
            "actual_output": outcome.answer,
            "expected_output": _wanted(case),
            "tools_called": [
                test_case.ToolCall(name=step.tool, input_parameters=step.arguments, output=step.result)
                for step in (outcome.trajectory or Trajectory()).calls
            ],
            "expected_tools": [
                test_case.ToolCall(name=str(each["tool"]), input_parameters=each.get("arguments") or {})
                for each in _steps(case)
            ],
        }
        value = float(metric.measure(test_case.LLMTestCase(**told)))
        verdict: Verdict = "right" if metric.is_successful() else "wrong"
        said = str(getattr(metric, "reason", "") or "")
        return Score(scorer=name or type(metric).__name__, value=value, verdict=verdict, reason=said)

    score.__name__ = name or "deepeval"
    return score


def _wanted(case: Case) -> str | None:
    answer = case.expected.get("answer")
    if isinstance(answer, dict):
        answer = answer.get("$exact", answer.get("$text"))
    return None if answer is None else str(answer)


def _steps(case: Case) -> list[dict[str, Any]]:
    trajectory = case.expected.get("trajectory")
    held = cast("dict[str, Any]", trajectory) if isinstance(trajectory, dict) else {}
    steps = cast("list[Any]", held.get("steps", []))
    return [cast("dict[str, Any]", each) for each in steps if isinstance(each, dict) and "tool" in each]


def _run(make: Callable[[], Any]) -> Any:
    """Await something from plain code, also where a loop runs already: then in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    held: list[Any] = []

    def there() -> None:
        try:
            held.append(asyncio.run(make()))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            held.append(error)

    thread = threading.Thread(target=there)
    thread.start()
    thread.join()
    if isinstance(held[0], BaseException):
        raise held[0]
    return held[0]
