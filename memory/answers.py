"""What is remembered about a question, with the turns that say so, or nothing: a guess is worse than no memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, Field

from lyceum.sources import Source
from memory.archive import Fact
from memory.asked import SINGLE, sought, speaks_of_self, topic_asked
from memory.consolidation import reasons
from memory.dates import absolute
from memory.extraction import suspicious
from memory.ranking import asks_when, names_a_time, names_people
from memory.recall import Turn
from memory.scope import Scope
from memory.store import MemoryStore
from memory.topics import could_answer, usual
from models.analysis import term_ids, words

CONFIDENT = 0.5
SURE = 0.8  # from here on a turn need not say whom it is about
CLOSE = 0.15  # what is told beside the best one is about as likely
KIND = 2.5  # what it adds (log odds) that a fact is of the kind that is asked for
TOLD = 3  # statements in an answer
LOOKED_AT = 10


class Told(BaseModel):
    """One thing that was said: `text` quotes it, `turn` is where, `until` is set where it holds no more."""

    text: str
    turn: str
    since: str
    until: str = ""
    confidence: float
    origin: str = "user"


class Recollection(BaseModel):
    """`told` is best first and empty where nothing answers; `sources` are the turns, also those merely near."""

    confident: bool
    confidence: float = Field(description="How likely the best one answers, 0 to 1.")
    told: list[Told] = []
    sources: list[Source] = []


def recollect(store: MemoryStore, scope: Scope, question: str, *, limit: int = 5, without: str = "") -> Recollection:
    """Return what facts and turns say about a question; `without` is no evidence: the question's own turn."""
    told: list[tuple[Told, Turn]] = []
    for fact, confidence in _facts(store, scope, question):
        known = [turn for turn in reasons(store.file, scope, fact) if turn.id != without]
        if known:
            told.append((_of_fact(fact, known[-1], confidence), known[-1]))
    hits = store.recall.search(scope, question, limit=limit + LOOKED_AT)
    near = [hit for hit in hits if hit.turn.id != without and not hit.turn.text.rstrip().endswith("?")]
    said = {turn.id for _, turn in told}
    topic = topic_asked(question)
    meant = names_people(question) & {hit.turn.speaker.lower() for hit in near}
    for hit in near:
        turn = hit.turn
        if turn.origin != "user" or turn.id in said or suspicious(turn.text):
            continue
        confidence = likely(question, turn.text, hit.cosine)
        if topic in SINGLE or not (confidence > SURE or speaks_of_self(turn.text) or not speaks_of_self(question)):
            confidence *= 0.5
        if meant and turn.speaker.lower() not in meant:
            confidence *= 0.5  # what somebody else says of themselves
        told.append((_of_turn(turn, confidence), turn))
    told.sort(key=lambda each: (bool(each[0].until), -each[0].confidence))
    least = max(CONFIDENT, told[0][0].confidence - CLOSE) if told else 1.0
    best = [each for each in told if each[0].confidence >= least][:TOLD]
    sources = {turn.id: turn.source for turn in (*(turn for _, turn in best), *(hit.turn for hit in near[:limit]))}
    return Recollection(
        confident=bool(best),
        confidence=round(max((each.confidence for each, _ in told), default=0.0), 3),
        told=[each for each, _ in best],
        sources=list(sources.values()),
    )


def _facts(store: MemoryStore, scope: Scope, question: str) -> list[tuple[Fact, float]]:
    """Return facts with how likely they answer: those of the topic asked about, and their history where it is asked."""
    topic = topic_asked(question)
    found: dict[str, tuple[Fact, float]] = {}
    cosines = {fact.id: (fact, cosine) for fact, cosine in store.archive.near(scope, question, limit=LOOKED_AT)}
    for fact in store.archive.facts(scope, history=True) if topic else ():
        if fact.origin != "tool" and _is_about(fact.topic, topic):
            sure = 0.95
            if topic.endswith(":") or fact.topic != topic:  # one of several: the words tell which
                sure = likely(question, fact.text, cosines.get(fact.id, (fact, 0.0))[1], KIND)
            found[fact.id] = (fact, sure)
    for fact, cosine in cosines.values():
        if fact.id not in found and fact.origin != "tool":
            confidence = likely(question, fact.text, cosine)
            if topic in SINGLE or (asks_when(question) and not names_a_time(fact.text)):
                confidence *= 0.5
            found[fact.id] = (fact, confidence)
    return list(found.values())


def _is_about(topic: str, asked: str) -> bool:
    if asked.endswith(":"):
        return topic.startswith(asked)
    return topic == asked or topic.startswith(f"{asked}:")


def likely(question: str, text: str, cosine: float, more: float = 0.0) -> float:
    """Return how likely a text answers, 0 to 1: logistic in cosine and in the share of the words that it carries."""
    carried = coverage(sought(usual(question)), usual(text))
    sure = 1 / (1 + math.exp(-(7.0 * cosine + 4.0 * carried + more - 5.0)))
    return sure if could_answer(question, text) else sure * 0.5


def coverage(wanted: Sequence[str], text: str) -> float:
    """Return the share of words, as stems, that a text carries, 0 to 1."""
    stems, held = set(term_ids(wanted)), set(term_ids(words(text)))
    return len(stems & held) / len(stems) if stems else 0.0


def _of_fact(fact: Fact, turn: Turn, confidence: float) -> Told:
    return Told(
        text=fact.text,
        turn=turn.id,
        since=f"{turn.said:%-d %B %Y}",
        until=f"{fact.valid_to:%-d %B %Y}" if fact.valid_to else "",
        confidence=round(confidence, 3),
        origin=fact.origin,
    )


def _of_turn(turn: Turn, confidence: float) -> Told:
    return Told(
        text=absolute(turn.text, turn.said)[:1000],
        turn=turn.id,
        since=f"{turn.said:%-d %B %Y}",
        confidence=round(confidence, 3),
        origin=turn.origin,
    )
