"""A prompt that classifies, in parts that can be changed one at a time, and how well it does on labelled messages.

A language model reads all of it. Without one, MiniLM reads what a prompt says of its labels: each description and each
example is a point, and a message goes to the nearest; the instructions are then read by no one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from mcp_servers.text.language_model import LanguageModel, Reply, Spent
from mcp_servers.text.messages import Labelled, Mistake, macro_f1

if TYPE_CHECKING:
    from models.embeddings import Embedder

Progress = Callable[[int, int, str], Awaitable[None]]
BY_EMBEDDINGS = "MiniLM embeddings: labels, descriptions and examples are read, the instructions are not"


class Label(BaseModel):
    name: str = Field(description="The label, as the answer must say it.", min_length=1, max_length=60)
    description: str = Field(default="", description="What belongs to it.", max_length=600)


class Example(BaseModel):
    text: str = Field(description="A message.", min_length=1, max_length=2000)
    label: str = Field(description="Its label.", min_length=1, max_length=60)


class Prompt(BaseModel):
    instructions: str
    labels: list[Label]
    examples: list[Example] = []

    def rendered(self) -> str:
        """Return the prompt as a language model gets it, before the message."""
        labels = "\n".join(
            f"- {label.name}{f': {label.description}' if label.description else ''}" for label in self.labels
        )
        shown = "\n\n".join(f"Message: {example.text}\nLabel: {example.label}" for example in self.examples)
        return "\n\n".join(filter(None, (self.instructions, f"Labels:\n{labels}", shown)))

    def label_of(self, answer: str) -> str:
        """Return the label that an answer is, case and marks at its ends aside; empty where it is more or another."""
        plain = re.sub(r"^(?:label\s*:)?[\W_]+|[\W_]+$", "", answer.strip(), flags=re.IGNORECASE).casefold()
        return next((label.name for label in self.labels if label.name.casefold() == plain), "")

    def named_in(self, answer: str) -> str:
        """Return the only label that an answer names, anywhere in it; empty where it names none or several."""
        said = answer.casefold()
        named = [n.name for n in self.labels if re.search(rf"\b{re.escape(n.name.casefold())}\b", said)]
        return named[0] if len(named) == 1 else ""


class PromptScore(BaseModel):
    """What a prompt did. `accuracy` counts answers that are the right label and nothing else; `named` also those that
    say more and name the right label only; `in_form` those that are a label, right or wrong.
    """

    answered_by: str
    part: str
    messages: int
    accuracy: float
    named: float
    in_form: float
    macro_f1: float
    milliseconds: float = Field(description="A message.")
    tokens: int
    cost: float | None = Field(
        default=None, description="US dollars for all messages; empty where the price is not known."
    )
    mistakes: list[Mistake] = Field(description="What to change the prompt for; `predicted` is the answer.")
    confused: list[str] = Field(description="`expected > predicted`, the most frequent first.")
    prompt: str = Field(description="As a language model gets it.")


async def ask(model: LanguageModel, prompt: Prompt, message: str, *, held: bool) -> Reply[str]:
    """Ask for one label; `held` leaves the model no other text."""
    request = f"Message: {message}\nLabel:"
    if not held:
        return await model.ask(prompt.rendered(), request, str)
    one_of: Any = Literal[tuple(label.name for label in prompt.labels)]
    return await model.ask(prompt.rendered(), request, cast("type[str]", one_of))


async def score(
    prompt: Prompt, part: str, messages: Labelled, model: LanguageModel | None, embedder: Embedder, progress: Progress
) -> PromptScore:
    """Score a prompt; raises ModelRetry for labels that the messages do not have, OperatorError, Unavailable."""
    _check(prompt, messages)
    if model is None:
        started = time.perf_counter()
        answers = nearest(prompt, messages.texts, embedder)
        spent = Spent(seconds=time.perf_counter() - started)
    else:
        spent, answers = Spent(), list[str]()
        async with model:
            for done, message in enumerate(messages.texts):
                await progress(done, len(messages.texts), message)
                reply = await ask(model, prompt, message, held=False)
                spent.add(reply)
                answers.append(reply.output or "")
    labels = [prompt.label_of(answer) for answer in answers]
    named = [prompt.named_in(answer) for answer in answers]
    wrong = [
        Mistake(text=text, expected=right, predicted=answer[:200])
        for text, right, answer, label in zip(messages.texts, messages.labels, answers, labels, strict=True)
        if label != right
    ]
    pairs = [f"{mistake.expected} > {prompt.label_of(mistake.predicted) or 'no label'}" for mistake in wrong]
    count = len(answers)
    return PromptScore(
        answered_by=model.name if model else BY_EMBEDDINGS,
        part=part,
        messages=count,
        accuracy=_share(labels, messages.labels),
        named=_share(named, messages.labels),
        in_form=round(sum(map(bool, labels)) / count, 4),
        macro_f1=macro_f1(messages.labels, labels),
        milliseconds=round(1000 * spent.seconds / count, 2),
        tokens=spent.input + spent.output,
        cost=spent.cost,
        mistakes=wrong,
        confused=sorted(set(pairs), key=lambda pair: (-pairs.count(pair), pair)),
        prompt=prompt.rendered(),
    )


def nearest(prompt: Prompt, messages: Sequence[str], embedder: Embedder) -> list[str]:
    """Return for each message the label whose description or example is nearest to it."""
    points = [(f"{label.name}: {label.description}" if label.description else label.name) for label in prompt.labels]
    owners = [label.name for label in prompt.labels] + [example.label for example in prompt.examples]
    vectors = embedder.embed([*points, *(example.text for example in prompt.examples), *messages])
    cosines = vectors[len(owners) :] @ vectors[: len(owners)].T
    return [owners[int(row.argmax())] for row in cosines]


def _check(prompt: Prompt, messages: Labelled) -> None:
    names = {label.name for label in prompt.labels}
    if len(names) != len(prompt.labels):
        raise ModelRetry("A label is there twice.", next_step="Send each once.")
    if names != set(messages.labels):
        wanted = ", ".join(sorted(set(messages.labels)))
        raise ModelRetry("These are not the labels of the messages.", next_step=f"Send exactly: {wanted}.")
    strange = [example.label for example in prompt.examples if example.label not in names]
    if strange:
        raise ModelRetry(
            f"An example has the label {strange[0]!r}.", next_step=f"Use one of {', '.join(sorted(names))}."
        )
    known = set(messages.texts)
    if any(example.text in known for example in prompt.examples):
        raise ModelRetry(
            "An example is one of the messages that the prompt is scored on.",
            next_step="Take one of the training part.",
        )


def _share(said: Sequence[str], right: Sequence[str]) -> float:
    return round(sum(a == b for a, b in zip(said, right, strict=True)) / len(right), 4)
