"""The same classification by word counts, by sentence embeddings and by a language model, in one table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from lyceum.errors import OperatorError
from mcp_servers.text.extra import library
from mcp_servers.text.language_model import LanguageModel, Spent
from mcp_servers.text.messages import Labelled, Mistake, macro_f1, messages
from mcp_servers.text.prompts import Example, Label, Prompt, ask

if TYPE_CHECKING:
    from models.embeddings import Embedder

Method = Literal["tfidf", "embeddings", "few-shot", "few-shot-schema"]
Progress = Callable[[int, int, str], Awaitable[None]]
SHOWN = 2  # training messages of each label in the few-shot prompt
INSTRUCTIONS = "Sort a message to the support of a shop. Answer with one of the labels and nothing else."


class Classified(BaseModel):
    """One method on the test messages; `milliseconds` is per message, `training_seconds` once."""

    method: str
    answered_by: str
    accuracy: float
    macro_f1: float
    reliability: float = Field(description="Share of messages that were answered with one of the labels.")
    milliseconds: float
    training_seconds: float
    cost: float | None = Field(
        default=None,
        description="US dollars for all test messages: none for what runs here, empty where the price is not known.",
    )
    hosted_cost: float | None = Field(default=None, description="Of the same tokens at gpt-4o-mini's list price.")
    tokens: int = 0
    mistakes: list[Mistake]


class LeftOut(BaseModel):
    method: str
    reason: str


class Compared(BaseModel):
    labels: list[str]
    training: int
    test: int
    methods: list[Classified]
    left_out: list[LeftOut] = Field(description="What cannot run here, and what would make it run.")


async def compare(
    methods: Sequence[Method],
    embedder: Callable[[], Embedder],
    model: Callable[[], LanguageModel],
    progress: Progress,
) -> Compared:
    """Train and test each method; raises OperatorError where none of them can run."""
    training, test = messages("training"), messages("test")
    done: list[Classified] = []
    left_out: list[LeftOut] = []
    lacking: OperatorError | None = None
    for method in dict.fromkeys(methods):
        try:
            if method in ("tfidf", "embeddings"):
                done.append(await asyncio.to_thread(_trained, method, training, test, embedder))
            else:
                async with model() as asked:
                    done.append(await _prompted(method, training, test, asked, progress))
        except OperatorError as error:
            lacking = error
            left_out.append(LeftOut(method=method, reason=f"{error.message} {error.next_step}".strip()))
    if not done and lacking is not None:
        raise lacking
    return Compared(
        labels=sorted(set(test.labels)),
        training=len(training.texts),
        test=len(test.texts),
        methods=done,
        left_out=left_out,
    )


def few_shot_prompt(training: Labelled, shown: int = SHOWN) -> Prompt:
    """Return the prompt of the few-shot methods: the first messages of each label, one label after the other."""
    names = list(dict.fromkeys(training.labels))
    held = {name: [t for t, n in zip(training.texts, training.labels, strict=True) if n == name] for name in names}
    examples = [Example(text=held[name][number], label=name) for number in range(shown) for name in names]
    return Prompt(instructions=INSTRUCTIONS, labels=[Label(name=name) for name in names], examples=examples)


def _trained(method: Method, training: Labelled, test: Labelled, embedder: Callable[[], Embedder]) -> Classified:
    linear = library("sklearn.linear_model").LogisticRegression(C=10, max_iter=1000)
    if method == "tfidf":
        counted = library("sklearn.feature_extraction.text").TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        model: Any = library("sklearn.pipeline").make_pipeline(counted, linear)
        turned: Callable[[list[str]], Any] = list
        by = "TF-IDF of words and pairs, logistic regression"
    else:
        model, turned = linear, embedder().embed
        turned(["warm"])  # reading the weights is no part of what a message takes
        by = "MiniLM embeddings, logistic regression"
    started = time.perf_counter()
    model.fit(turned(training.texts), training.labels)
    ready = time.perf_counter()
    said = [str(label) for text in test.texts for label in model.predict(turned([text]))]
    spent = Spent(seconds=time.perf_counter() - ready)
    return _told(method, by, test, said, said, spent, ready - started)


async def _prompted(
    method: Method, training: Labelled, test: Labelled, model: LanguageModel, progress: Progress
) -> Classified:
    prompt = few_shot_prompt(training)
    spent, answers = Spent(), list[str]()
    for done, text in enumerate(test.texts):
        await progress(done, len(test.texts), f"{method}: {text}")
        reply = await ask(model, prompt, text, held=method == "few-shot-schema")
        spent.add(reply)
        answers.append(reply.output or "")
    by = f"{model.name}, {len(prompt.examples)} examples"
    return _told(method, by, test, [prompt.label_of(answer) for answer in answers], answers, spent, 0.0)


def _told(
    method: str,
    by: str,
    test: Labelled,
    said: Sequence[str],
    answers: Sequence[str],
    spent: Spent,
    training: float,
) -> Classified:
    count = len(test.texts)
    return Classified(
        method=method,
        answered_by=by,
        accuracy=round(sum(a == b for a, b in zip(said, test.labels, strict=True)) / count, 4),
        macro_f1=macro_f1(test.labels, said),
        reliability=round(sum(map(bool, said)) / count, 4),
        milliseconds=round(1000 * spent.seconds / count, 3),
        training_seconds=round(training, 3),
        cost=spent.cost,
        hosted_cost=spent.hosted if spent.replies else None,
        tokens=spent.input + spent.output,
        mistakes=[
            Mistake(text=text, expected=right, predicted=answer[:200])
            for text, right, label, answer in zip(test.texts, test.labels, said, answers, strict=True)
            if right != label
        ],
    )
