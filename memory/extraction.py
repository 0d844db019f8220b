"""Lasting facts in what a user says, by rules: who they are, what is theirs, what they like, what is planned.

A fact keeps the user's own sentence. Its topic is what a later sentence has to be about to replace it; an empty topic
is never replaced. Questions, guesses, quotations and orders to the assistant are no facts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.dates import absolute, find, starts, undated
from memory.recall import Turn
from models.offline.skill import content_words

SHORTEST, LONGEST = 1, 60  # words of a sentence that may hold a fact
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_QUOTED = re.compile(r"```.*?```|^\s*>.*$|\"[^\"\n]{20,}\"|“[^”\n]{20,}”", re.DOTALL | re.MULTILINE)
_UNSURE = re.compile(
    r"\b(?:if|would|could|might|maybe|perhaps|suppose|imagine|pretend|hypothetically|wonder(?:ing)?|wish|i guess|"
    r"probably|not sure|let's say)\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|rule|prompt|previous|above|everything)|"
    r"\b(?:system prompt|developer message|jailbreak|you are now|from now on you|you must|reveal|act as)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:please\s+|(?:can|could|will) you\s+)*(?:explain|show|list|write|give|tell|find|search|compare|calculate|"
    r"compute|run|execute|fix|review|check|verify|proofread|teach|quiz|summari[sz]e|translate|help|make|create|draft|plan|let|"
    r"use|read|open|step \d+)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:(?:please\s+)?remember(?:\s+that)?|note(?:\s+that)?|by the way|btw|actually|well|so|oh|hi|hello|hey|"
    r"yes|no|also|and|but|correction|update|fyi|for the record|just so you know|as of (?:today|now)|"
    r"good news)\b[\s,:;!—-]*)+",
    re.IGNORECASE,
)
_I = r"\bi(?:\s+(?:also|now|currently|just|recently|still|really|finally|actually|used to))*"
_AM = rf"(?:{_I}\s+am|\bi(?:'|’)m)(?:\s+(?:also|now|currently|still|really))*"
_HAVE = r"(?:\s+have|(?:'|’)ve)?(?:\s+just|\s+recently)?"
_SINGLE: list[tuple[str, re.Pattern[str]]] = [
    (topic, re.compile(pattern, re.IGNORECASE))
    for topic, pattern in {
        "name": rf"\bmy name(?:\s+is|'s)\s+\w|\b(?:please\s+)?call me\s+\w|{_AM} called\s+\w",
        "home": rf"{_I}\s+live (?:in|at|near|on)\b|\bi{_HAVE}\s+(?:moved|relocated) (?:\w+ )?to\b"
        rf"|{_AM} (?:based|living) in\b",
        "work": rf"{_I}\s+work (?:as|at|for|in)\b"
        rf"|\bi{_HAVE}\s+(?:started|joined|begun)\b.*\b(?:job|work(?:ing)?|as an?|at)\b"
        rf"|\bi{_HAVE}\s+joined\b|{_AM} (?:working (?:as|at|for)|employed)\b|\bi{_HAVE}\s+(?:retired|quit my job)\b"
        rf"|{_AM} retired\b",
        "age": rf"{_AM} \d{{1,3}}(?: years old)?\b(?!\s*(?:minutes|hours|km|miles|%))|\bi{_HAVE}? turned \d{{1,3}}\b",
        "relationship": rf"{_AM} (?:married|single|engaged|divorced|widowed)\b"
        rf"|\b(?:i|we){_HAVE}\s+(?:got )?(?:married|divorced|engaged)\b",
        "diet": rf"{_AM} (?:an? )?(?:vegan|vegetarian|pescatarian)\b|{_I}\s+(?:don't|do not|no longer) eat meat\b",
    }.items()
]
_MINE = re.compile(
    r"\b(?:my|our)\s+(?P<what>(?:[\w'’-]+\s+){0,4}?[\w'’-]+?)(?:\s+(?:now|currently|still|also|just|has|will))*\s+"
    r"(?:is|are|was|were|be|been|lives?|works?|moved|started|changed|called|named|leaves?|starts?|begins?|ends?|expires?|"
    r"arrives?|costs?|belongs?)\b",
    re.IGNORECASE,
)
_MANY: list[tuple[str, re.Pattern[str]]] = [
    (topic, re.compile(pattern, re.IGNORECASE))
    for topic, pattern in {
        "taste": rf"{_I}\s+(?:(?:don't|do not|no longer|never)\s+)?(?:like|love|enjoy|hate|dislike|prefer|can't stand)"
        r"\s+(?P<what>.+)",
        "allergy": rf"{_AM} (?:not |no longer )?allergic to\s+(?P<what>.+)",
        "learning": rf"{_AM} (?:learning|studying|training for|writing|building|reading)\s+(?P<what>.+)",
        "has": rf"(?:{_I}\s+(?:have|own)|\bi(?:'|’)ve got|\b(?:i|we){_HAVE}\s+(?:bought|adopted|got))\s+"
        r"(?P<what>(?:an?|two|three|four|five|six|\d+|no)\s+.+)",
        "speaks": rf"{_I}\s+speak\s+(?P<what>.+)",
    }.items()
]
_ASIDE = frozenset("new current favourite favorite latest old own usual preferred full main".split())
_JOINT = re.compile(r",? and (?=(?:i|i'm|i’m|i've|my|we|our)\b)", re.IGNORECASE)
_EVENT = re.compile(r"\b(?:i|we|my|our)\b", re.IGNORECASE)
_FLEETING = re.compile(
    r"\b(?:tired|hungry|fine|ok(?:ay)?|sorry|busy|late|bored|happy|sad|confused|ready|back|here|sure|glad|question|"
    r"problem|idea|minute|moment|thought|point|guess|mistake|bad|turn|feeling)\b",
    re.IGNORECASE,
)
_REMEMBER = re.compile(r"^\s*(?:please\s+)?(?:remember|note)(?:\s+that)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Extracted:
    """A fact as it was said, dates made absolute; `since` is when it began to hold."""

    topic: str
    text: str
    since: datetime
    confidence: float


def extract(turn: Turn) -> list[Extracted]:
    """Return the facts in a user's turn; what a tool or the assistant said holds none."""
    if turn.origin != "user":
        return []
    found: list[Extracted] = []
    for sentence in [clause for each in sentences(turn.text) for clause in _clauses(each)]:
        fact = _fact(sentence, turn.said)
        if fact is not None:
            found.append(fact)
    return found


def tells(text: str) -> bool:
    """Whether a user's message holds a fact."""
    now = datetime.now(UTC)
    said = Turn(id="", thread="", number=0, speaker="user", origin="user", said=now, text=text)
    return bool(extract(said))


def sentences(text: str) -> list[str]:
    """Return the sentences of a message without what it quotes."""
    parts = _SENTENCE.split(_QUOTED.sub(" ", text[:20_000]))
    return [part.strip() for part in parts if part.strip()]


def suspicious(text: str) -> bool:
    """Whether a text reads like an order to the assistant about its own rules."""
    return _ORDER.search(text) is not None


def _clauses(sentence: str) -> list[str]:
    """Cut "my name is Ana and I live in Porto" in two, where each part is about something else."""
    parts = [part.strip(" ,") for part in _JOINT.split(sentence)]
    topics = [topic_of(undated(part)) for part in parts]
    apart = len(parts) > 1 and all(topics) and len(set(topics)) == len(parts)
    return parts if apart and not sentence.endswith("?") and not _UNSURE.search(sentence) else [sentence]


def _fact(sentence: str, said: datetime) -> Extracted | None:
    words = sentence.split()
    if (
        sentence.endswith("?")
        or not SHORTEST < len(words) <= LONGEST
        or suspicious(sentence)
        or _UNSURE.search(sentence)
    ):
        return None
    asked_to = _REMEMBER.match(sentence) is not None
    said_plainly = _LEAD.sub("", sentence).strip()
    if _ASKS.match(said_plainly):
        return None
    dated = find(said_plainly, said)
    topic = topic_of(undated(said_plainly))
    if topic is None and dated and _EVENT.search(said_plainly) and not _FLEETING.search(said_plainly):
        topic = ""  # an event: it happened or will happen, nothing replaces it
    if topic is None and asked_to:
        topic = ""
    if topic is None:
        return None
    text = said_plainly[:1].upper() + said_plainly[1:]
    return Extracted(topic, absolute(text, said), starts(text, said), 0.9 if topic or asked_to else 0.7)


def topic_of(sentence: str) -> str | None:
    """Return what a sentence about the speaker is about; None where it tells nothing that lasts."""
    for topic, pattern in _SINGLE:
        if pattern.search(sentence):
            return topic
    mine = _MINE.search(sentence)
    if mine:
        return _topic(mine["what"])
    for topic, pattern in _MANY:
        match = pattern.search(sentence)
        if match and not _FLEETING.search(match["what"]):
            what = [word for word in content_words(match["what"]) if word not in _ASIDE][:3]
            return f"{topic}: {' '.join(what)}" if what else None
    return None


def _topic(what: str) -> str | None:
    """Name what someone has by its lasting words: "my new phone number" and "my phone number" are the same."""
    if _FLEETING.search(what):
        return None
    words = [word.lower().replace("’", "'").removesuffix("'s") for word in what.split()]
    kept = [word for word in words if word not in _ASIDE and word != "name"]
    return f"my {' '.join(kept or words)}"
