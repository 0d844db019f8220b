"""Where what was told and what is asked meet, however worded: one name for a thing, and what a sentence is about.

Closed classes only: kinship, ways of reaching someone, languages, home, work and diet. No sentence is recognised whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SAME = {
    "mum": "mother", "mom": "mother", "mummy": "mother", "mam": "mother", "dad": "father", "daddy": "father",
    "papa": "father", "mama": "mother", "grandma": "grandmother", "granny": "grandmother", "grandpa": "grandfather",
    "granddad": "grandfather", "manager": "boss", "supervisor": "boss", "kids": "children", "kid": "children",
    "child": "children", "color": "colour", "flat": "apartment", "job": "work", "mobile": "phone", "cell": "phone",
    "cellphone": "phone", "telephone": "phone", "e-mail": "email", "mail": "email", "film": "movie",
}  # fmt: skip
KIN = frozenset(
    "mother father sister brother wife husband partner girlfriend boyfriend son daughter children twins grandmother "
    "grandfather grandparents parents aunt uncle cousin niece nephew boss colleague neighbour neighbor friend landlord "
    "teacher doctor dentist mother-in-law father-in-law".split()
)
_LANGUAGES = (
    "english|german|dutch|french|spanish|portuguese|italian|arabic|hebrew|turkish|russian|ukrainian|polish|czech|slovak|"
    "hungarian|romanian|bulgarian|greek|serbian|croatian|danish|swedish|norwegian|finnish|icelandic|estonian|latvian|"
    "lithuanian|irish|welsh|catalan|basque|chinese|mandarin|cantonese|japanese|korean|vietnamese|thai|indonesian|malay|"
    "hindi|urdu|bengali|punjabi|tamil|telugu|persian|farsi|swahili|afrikaans|esperanto|latin"
)
_BUSY = r"(?:\s+(?:also|now|currently|just|recently|still|mostly|usually|mainly|both|all))*"
_WE = rf"\b(?:i|we)(?:\s+(?:have|had)|(?:'|’)ve)?{_BUSY}"
_OTHERS = re.compile(
    r"\b(?:his|her|their|your)\b|\b\w+(?:'|’)s\s+(?:phone|mobile|number|e-?mail|address)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ()/.-]?\d){6,14}(?!\w)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.-]*")
_REACHED = re.compile(
    r"\b(?:reach|call|text|ring|whatsapp|phone)\s+(?:me|us)\b|\b(?:my|our|that|the|this)\s+(?:\w+\s+)?(?:phone|mobile|cell|"
    r"telephone)\b|\b(?:my|our)\s+(?:\w+\s+)?number\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:i|me|my|mine|us|our|we)\b", re.IGNORECASE)
_TOLD: list[tuple[str, re.Pattern[str]]] = [
    (topic, re.compile(pattern, re.IGNORECASE))
    for topic, pattern in {
        "name": r"\b(?:every(?:body|one)|(?:most )?people|(?:my )?friends|they)\s+(?:just\s+)?calls? me\s+\w",
        "home": rf"{_WE}\s+live\s+(?:in|at|near|on)\b|{_WE}\s+(?:moved|relocated)\s+(?:\w+\s+)?to\b"
        r"|\b(?:is|has been|became)\s+(?:now\s+)?(?:my|our) home\b"
        r"|\b(?:home|(?:my|our) (?:place|home|flat|apartment|house))\s+is\s+(?:now\s+|currently\s+)?"
        r"(?:in|at|near|an?)\b",
        "work": r"\bfor a living\b|\bi\s+(?:earn|make)\s+(?:my|a)\s+(?:money|living)\b|\bby (?:trade|profession)\b",
        "diet": rf"{_WE}\s+(?:gave up|given up|give up|stopped|quit|don't|don’t|do not|never|no longer)"
        r"\s+(?:eat(?:ing)?\s+)?meat\b",
        "my boss": r"\bi(?:\s+(?:now|currently))?\s+report to\b",
    }.items()
]
_MANY: list[tuple[str, re.Pattern[str]]] = [
    (
        "speaks",
        re.compile(rf"{_WE}\s+(?:speak|talk|use|chat in|am fluent in)\b.*?\b(?P<what>{_LANGUAGES})\b", re.IGNORECASE),
    ),
    (
        "allergy",
        re.compile(
            r"\bi\s+(?:can't|can’t|cannot|must not|mustn't)\s+(?:eat|drink|have|touch|tolerate|stomach)\s+(?P<what>\w+)"
            r"|\b(?P<other>\w+) makes? me (?:ill|sick)\b",
            re.IGNORECASE,
        ),
    ),
]
# "Hello, I'm Tereza": a name, and no people, belief or place.
_NAME = re.compile(
    r"^(?:(?:[Hh]i|[Hh]ello|[Hh]ey|[Gg]ood \w+)\b[\s,!.]*)?(?:I am|I(?:'|’)m)\s+"
    rf"(?!(?i:{_LANGUAGES})\b|American|Canadian|Australian|Austrian|Swiss|Belgian|Brazilian|Mexican|Indian|European|"
    r"African|Asian|British|Scottish|Christian|Catholic|Muslim|Jewish|Buddhist|Hindu|OK)"
    r"[A-Z][^\W\d_]+(?:\s+[A-Z][^\W\d_]+)*(?=[,.!]|\s+and\b|\s+from\b|$)"
)
_KIN = re.compile(
    r"(?:^|[,;:]\s*|\b(?:and|but)\s+)(?:[Mm]y|[Oo]ur)\s+(?:[a-z]+\s+)??(?P<who>[\w-]+)(?:,?\s+[A-Z][\w-]+)?,?"
    r"(?:\s+(?:also|now|still|usually|mostly|just))*\s+(?P<what>(?:[a-z]{2,}(?<!ss)s|turned)\s+\S.*)"
)


def named(words: Sequence[str]) -> list[str]:
    """Return the words of a topic by their usual names: "mum" is "mother", "mobile number" is "phone number"."""
    usual = [SAME.get(word, word) for word in words]
    if usual[:1] == ["email"]:
        return ["email", "address"]
    return usual[:1] if usual and usual[0] in KIN else usual


def told(sentence: str) -> str | None:
    """Return what a sentence about the speaker tells of; None where it is of no kind that is known here."""
    if _OWN.search(sentence) and not _OTHERS.search(sentence) and _MAIL.search(sentence):
        return "my email address"
    if _NUMBER.search(sentence) and _REACHED.search(sentence) and not _OTHERS.search(sentence):
        return "my phone number"
    if _NAME.search(sentence):
        return "name"
    for topic, pattern in _TOLD:
        if pattern.search(sentence):
            return topic
    for topic, pattern in _MANY:
        if match := pattern.search(sentence):
            return f"{topic}: {next(value for value in match.groupdict().values() if value).lower()}"
    if match := _KIN.search(sentence):
        who = SAME.get(match["who"].lower(), match["who"].lower())
        if who in KIN:
            return f"my {who}: {' '.join(match['what'].lower().rstrip('.!').split()[:2])}"
    return None


def usual(text: str) -> str:
    """Return a text with every word of several names by its usual one."""
    return re.sub(r"[\w-]+", lambda match: SAME.get(match[0].lower(), match[0]), text)


_AGE = re.compile(
    r"\b(?:\d{1,3}|years?|turn(?:s|ed)|aged|born|(?:eigh|seven|six|four|fif|thir|nine)teen|twelve|twenty|thirty|forty|"
    r"fifty|sixty|seventy|eighty|ninety|one|two|three|four|five|six|seven|eight|nine|ten|eleven)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|near|to|from|on|outside|around|by)\s+(?:the\s+|an?\s+|my\s+|our\s+)?"
    r"(?!january|february|march|april|may\b|june|july|august|september|october|november|december|(?:mon|tues|wednes|thurs|"
    r"fri|satur|sun)days?\b|morning|afternoon|evening|night|weekend|moment|time|\d)\w",
    re.IGNORECASE,
)
_ASKS: list[tuple[re.Pattern[str], re.Pattern[str]]] = [
    (re.compile(r"^\s*how old\b", re.IGNORECASE), _AGE),
    (re.compile(r"^\s*where\b", re.IGNORECASE), _PLACE),
]


def could_answer(question: str, text: str) -> bool:
    """Whether a text holds the kind of thing that a question asks for: an age for "how old", a place for "where"."""
    return all(answer.search(text) for asked, answer in _ASKS if asked.search(question))
