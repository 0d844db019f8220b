"""The same classification by a linear model on word counts and by one on sentence embeddings, in one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from mcp_servers.text.extra import library

if TYPE_CHECKING:
    from models.embeddings import Embedder

Method = Literal["tfidf", "embeddings"]
TRAINING = 20  # messages of each label; the rest test
MESSAGES = Path(__file__).parent / "data" / "messages.yaml"


@dataclass(frozen=True)
class Labelled:
    texts: list[str]
    labels: list[str]


class Mistake(BaseModel):
    text: str
    expected: str
    predicted: str


class Classified(BaseModel):
    """One method on the test messages; `milliseconds` is per message, `training_seconds` once."""

    method: str
    accuracy: float
    macro_f1: float
    milliseconds: float
    training_seconds: float
    cost: float = Field(description="US dollars for all test messages; what runs on this machine costs none.")
    mistakes: list[Mistake]


class Compared(BaseModel):
    labels: list[str]
    training: int
    test: int
    methods: list[Classified]


def messages() -> tuple[Labelled, Labelled]:
    """Return the training and the test messages, 100 and 50 in five labels."""
    import yaml

    by_label: dict[str, list[str]] = yaml.safe_load(MESSAGES.read_text(encoding="utf-8"))
    parts: list[Labelled] = []
    for part in (slice(None, TRAINING), slice(TRAINING, None)):
        pairs = [(text, label) for label, texts in by_label.items() for text in texts[part]]
        parts.append(Labelled([text for text, _ in pairs], [label for _, label in pairs]))
    return parts[0], parts[1]


def compare(methods: Sequence[Method], embedder: Callable[[], Embedder]) -> Compared:
    """Train and test each method; raises OperatorError without the extra, or without the embedding model."""
    training, test = messages()
    done = [_tried(method, training, test, embedder) for method in dict.fromkeys(methods)]
    return Compared(labels=sorted(set(test.labels)), training=len(training.texts), test=len(test.texts), methods=done)


def _tried(method: Method, training: Labelled, test: Labelled, embedder: Callable[[], Embedder]) -> Classified:
    linear = library("sklearn.linear_model").LogisticRegression(C=10, max_iter=1000)
    if method == "tfidf":
        counted = library("sklearn.feature_extraction.text").TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        model: Any = library("sklearn.pipeline").make_pipeline(counted, linear)
        turned: Callable[[list[str]], Any] = list
    else:
        model, turned = linear, embedder().embed
        turned(["warm"])  # reading the weights is no part of what a message takes
    started = time.perf_counter()
    model.fit(turned(training.texts), training.labels)
    trained = time.perf_counter()
    predicted = [str(label) for text in test.texts for label in model.predict(turned([text]))]
    ended = time.perf_counter()
    metrics = library("sklearn.metrics")
    return Classified(
        method=method,
        accuracy=round(float(metrics.accuracy_score(test.labels, predicted)), 4),
        macro_f1=round(float(metrics.f1_score(test.labels, predicted, average="macro")), 4),
        milliseconds=round((ended - trained) / len(predicted) * 1000, 3),
        training_seconds=round(trained - started, 3),
        cost=0.0,
        mistakes=[
            Mistake(text=text, expected=right, predicted=said)
            for text, right, said in zip(test.texts, test.labels, predicted, strict=True)
            if right != said
        ],
    )
