"""What a question about oneself is about: the topic under which the archive would keep its answer."""

from __future__ import annotations

import re

from memory.topics import KIN, SAME, named
from models.offline.skill import content_words

_OWN = re.compile(r"\b(?:i|i'm|i’m|i've|i’ve|me|my|mine|myself|we|us|our)\b", re.IGNORECASE)
_ABOUT_SELF = re.compile(
    r"\b(?:my|our)\s+\w|\b(?:do|did|am|was|were|have|had|are|should|can|will)\s+(?:i|we)\b|\bi\s+(?:told|said|mentioned)\b"
    r"|\b(?:about|remember|told|know(?:n)?(?: about)?)\s+(?:me|us)\b|\bwho am i\b|\bi(?:'|’)(?:m|ve)\b",
    re.IGNORECASE,
)
_TO_ME = re.compile(r"^\s*(?:who|which|what|when|where)\b.*\b(?:me|us)\b", re.IGNORECASE)
_POSSESSED = re.compile(r"\b(?:my|our)\s+\w", re.IGNORECASE)
_HOW_TO = re.compile(
    r"^\s*(?:please\s+)?(?:how (?:do|can|should|would|could) (?:i|we)|can i|could i|should i|help me|show me|"
    r"tell me how|give me|explain|write|make|let me|what (?:do|should|can) (?:i|we) (?:need|have) to)\b",
    re.IGNORECASE,
)
_TOPICS: list[tuple[str, re.Pattern[str]]] = [
    (topic, re.compile(pattern, re.IGNORECASE))
    for topic, pattern in {
        "name": r"\bmy name\b|\bwho am i\b|\bwhat am i called\b",
        "home": r"\bwhere\b.*\b(?:i|we) (?:now |currently )?(?:live|stay)\b|\bwhere (?:am i|are we) (?:based|living)\b|"
        r"\b(?:city|town|country|place)\b.*\b(?:i|we) (?:\w+ )?live\b|\bmy (?:home ?town|address|home)\b|"
        r"\bwhere did (?:i|we) move\b|\bdid (?:i|we) (?:use to )?live\b",
        "work": r"\bwhere do i work\b|\bwhat do i (?:work|do for (?:a living|work))\b|\bwhat is my (?:job|work|"
        r"profession|occupation)\b|\bmy (?:job|profession|occupation|employer)\b|\bwho do i work for\b",
        "age": r"\bhow old am i\b|\bmy age\b",
        "relationship": r"\bam i (?:married|single|engaged|divorced)\b|\bmy (?:marital|relationship) status\b",
        "diet": r"\bam i (?:an? )?(?:vegan|vegetarian)\b|\bdo i eat meat\b|\bmy diet\b",
    }.items()
]
_KINDS: list[tuple[str, re.Pattern[str]]] = [
    (topic, re.compile(pattern, re.IGNORECASE))
    for topic, pattern in {
        "allergy": r"\b(?:am i allergic|allerg(?:y|ies))\b",
        "taste": r"\bdo (?:i|we) (?:like|love|enjoy|hate|dislike|prefer)\b|\bmy (?:hobb(?:y|ies)|tastes?)\b",
        "speaks": r"\blanguages? (?:do|can) i (?:speak|know)\b|\bdo i speak\b",
        "learning": r"\bam i (?:learning|studying|reading|writing|building|training for)\b",
        "has": r"\bdo (?:i|we) (?:have|own)\b|\bhave (?:i|we) got\b|\bdid (?:i|we) (?:buy|adopt|get)\b",
    }.items()
]
_MINE = re.compile(
    r"\b(?:my|our)\s+(?P<what>(?:[\w'’-]+\s+){0,3}?[\w'’-]+?)(?:(?:'|’)s(?:\s+name)?)?"
    r"(?=\s+(?:is|are|was|were|called|named|name|live|lives|work|works|start|starts|be|now|again)\b|\s*[?.!,]|\s*$)",
    re.IGNORECASE,
)
SINGLE = frozenset(topic for topic, _ in _TOPICS)  # everyone has one at a time, and the rules know how it is told
_ASIDE = frozenset("new current favourite favorite latest old own usual preferred full main".split())


def about_self(question: str) -> bool:
    """Whether a question asks about the one who asks, and not how to do something."""
    how_to = _HOW_TO.match(question) is not None and _POSSESSED.search(question) is None
    return not how_to and (_ABOUT_SELF.search(question) or _TO_ME.search(question)) is not None


def speaks_of_self(text: str) -> bool:
    return _OWN.search(text) is not None


def topic_asked(question: str) -> str:
    """Return the topic that an answer would have: "home" for "Where do I live?"; empty where it cannot be told.

    A topic that ends with a colon stands for all that begin so ("allergy:").
    """
    for topic, pattern in _TOPICS:
        if pattern.search(question):
            return topic
    for topic, pattern in _KINDS:
        if pattern.search(question):
            return f"{topic}:"
    if mine := _MINE.search(question):
        words = [word.lower().replace("’", "'").removesuffix("'s") for word in mine["what"].split()]
        kept = named([word for word in words if word not in _ASIDE and word != "name"] or words)
        first = next((word for word in kept if SAME.get(word, word) in KIN), "")
        return f"my {SAME.get(first, first) or ' '.join(kept)}"
    return ""


def sought(question: str) -> list[str]:
    """Return the words that an answer has to carry; those of asking itself are left out."""
    return [word for word in content_words(question) if word not in _ASKING]


_ASKING = frozenset(
    "remember told tell said say know mention mentioned say again please currently now name called thing kind".split()
)
