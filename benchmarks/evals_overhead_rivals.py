"""What other eval tools take for a sample: an agent that answers at once, two checks, results kept by the tool itself.

Runs in an environment with one of the tools: `python evals_overhead_rivals.py NAME SAMPLES`; prints JSON. The checks
are the nearest that each has to ours: the answer holds a text, and the right tools were called.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import tempfile
import time

os.environ.update(DEEPEVAL_TELEMETRY_OPT_OUT="1", DEEPEVAL_DISABLE_DOTENV="1", CONFIDENT_OPEN_BROWSER="NO")
ANSWER, TOOLS = "It is 20 cents a day.", ["search", "search", "read"]


def pydantic_evals(count: int) -> None:
    from dataclasses import dataclass

    from pydantic_evals import Case, Dataset
    from pydantic_evals.evaluators import Contains, Evaluator, EvaluatorContext

    @dataclass
    class Called(Evaluator):
        def evaluate(self, ctx: EvaluatorContext) -> bool:
            return ctx.attributes.get("tools") == TOOLS

    from pydantic_evals.dataset import set_eval_attribute

    async def agent(_inputs: str) -> str:
        set_eval_attribute("tools", TOOLS)
        return ANSWER

    cases = [Case(name=f"c{n}", inputs=f"question {n}") for n in range(count)]
    dataset = Dataset(name="overhead", cases=cases, evaluators=[Contains(value="20 cents"), Called()])
    report = asyncio.run(dataset.evaluate(agent, progress=False))
    assert all(each.value for case in report.cases for each in case.assertions.values())


def inspect_ai(count: int) -> None:
    import inspect_ai
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score, accuracy, includes, scorer
    from inspect_ai.solver import solver

    @solver
    def agent():
        async def solve(state, _generate):
            state.output = ModelOutput.from_content("none", ANSWER)
            state.metadata["tools"] = TOOLS
            return state

        return solve

    @scorer(metrics=[accuracy()])
    def called():
        async def score(state, _target):
            return Score(value="C" if state.metadata["tools"] == TOOLS else "I")

        return score

    samples = [Sample(id=f"c{n}", input=f"question {n}", target="20 cents") for n in range(count)]
    task = Task(dataset=samples, solver=[agent()], scorer=[includes(), called()])
    with tempfile.TemporaryDirectory() as folder:
        [log] = inspect_ai.eval(task, model="mockllm/model", log_dir=folder, display="none")
    assert log.status == "success"


def deepeval(count: int) -> None:
    from deepeval import evaluate
    from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
    from deepeval.metrics import PatternMatchMetric, ToolCorrectnessMetric
    from deepeval.models import DeepEvalBaseLLM
    from deepeval.test_case import LLMTestCase, ToolCall

    class Nobody(DeepEvalBaseLLM):
        def load_model(self):
            return self

        def generate(self, *_, **__):
            raise AssertionError("nobody is asked")

        async def a_generate(self, *_, **__):
            raise AssertionError("nobody is asked")

        def get_model_name(self):
            return "nobody"

    tools = [ToolCall(name=name) for name in TOOLS]
    cases = [
        LLMTestCase(input=f"question {n}", actual_output=ANSWER, tools_called=tools, expected_tools=tools)
        for n in range(count)
    ]
    metrics = [PatternMatchMetric(pattern=".*20 cents.*"), ToolCorrectnessMetric(model=Nobody(), async_mode=False)]
    evaluate(
        test_cases=cases,
        metrics=metrics,
        async_config=AsyncConfig(run_async=False),
        display_config=DisplayConfig(show_indicator=False, print_results=False),
        cache_config=CacheConfig(write_cache=False),
    )


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    run = {"pydantic-evals": pydantic_evals, "inspect-ai": inspect_ai, "deepeval": deepeval}[name]
    start = time.perf_counter()
    __import__({"pydantic-evals": "pydantic_evals", "inspect-ai": "inspect_ai", "deepeval": "deepeval.metrics"}[name])
    imported = time.perf_counter() - start
    os.chdir(tempfile.mkdtemp())
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run(3)  # what is set up once is no sample's
        busy, start = time.process_time(), time.perf_counter()
        run(count)
        clock, cpu = time.perf_counter() - start, time.process_time() - busy
    told = {"samples": count, "ms": clock / count * 1000, "cpu_ms": cpu / count * 1000, "import_seconds": imported}
    print(json.dumps({key: round(value, 3) for key, value in told.items()}))


if __name__ == "__main__":
    main()
