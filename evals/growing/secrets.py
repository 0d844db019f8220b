"""What must not get from a production run into a file that is committed: keys, passwords, tokens.

Found by their usual forms and names only; a person still has to look.
"""

from __future__ import annotations

import re

HIDDEN = "[secret]"
_FORMS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
    r"\bgh[oprsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bxox[abeprs]-[\w-]{10,}",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    r"(?i:\bbearer)\s+[\w.~+/=-]{12,}",
    r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)",
    r"(?i:\b(?:passwords?|passphrase|pwd)\s+(?:is\s+)?)(?=\S*\d)[^\s,;]{4,}",
    r"(?i:\b\w*(?:password|passwd|secret|token|api[-_ ]?key|access[-_ ]?key))[\"']?\s*[=:]\s*[\"']?[^\s\"',;]{4,}",
)
_FOUND = re.compile("|".join(f"(?:{form})" for form in _FORMS), re.DOTALL)
_NAME = re.compile(r"(?i)passw|passphrase|secret|api_?-?key|access_?-?key|credential|authorization|(?:^|[_-])token$")


def hide(text: str) -> str:
    """Return a text with what looks like a secret left out."""
    return _FOUND.sub(HIDDEN, text)


def is_secret(name: str, text: str) -> bool:
    """Tell whether an argument is one by its name, or holds one."""
    return _NAME.search(name) is not None or hide(text) != text
