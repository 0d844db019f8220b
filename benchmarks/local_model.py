"""The whole agent loop with a pulled model, ten questions of each kind: right or not, seconds, tokens, prefix cache.

`python -m benchmarks.local_model --model local:qwen2.5-coder-1.5b --json benchmarks/results/local_model.json`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from app.wiring import App, wire
from evals.suite import Case, Outcome
from evals.suites.chinook_sql import suite as chinook
from evals.suites.course_questions import suite as course
from lyceum.events import Answered, ModelCalled
from lyceum.settings import load_settings
from models.local.model import LocalModel
from workflows.chat_turn import ChatRequest

Right = Callable[[Answered], bool]
TOPICS = (
    *("LoRA", "KV cache", "tokenization", "quantization", "attention"),
    *("decoding", "RAG", "alignment", "embeddings", "prompting"),
)
PROGRAMS = {
    "Write Python that prints the 20th Fibonacci number, where the first two are 1 and 1.": "6765",
    "Write a Python script that prints the sum of all even numbers from 1 to 100.": "2550",
    "Write Python code that prints how many prime numbers there are below 100.": "25",
    "Write Python that prints the word 'lyceum' reversed.": "muecyl",
    "Write Python that prints 12 factorial.": "479001600",
    "Write Python that prints the greatest common divisor of 1071 and 462.": "21",
    "Write a Python function that counts the vowels in 'tokenization' and print the count.": "6",
    "Write Python that prints the number 255 in binary, without a prefix.": "11111111",
    "Write Python that prints the mean of 3, 5, 8, 12 and 22.": "10",
    "Write Python code that prints the 5 largest of 4, 19, 7, 3, 28, 11, 15 added together.": "80",
}
PAIRS = (
    ("What is a KV cache?", "How many albums are there?"),
    ("What is LoRA?", "Which genre has the most tracks?"),
    ("What is grouped-query attention?", "How many customers are from Canada?"),
    ("What is quantization?", "How many employees are there?"),
    ("What is byte-pair encoding?", "Which artist has the most albums?"),
    ("What is temperature in sampling?", "How many invoices are there?"),
    ("What is an embedding?", "List all media types."),
    ("What is prompt injection?", "How many playlists are there?"),
    ("What is speculative decoding?", "What is the average invoice total?"),
    ("What is retrieval-augmented generation?", "How many tracks cost more than 1 dollar?"),
)


@dataclass(frozen=True)
class Asked:
    kind: str
    question: str
    right: bool
    declined: bool
    seconds: float
    requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


def questions(each: int) -> list[tuple[str, str, Right]]:
    """`each` questions of every kind, with what makes their answer right."""
    sql, notes = _spread(chinook.suite().cases, each), _spread(course.suite().cases, each)
    return [
        *[("sql", case.input, _scored(case, chinook.score_sql)) for case in sql],
        *[("course", case.input, _scored(case, course.score_citations)) for case in notes],
        *[("tutor", f"Teach me about {topic}", _teaches) for topic in TOPICS[:each]],
        *[("coder", asked, _prints(printed)) for asked, printed in list(PROGRAMS.items())[:each]],
        *[("planned", f"{first} {second}", _answers_both) for first, second in PAIRS[:each]],
    ]


def _spread(cases: Sequence[Case], each: int) -> list[Case]:
    dev = [
        case for case in cases if case.split == "dev" and (case.expected.get("gold_sql") or case.expected.get("gold"))
    ]
    return dev[:: max(1, len(dev) // each)][:each]


def _scored(case: Case, scorer: Callable[[Case, Outcome], Any]) -> Right:
    def right(answer: Answered) -> bool:
        output = dict(answer.output) if isinstance(answer.output, dict) else {}
        output["citations"] = [source.id for source in answer.sources]
        return scorer(case, Outcome(answer=answer.text, output=output, declined=answer.declined)).verdict == "right"

    return right


def _teaches(answer: Answered) -> bool:
    return not answer.declined and bool(answer.sources) and "?" in answer.text


def _prints(printed: str) -> Right:
    return lambda answer: printed in answer.text.replace(".0", "").split()


def _answers_both(answer: Answered) -> bool:
    return {source.kind for source in answer.sources} == {"passage", "rows"}


async def measure(app: App, kind: str, question: str, right: Right) -> Asked:
    thread = await app.store.create_thread(question)
    started = time.perf_counter()
    run = await app.engine.drive(await app.engine.submit("chat_turn", ChatRequest(question=question), thread=thread.id))
    seconds = time.perf_counter() - started
    calls = [event for event in await app.store.events(run.id) if isinstance(event, ModelCalled)]
    answer = Answered.model_validate(run.result) if run.status == "done" else None
    return Asked(
        kind,
        question,
        right=answer is not None and right(answer),
        declined=answer is None or answer.declined,
        seconds=round(seconds, 2),
        requests=len(calls),
        input_tokens=sum(call.input_tokens for call in calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
    )


async def run(model: str, each: int, *, cache: bool) -> list[Asked]:
    given = load_settings(model=model)
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        (Path(folder) / "models").symlink_to(given.home / "models", target_is_directory=True)
        async with wire(given.model_copy(update={"home": Path(folder)})) as app:
            answering = app.runtime.models.get()
            if isinstance(answering, LocalModel):
                answering.engine.cache = cache
            asked: list[Asked] = []
            for kind, question, right in questions(each):
                asked.append(await measure(app, kind, question, right))
                print(
                    "right" if asked[-1].right else "WRONG", f"{asked[-1].seconds:6.1f} s", kind, question, flush=True
                )
            return asked


def summary(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for kind in dict.fromkeys(each.kind for each in asked):
        of = [each for each in asked if each.kind == kind]
        rows.append(
            {
                "kind": kind,
                "questions": len(of),
                "right": sum(each.right for each in of),
                "median_seconds": median(each.seconds for each in of),
                "input_tokens": sum(each.input_tokens for each in of),
                "cached_tokens": sum(each.cached_tokens for each in of),
                "output_tokens": sum(each.output_tokens for each in of),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local:qwen2.5-coder-1.5b")
    parser.add_argument("--each", type=int, default=10, help="questions of each kind")
    parser.add_argument("--uncached", type=int, default=0, help="of these, how many again without the prefix cache")
    parser.add_argument("--json", type=Path, help="write the report here")
    options = parser.parse_args()
    cached = asyncio.run(run(options.model, options.each, cache=True))
    uncached = asyncio.run(run(options.model, options.uncached, cache=False)) if options.uncached else []
    paired = {each.question for each in uncached}
    report = {
        "model": options.model,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "with_prefix_cache": summary(cached),
        "the_same_questions_with_prefix_cache": summary([each for each in cached if each.question in paired]),
        "the_same_questions_without_prefix_cache": summary(uncached),
        "questions": [asdict(each) for each in cached],
    }
    print(json.dumps({key: value for key, value in report.items() if key != "questions"}, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
