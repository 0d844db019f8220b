"""What in a text points at a person: the tag `pii`, for rules on how long such things are kept and for finding them.

By form (mail addresses, telephone and card numbers, bank accounts, postal and network addresses) and by topic. It
marks, it does not hide: a memory holds what the user told it. What has no form, such as an illness, is not seen.
"""

from __future__ import annotations

import re

PII = "pii"
_TOPICS = frozenset({"name", "home", "age"})
_NAMED = re.compile(
    r"\b(?:passport|phone|mobile|e-?mail|address|birthday|date of birth|account|iban|card|password|pin|code|licence|"
    r"license|social security|insurance|salary)\b"
)
_FORMS = re.compile(
    r"[\w.+-]+@[\w-]+\.\w[\w.-]*"  # a mail address
    r"|(?<![\w.])\+?\(?\d(?:[ ()/.-]?\d){6,15}(?![\w])"  # a telephone or card number
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"  # IBAN (ISO 13616)
    r"|\b(?:\d{1,3}\.){3}\d{1,3}\b"  # an address of IPv4
)


def tags_of(topic: str, text: str) -> list[str]:
    """Return `[PII]` for what identifies or reaches a person, else nothing."""
    told = topic in _TOPICS or _NAMED.search(topic.lower()) is not None
    return [PII] if told or _FORMS.search(text) is not None else []
