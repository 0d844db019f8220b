"""Entities and relations three ways, for a text of one's own and in one table over the test sentences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from lyceum.errors import OperatorError
from mcp_servers.text import few_shot, perceptron, rules
from mcp_servers.text.annotated import Annotated, Extracted, Scheme, corpus
from mcp_servers.text.language_model import LanguageModel, Spent
from mcp_servers.text.scoring import Score, scored

Way = Literal["rules", "learned", "llm"]
MISTAKES = 8
Progress = Callable[[int, int, str], Awaitable[None]]


class Found(Extracted):
    """What was found; `way` says by what, `unplaced` which words do not stand in the text."""

    way: Way
    milliseconds: float
    cost: float | None = Field(default=None, description="US dollars; empty where the price is not known.")
    unplaced: list[str] = Field(default_factory=list[str])


class Mistake(BaseModel):
    """A sentence and what is wrong in it, each as `label: words` or `subject relation object`."""

    text: str
    missed: list[str]
    wrong: list[str]


class Row(BaseModel):
    """One way over the test sentences. Strict: the very span and label, or both ends and the name of a relation."""

    way: Way
    answered_by: str
    entities: Score
    overlapping: Score = Field(description="Entities of the right label that share a character with the right span.")
    relations: Score
    milliseconds: float = Field(description="A sentence, learning left out.")
    training_seconds: float
    cost: float | None = Field(
        default=None, description="US dollars for all sentences; empty where the price is not known."
    )
    hosted_cost: float | None = Field(default=None, description="Of the same tokens at gpt-4o-mini's list price.")
    tokens: int = 0
    failed: int = Field(default=0, description="Sentences without an answer in the form that was asked for.")
    mistakes: list[Mistake] = Field(description="The first few.")


class LeftOut(BaseModel):
    way: str
    reason: str


class Extractions(BaseModel):
    training: int
    test: int
    entities: int = Field(description="In the test sentences.")
    relations: int
    rows: list[Row]
    left_out: list[LeftOut] = Field(description="What cannot run here, and what would make it run.")


async def extract(text: str, way: Way, model: Callable[[], LanguageModel]) -> Found:
    """Extract from one text; raises OperatorError where the way lacks its extra or a language model."""
    held = corpus()
    started = time.perf_counter()
    cost: float | None = 0.0
    if way == "llm":
        examples = few_shot.chosen_examples(held.scheme, held.train)
        async with model() as asked:
            found, reply = await few_shot.extract(asked, text, held.scheme, examples)
        if reply.output is None:
            raise OperatorError("The model's answer did not keep to the form.", next_step="Try again, or another way.")
        cost = reply.cost
    else:
        found = await asyncio.to_thread(rules.extract if way == "rules" else perceptron.learned().extract, text)
    return Found(
        entities=found.entities,
        relations=found.relations,
        way=way,
        milliseconds=round(1000 * (time.perf_counter() - started), 3),
        cost=cost,
        unplaced=[entity.text for entity in found.entities if entity.start < 0],
    )


async def compare(ways: Sequence[Way], model: Callable[[], LanguageModel], progress: Progress) -> Extractions:
    """Score each way on the test sentences; raises OperatorError where none of them can run."""
    held = corpus()
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    lacking: OperatorError | None = None
    for way in dict.fromkeys(ways):
        try:
            rows.append(await _row(way, model, progress))
        except OperatorError as error:
            lacking = error
            left_out.append(LeftOut(way=way, reason=f"{error.message} {error.next_step}".strip()))
    if not rows and lacking is not None:
        raise lacking
    return Extractions(
        training=len(held.train),
        test=len(held.test),
        entities=sum(len(sentence.found.entities) for sentence in held.test),
        relations=sum(len(sentence.found.relations) for sentence in held.test),
        rows=rows,
        left_out=left_out,
    )


async def _row(way: Way, model: Callable[[], LanguageModel], progress: Progress) -> Row:
    held = corpus()
    if way == "llm":
        async with model() as asked:
            return await _asked(asked, held.scheme, held.train, held.test, progress)
    started = time.perf_counter()
    if way == "learned":
        trained = await asyncio.to_thread(perceptron.Learned, held.scheme, held.train)
        by, extracted = "averaged perceptron, trained here", trained.extract
    else:
        await asyncio.to_thread(rules.extract, "warm")  # loads spaCy and its rules
        by, extracted = "spaCy rules", rules.extract
    ready = time.perf_counter()
    got = [extracted(sentence.text) for sentence in held.test]
    ended = time.perf_counter()
    spent = Spent(seconds=ended - ready)
    return _told(way, by, held.test, got, spent, ready - started)


async def _asked(
    model: LanguageModel,
    scheme: Scheme,
    train: Sequence[Annotated],
    test: Sequence[Annotated],
    progress: Progress,
) -> Row:
    examples = few_shot.chosen_examples(scheme, train)
    spent, got = Spent(), list[Extracted]()
    for done, sentence in enumerate(test):
        await progress(done, len(test), sentence.text)
        found, reply = await few_shot.extract(model, sentence.text, scheme, examples)
        spent.add(reply)
        got.append(found)
    return _told("llm", f"{model.name}, {len(examples)} examples", test, got, spent, 0.0)


def _told(way: Way, by: str, test: Sequence[Annotated], got: Sequence[Extracted], spent: Spent, training: float) -> Row:
    scores = scored([sentence.found for sentence in test], got)
    mistakes = [
        Mistake(text=sentence.text, missed=sorted(wanted - said), wrong=sorted(said - wanted))
        for sentence, found in zip(test, got, strict=True)
        for wanted, said in [(_lines(sentence.found), _lines(found))]
        if wanted != said
    ]
    return Row(
        way=way,
        answered_by=by,
        entities=scores.entities,
        overlapping=scores.overlapping,
        relations=scores.relations,
        milliseconds=round(1000 * spent.seconds / len(test), 3),
        training_seconds=round(training, 3),
        cost=spent.cost,
        hosted_cost=spent.hosted if spent.replies else None,
        tokens=spent.input + spent.output,
        failed=spent.failed,
        mistakes=mistakes[:MISTAKES],
    )


def _lines(found: Extracted) -> set[str]:
    return {f"{entity.label}: {entity.text}" for entity in found.entities} | {
        f"{fact.subject} {fact.relation} {fact.object}" for fact in found.relations
    }
