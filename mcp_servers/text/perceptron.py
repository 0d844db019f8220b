"""Entities and relations by averaged perceptrons, in plain Python (Collins 2002, doi:10.3115/1118693.1118694).

The tagger is a linear chain, as in a conditional random field: features of a token and its neighbours vote for a tag,
weights between neighbouring tags join in, and the best sequence is found by dynamic programming. A relation is decided
for each pair of entities whose labels it can join.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mcp_servers.text.annotated import Annotated, Entity, Extracted, Relation, Scheme, corpus

EPOCHS = 8
OUTSIDE = "O"
_TOKEN = re.compile(r"\d[\d.,]*\d|\w+|[^\w\s]")


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int


class Weights:
    """Weights by feature, and their mean over all steps: early examples must not count less than the last."""

    def __init__(self) -> None:
        self._now: dict[str, float] = defaultdict(float)
        self._sum: dict[str, float] = defaultdict(float)
        self._changed: dict[str, int] = defaultdict(int)
        self.step = 0

    def score(self, features: Sequence[str]) -> float:
        now = self._now
        return sum(now[feature] for feature in features if feature in now)

    def change(self, features: Sequence[str], by: float) -> None:
        for feature in features:
            self._sum[feature] += (self.step - self._changed[feature]) * self._now[feature]
            self._changed[feature] = self.step
            self._now[feature] += by

    def settle(self) -> None:
        """Take the means for the weights; learning is over."""
        for feature, weight in self._now.items():
            total = self._sum[feature] + (self.step - self._changed[feature]) * weight
            self._now[feature] = total / max(self.step, 1)


class Learned:
    """A tagger and a judge of pairs, trained on annotated sentences; the same sentences give the same model."""

    def __init__(self, scheme: Scheme, sentences: Sequence[Annotated], epochs: int = EPOCHS) -> None:
        self._scheme = scheme
        self._tags = [OUTSIDE, *(f"{part}-{label}" for label in scheme.labels for part in "BI")]
        self._tagger, self._judge = Weights(), Weights()
        order = random.Random(1)  # noqa: S311 - not for secrets
        shuffled = list(sentences)
        for _ in range(epochs):
            order.shuffle(shuffled)
            for sentence in shuffled:
                self._learn_tags(sentence)
                self._learn_relations(sentence)
        self._tagger.settle()
        self._judge.settle()

    def extract(self, text: str) -> Extracted:
        tokens = tokenized(text)
        entities = _entities(text, tokens, self._tagged(tokens))
        relations = [
            Relation(subject=subject.text, relation=name, object=thing.text)
            for name, subject, thing in self._pairs(entities)
            if self._judge.score(_between(text, entities, subject, thing, name)) > 0
        ]
        return Extracted(entities=entities, relations=relations)

    def _learn_tags(self, sentence: Annotated) -> None:
        tokens = tokenized(sentence.text)
        right, said = _tags_of(sentence, tokens), self._tagged(tokens)
        self._tagger.step += 1
        if right == said:
            return
        for tags, by in ((right, 1.0), (said, -1.0)):
            before = ""
            for at, tag in enumerate(tags):
                self._tagger.change([f"{tag}|{feature}" for feature in _features(tokens, at)], by)
                self._tagger.change([f"{before}>{tag}"], by)
                before = tag

    def _learn_relations(self, sentence: Annotated) -> None:
        held = {(fact.relation, fact.subject, fact.object) for fact in sentence.found.relations}
        for name, subject, thing in self._pairs(sentence.found.entities):
            self._judge.step += 1
            features = _between(sentence.text, sentence.found.entities, subject, thing, name)
            wanted = (name, subject.text, thing.text) in held
            if (self._judge.score(features) > 0) != wanted:
                self._judge.change(features, 1.0 if wanted else -1.0)

    def _tagged(self, tokens: Sequence[Token]) -> list[str]:
        """Return the best sequence of tags (Viterbi)."""
        best: dict[str, tuple[float, list[str]]] = {"": (0.0, [])}
        for at in range(len(tokens)):
            features = _features(tokens, at)
            found: dict[str, tuple[float, list[str]]] = {}
            for tag in self._tags:
                own = self._tagger.score([f"{tag}|{feature}" for feature in features])
                reached = [
                    (score + own + self._tagger.score([f"{before}>{tag}"]), before)
                    for before, (score, _) in best.items()
                    if tag[0] != "I" or before[2:] == tag[2:]
                ]
                if reached:
                    score, before = max(reached)
                    found[tag] = (score, [*best[before][1], tag])
            best = found
        return max(best.values())[1]

    def _pairs(self, entities: Sequence[Entity]) -> Iterator[tuple[str, Entity, Entity]]:
        for name, (subjects, objects) in self._scheme.relations.items():
            for subject in entities:
                for thing in entities:
                    if subject.label == subjects and thing.label == objects and subject is not thing:
                        yield name, subject, thing


@lru_cache(maxsize=1)
def learned() -> Learned:
    """Return the model of this repository's training sentences, trained on first use in a second or two."""
    held = corpus()
    return Learned(held.scheme, held.train)


def tokenized(text: str) -> list[Token]:
    return [Token(found[0], found.start(), found.end()) for found in _TOKEN.finditer(text)]


def _tags_of(sentence: Annotated, tokens: Sequence[Token]) -> list[str]:
    tags: list[str] = []
    for token in tokens:
        inside = next((e for e in sentence.found.entities if e.start <= token.start < e.end), None)
        tags.append(OUTSIDE if inside is None else f"{'B' if inside.start == token.start else 'I'}-{inside.label}")
    return tags


def _entities(text: str, tokens: Sequence[Token], tags: Sequence[str]) -> list[Entity]:
    found: list[Entity] = []
    for token, tag in zip(tokens, tags, strict=True):
        if tag[0] == "B":
            found.append(Entity(text=token.text, label=tag[2:], start=token.start, end=token.end))
        elif tag[0] == "I":
            last = found[-1]
            found[-1] = last.model_copy(update={"text": text[last.start : token.end], "end": token.end})
    return found


def _features(tokens: Sequence[Token], at: int) -> list[str]:
    text = tokens[at].text
    before = tokens[at - 1].text if at else "<"
    after = tokens[at + 1].text if at + 1 < len(tokens) else ">"
    return [
        "always",
        f"word {text.lower()}",
        f"shape {_shape(text)}",
        f"ends {text[-2:].lower()}",
        f"before {before.lower()}",
        f"after {after.lower()}",
        f"shapes {_shape(before)} {_shape(text)} {_shape(after)}",
        f"before {before.lower()} shape {_shape(text)}",
        f"shape {_shape(text)} after {after.lower()}",
        *([f"two before {tokens[at - 2].text.lower()}"] if at > 1 else ["first"]),
    ]


def _shape(text: str) -> str:
    """`Xx` for Bergen, `9` for 240, `X` for AS: what kind of word it is, whichever word."""
    signs = re.sub(r"\w", lambda c: "9" if c[0].isdigit() else "X" if c[0].isupper() else "x", text)
    return re.sub(r"(.)\1+", r"\1", signs)


def _between(text: str, entities: Sequence[Entity], subject: Entity, thing: Entity, name: str) -> list[str]:
    """Features of a pair: order, words and entities between, and the words around."""
    first, second = sorted((subject, thing), key=lambda entity: entity.start)
    words = [token.text.lower() for token in tokenized(text[first.end : second.start])]
    among = [e.label for e in entities if first.end <= e.start < second.start]
    lead = tokenized(text[: first.start])
    order = f"{name} {'forward' if first is subject else 'back'}"
    near = min(len(words), 6) // 2
    return [
        order,
        f"{order} distance {near}",
        *(f"{order} between {word}" for word in set(words)),
        *(f"{order} over {label}" for label in set(among)),
        f"{order} last {words[-1] if words else ''}",
        f"{order} before {lead[-1].text.lower() if lead else '<'}",
        *(f"{name} rival {label}" for label in (subject.label, thing.label) if label in among),
    ]
