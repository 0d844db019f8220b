"""Other people's eval tools: their logs and data sets are read, their metrics score here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli import main
from evals.interop.evaluators import evaluator_of_scorer, scorer_of_evaluator
from evals.interop.pydantic_dataset import cases_of, dataset_of, read_dataset
from evals.outcomes import score_answer, score_trajectory
from evals.recording.files import read_trajectories
from evals.suite import Case, Outcome
from lyceum.errors import UserError

FOREIGN = Path(__file__).parent / "foreign"  # written once by inspect-ai 0.3.285 and RAGAS 0.4.3 themselves
CASES = """
- id: late-fee
  input: What does a late book cost?
  expected:
    answer: {$contains: 20 cents}
    trajectory: {steps: [{tool: search, arguments: {query: {$contains: late}}}], extra: forbid}
"""


def scored(path: Path, tmp_path: Path, cases: str = CASES) -> int:
    (tmp_path / "cases.yaml").write_text(cases)
    return main(["eval", "score", str(path), "--cases", str(tmp_path / "cases.yaml")])


def test_a_log_of_inspect_ai_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {each.case: each for each in read_trajectories(FOREIGN / "inspect.json")}
    assert [step.kind for step in found["late-fee"].steps] == ["model", "tool", "model"]
    assert found["late-fee"].calls[0].result == "A late book costs 20 cents a day."
    assert found["late-fee"].labels == {"score includes": "C"}
    assert found["late-fee"].totals.tokens == 129
    more = CASES + "- {id: hours, input: x, expected: {answer: {$contains: nine}}}\n"
    assert scored(FOREIGN / "inspect.json", tmp_path, more) == 1
    said = capsys.readouterr().err
    assert "hours" in said
    assert "worse: late-fee" not in said


def test_a_packed_log_says_how_to_unpack_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scored(FOREIGN / "inspect.eval", tmp_path) == 2
    assert "inspect log dump" in capsys.readouterr().err


def test_data_sets_of_ragas_are_scored(tmp_path: Path) -> None:
    assert scored(FOREIGN / "ragas_multi.jsonl", tmp_path) == 0
    one, other = read_trajectories(FOREIGN / "ragas_single.jsonl")
    assert (one.calls[0].tool, one.answer) == ("retrieve", "It is 20 cents a day.")
    assert other.calls == []


DATASET = {
    "name": "library",
    "cases": [
        {
            "name": "late-fee",
            "inputs": "What does a late book cost?",
            "expected_output": "It is 20 cents a day.",
            "metadata": {"topic": "fees"},
            "evaluators": ["EqualsExpected", {"MaxToolCalls": 2}, {"TrajectoryMatch": ["search"]}],
        }
    ],
}


def test_a_data_set_of_pydantic_evals_says_what_is_expected(tmp_path: Path) -> None:
    cases = tmp_path / "dataset.yaml"
    cases.write_text(yaml.safe_dump(DATASET))
    log = json.loads((FOREIGN / "inspect.json").read_text())
    log["samples"] = [each for each in log["samples"] if each["id"] == "late-fee"]
    kept = tmp_path / "log.json"
    kept.write_text(json.dumps(log))
    assert main(["eval", "score", str(kept), "--cases", str(cases)]) == 0
    cases.write_text(yaml.safe_dump(DATASET).replace("20 cents", "30 cents"))
    assert main(["eval", "score", str(kept), "--cases", str(cases)]) == 1


@pytest.mark.parametrize(("word", "code"), [("20 cents", 0), ("30 cents", 1)])
def test_several_evaluators_of_one_answer_must_all_be_right(
    tmp_path: Path, word: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    case: dict[str, Any] = {"name": "late-fee", "inputs": "q", "expected_output": "20 cents"}
    case["evaluators"] = ["EqualsExpected", {"Contains": word}]
    (tmp_path / "set.yaml").write_text(yaml.safe_dump({"cases": [case], "evaluators": [{"MaxDuration": 30}]}))
    (tmp_path / "done.json").write_text(json.dumps({"case": "late-fee", "answer": "20 cents", "steps": []}))
    assert main(["eval", "score", str(tmp_path / "done.json"), "--cases", str(tmp_path / "set.yaml")]) == code
    assert ("30" in capsys.readouterr().err) is (code == 1)


def test_an_evaluator_without_counterpart_is_refused_by_name() -> None:
    given = {"cases": [{"name": "a", "inputs": "x", "evaluators": [{"LLMJudge": "is it nice?"}]}]}
    with pytest.raises(UserError, match="a: the evaluator LLMJudge has no counterpart"):
        cases_of(given)


@pytest.mark.extra
def test_what_is_exported_is_loaded_by_pydantic_evals_and_read_back_alike(tmp_path: Path) -> None:
    evals = pytest.importorskip("pydantic_evals")
    whole = dict[str, Any](answer={"$exact": "yes"}, declined=False)
    cases = [
        Case(id="a", input="q", expected=whole, tags=["t"]),
        Case(id="b", input="r", expected={"answer": {"$contains": "N"}}),
    ]
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(dataset_of(cases, "ours")))
    dataset = evals.Dataset[Any, Any, Any].from_file(path)

    def answered(inputs: str) -> str:
        return {"q": "yes", "r": "never"}[inputs]

    report = asyncio.run(dataset.evaluate(answered, progress=False))
    assert [[each.value for each in case.assertions.values()] for case in report.cases] == [[True], [True]]
    back = cases_of(yaml.safe_load(path.read_text()))
    assert [case.id for case in back] == ["a", "b"]
    assert back[0] == cases[0]


def test_expectations_that_pydantic_evals_has_no_evaluator_for_come_back_from_its_data_set() -> None:
    wanted: dict[str, Any] = {
        "trajectory": {"steps": [{"tool": "search"}], "extra": "forbid", "budget": {"seconds": 3.0}},
        "injection": {"tools": ["send_mail"], "canaries": ["Z"]},
    }
    cases = [Case(id="a", input="q", expected=wanted, tags=["t"], split="heldout"), Case(id="b", input="r")]
    assert cases_of(json.loads(json.dumps(dataset_of(cases, "ours")))) == cases


@pytest.mark.extra
def test_evaluators_score_here_and_our_scorers_there() -> None:
    package = pytest.importorskip("pydantic_evals.evaluators")
    evals = pytest.importorskip("pydantic_evals")
    contains = scorer_of_evaluator(package.Contains(value="cents"))
    case = Case(id="a", input="q", expected={"answer": {"$contains": "cents"}})
    found = [contains(case, Outcome(answer=answer)) for answer in ("20 cents", "nothing")]
    assert [score.verdict for score in found if score] == ["right", "wrong"]
    with pytest.raises(UserError, match="score 0 in silence"):
        scorer_of_evaluator(package.ToolCorrectness(expected_tools=["search"]))
    dataset = evals.Dataset(
        name="d",
        cases=[evals.Case(name="a", inputs="q", metadata={"lyceum": {"answer": {"$contains": "cents"}}})],
        evaluators=[evaluator_of_scorer(score_answer), evaluator_of_scorer(score_trajectory)],
    )
    report = asyncio.run(dataset.evaluate(lambda _inputs: "20 cents", progress=False))
    assert {name: each.value for name, each in report.cases[0].assertions.items()} == {"score_answer": True}


DEEPEVAL = """
import os, sys
from deepeval.metrics import ExactMatchMetric, ToolCorrectnessMetric
from deepeval.models import DeepEvalBaseLLM
from evals.interop.evaluators import scorer_of_metric
from evals.suite import Case, Outcome
from evals.trajectory import Step, Trajectory

class Nobody(DeepEvalBaseLLM):  # the metric asks for a model, and does not use it
    def load_model(self): return self
    def generate(self, *_, **__): raise AssertionError("nobody is asked")
    async def a_generate(self, *_, **__): raise AssertionError("nobody is asked")
    def get_model_name(self): return "nobody"

exact = scorer_of_metric(ExactMatchMetric)
case = Case(id="a", input="q", expected={"answer": {"$exact": "yes"}, "trajectory": {"steps": [{"tool": "search"}]}})
tools = scorer_of_metric(lambda: ToolCorrectnessMetric(model=Nobody(), async_mode=False))
good = Outcome(answer="yes", trajectory=Trajectory(steps=[Step(kind="tool", tool="search")]))
bad = Outcome(answer="no", trajectory=Trajectory(steps=[Step(kind="tool", tool="other")]))
print([scorer(case, each).verdict for scorer in (exact, tools) for each in (good, bad)])
print(os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"], "pytest" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.extra
@pytest.mark.timeout(600)
def test_metrics_of_deepeval_score_here_without_a_key_and_without_telemetry(tmp_path: Path) -> None:
    """In an environment of its own: it asks for an older rich than ours, and its plug-in would load itself here."""
    tool = Path(sys.executable).with_name("uv")
    made = subprocess.run([tool, "venv", "-q", "-p", sys.executable, tmp_path / "env"], check=False)
    there = tmp_path / "env" / "bin" / "python"
    packages = ["deepeval==4.3.1", "pyyaml", "jmespath", "numpy", "pydantic"]
    added = subprocess.run([tool, "pip", "install", "-q", "-p", there, *packages], check=False, capture_output=True)
    if made.returncode or added.returncode:
        pytest.skip("deepeval cannot be installed here")
    code = "import evals.interop.evaluators as e; e.deepeval()\n" + DEEPEVAL
    root = str(Path(__file__).parents[2])
    own = {"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([there, "-c", code], env=own, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["['right', 'wrong', 'right', 'wrong']", "1 False"]


@pytest.mark.parametrize(
    "text",
    [
        "cases: null",
        "cases: [3]",
        "cases: [{inputs: a, evaluators: [{}]}]",
        "cases: [{inputs: a, evaluators: [{MaxToolCalls: many}]}]",
        "cases: [{inputs: 2026-13-45}]",
    ],
)
def test_a_broken_data_set_of_pydantic_evals_is_an_error_that_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "dataset.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"dataset\.yaml"):
        read_dataset(file)
