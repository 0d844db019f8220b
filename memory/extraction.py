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
from memory.sentences import SENTENCE
from memory.topics import named, told
from models.offline.skill import content_words

SHORTEST, LONGEST = 1, 60  # words of a sentence that may hold a fact
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
    r"yes|no|also|and|but|there|correction|update|fyi|for the record|just so you know|as of (?:today|now)|"
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
# What is told of is the subject: "seeing my kids was fun" tells nothing of the kids.
_MINE = re.compile(
    r"(?:^|^the\s+[\w\s]{1,40}?\s(?:of|for|to|on|in|at)\s+|[,;:–—]\s*|\s-\s+|"
    r"\b(?:and|but|because|so|since|now|recently|of course)\s+)"
    r"(?:my|our)\s+(?P<what>(?:(?!(?:and|hard|when|i|we|my|our|which|can|could|really|so)\b)[\w'’-]+\s+){0,4}?"
    r"(?!(?:and|when|i|we|my|our|which|hard)\b)[\w'’-]+?)(?:\s+(?:now|currently|still|also|just|has|will))*\s+"
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
_SAYS_NOTHING = re.compile(
    r"^(?:(?:a lot|so much|just|really|all)\s+)*(?:that|how|when|what|it|its|it's|it’s|this|these|those|the way|you|"
    r"your|him|her|them|his|being able|seeing you|hear|hearing|the \w+(?: \w+)? (?:it|it's|it’s|you|this|that))\b",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"\b(?:is|are|was|were|be|been)\s+(?:(?:so|really|very|such|pretty|just|always|super|all|truly|my|our|an?)\s+)*(?:special|great|"
    r"awesome|amazing|inspiring|exciting|wonderful|incredible|fantastic|comforting|important|cool|lovely|fun|blast|"
    r"powerful|tough|indescribable|unforgettable|everything|excited|proud|happy|motivation|there for|cute)\b",
    re.IGNORECASE,
)
_LIKE_THAT = re.compile(r"\b(?:is|are|was|were) (?:like|just like) (?:that|this)\b", re.IGNORECASE)
_TO_OTHERS = re.compile(
    r"^(?:you|you're|you’re|you've|you’ve|your|thanks|thank you|congrats|congratulations|let's|let’s|keep|take|don't|"
    r"don’t|good luck|look|which|it's|it’s|that's|that’s)\b",
    re.IGNORECASE,
)
# "seeing them eat fruit", "the freedom it brings", "this city": of whom and what is not said.
_UNTOLD = re.compile(r"^[^,;.!–—-]*\b(?:them|him|his|it brings|that \w+|this|these|those)\b", re.IGNORECASE)
_LITTLE = re.compile(
    r"^an?\s+(?:really\s+|very\s+|such\s+)?(?:lot|few|bit|great|good|amazing|shot|pic|picture|photo|chance)\b",
    re.IGNORECASE,
)
_ANAPHOR = re.compile(
    r"\b(?:it|this|that|there|these|those|them|one|something|somewhere|an experience)\b", re.IGNORECASE
)
_COMMENT = re.compile(r"(?:,| -| –| —|;)?\s*(?:and|but)?\s*\b(?:it|that)(?:'s|’s| is| was)\b.*$", re.IGNORECASE)
_EMPTY = frozenset(
    "great awesome amazing blast really thing first time last lot good fun nice feel felt take took starting happened "
    "accomplishment milestone news experience incident major huge".split()
)
_ASIDE = frozenset("new current favourite favorite latest old own usual preferred full main".split())
_JOINT = re.compile(r",? and (?=(?:i|i'm|i’m|i've|my|we|our)\b)", re.IGNORECASE)
_EVENT = re.compile(r"\b(?:i|we|my|our)\b", re.IGNORECASE)
_FLEETING = re.compile(
    r"\b(?:tired|hungry|fine|ok(?:ay)?|sorry|busy|late|bored|happy|sad|confused|ready|back|here|sure|glad|question|"
    r"problem|idea|minute|moment|thought|point|guess|mistake|bad|turn|feeling|week|days?|mood|tip|advice|efforts?)\b",
    re.IGNORECASE,
)
# "Remember, practice helps" and "remember to rest" are advice.
_REMEMBER = re.compile(r"^\s*(?:please\s+)?(?:remember|note)(?:\s+that)?\b(?!\s*,|\s+to\b)", re.IGNORECASE)
_LASTS = re.compile(
    r"\b(?:moved|started|began|joined|left|quit|finished|passed|bought|sold|adopted|married|born|died|signed|won|lost|met|"
    r"got (?:the|a|an|my)|appointment|booked|exam|interview|meeting)\b",
    re.IGNORECASE,
)
_ONLY_NOW = re.compile(r"\b(?:tonight|today)\b", re.IGNORECASE)


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
    parts = SENTENCE.split(_QUOTED.sub(" ", text[:20_000]))
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
    if topic is None and dated and _is_event(said_plainly):
        topic = ""  # an event: it happened or will happen, nothing replaces it
    if topic is None and asked_to:
        topic = ""
    if topic is None:
        return None
    text = said_plainly[:1].upper() + said_plainly[1:]
    return Extracted(topic, absolute(text, said), starts(text, said), 0.9 if topic or asked_to else 0.7)


def _is_event(sentence: str) -> bool:
    """Whether a dated sentence says what happened to the speaker, and does not only point at it."""
    if _TO_OTHERS.match(sentence) or _FLEETING.search(undated(sentence)) or not _EVENT.search(sentence):
        return False
    if _ONLY_NOW.search(sentence) and not _LASTS.search(sentence):
        return False
    plain = _COMMENT.sub("", undated(sentence))
    told = [word for word in content_words(plain) if word not in _EMPTY]
    return len(told) > 2 or (bool(told) and _ANAPHOR.search(plain) is None)


def topic_of(sentence: str) -> str | None:
    """Return what a sentence about the speaker is about; None where it tells nothing that lasts."""
    for topic, pattern in _SINGLE:
        if pattern.search(sentence):
            return topic
    if (known := told(sentence)) is not None:
        return known
    mine = _MINE.search(sentence)
    if mine and not _PRAISE.search(sentence) and not _LIKE_THAT.search(sentence):
        return _topic(mine["what"])
    for topic, pattern in _MANY:
        match = pattern.search(sentence)
        hollow = {"taste": _SAYS_NOTHING, "has": _LITTLE}.get(topic)
        nothing = match is not None and hollow is not None and hollow.match(match["what"])
        nothing = nothing or (match is not None and topic == "taste" and _UNTOLD.match(match["what"]))
        if match and not nothing and not _FLEETING.search(match["what"]):
            what = [word for word in content_words(match["what"]) if word not in _ASIDE][:3]
            return f"{topic}: {' '.join(what)}" if what else None
    return None


def _topic(what: str) -> str | None:
    """Name what someone has by its lasting words: "my new phone number" and "my phone number" are the same."""
    if _FLEETING.search(what):
        return None
    words = [word.lower().replace("’", "'").removesuffix("'s") for word in what.split()]
    kept = named([word for word in words if word not in _ASIDE and word != "name"] or words)
    return f"my {' '.join(kept)}"
