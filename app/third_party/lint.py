"""What a tool's definition should not say: a poisoned description steers the model that reads it, before any call.

The findings are for the person who pins the definition, and hold back what nobody has pinned. They are a help for the
eye, not a wall: the wall is that only pinned definitions are offered without asking, and that results are data.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_IMPERATIVE = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|other|all|earlier|system|your)\b"
    r"|\byou (must|should|have to|need to|shall) (always|first|never|not|also|call|use|read|send|include|pass)\b"
    r"|\b(do not|don't|never|without) (tell|telling|mention|mentioning|inform|informing|reveal|show|ask|asking)\b"
    r".{0,30}\b(user|person|human|anyone|them)\b"
    r"|\b(before|after|prior to) (using|calling|invoking|running) (this|any|other|every|each|another)\b"
    r"|\balways (call|use|invoke|run|prefer|choose|pass|include|send)\b"
    r"|<\s*/?\s*(important|system|instructions?|secret|hidden|assistant|admin)\b"
    r"|\b(system prompt|new instructions?|as an ai)\b|\b(dear|attention),? (model|assistant|agent)s?\b",
    re.IGNORECASE | re.DOTALL,
)
_EXFILTRATION = re.compile(
    r"~/\.|\.ssh\b|\bid_(rsa|ed25519)\b|/etc/(passwd|shadow)|\.env\b|\bmcp\.json\b|\.aws\b|\bkeychain\b|\bkeyring\b"
    r"|\b(api|access|secret|private|ssh)[ _-]?(key|token)s?\b|\bpasswords?\b|\bcredentials?\b|\bsession cookies?\b"
    r"|\b(conversation|chat|message) (history|so far|log)\b|\benvironment variables?\b"
    r"|\b(send|post|upload|forward|exfiltrate|append|include|pass)\b.{0,60}"
    r"\b(contents? of|everything|all (files|data|messages)"
    r"|the (user|file|conversation)'?s?\b.{0,20}\b(secret|content|key)s?)\b"
    r"|https?://(?!example\.)[^\s)\"']+.{0,30}\b(send|post|report)\b",
    re.IGNORECASE | re.DOTALL,
)
_BLOB = re.compile(r"[A-Za-z0-9+/=]{200,}")
_SPACES = re.compile(r"[ \t]{40,}|\n{15,}")


@dataclass(frozen=True)
class Finding:
    """`kind` is one of hidden, imperative, exfiltration, cross-tool, blob; `text` is what was found, made visible."""

    kind: str
    place: str
    text: str


def is_hidden(character: str) -> bool:
    """Tell whether a character is read by a model and not seen by a person: formats, tags, controls, private use."""
    return unicodedata.category(character) in ("Cf", "Cc", "Co", "Cs") and character not in "\n\t\r"


def clean(text: str) -> str:
    """Take out what a person would not see: escape sequences, controls, directions, zero-width and tag characters."""
    return "".join(each for each in _ESCAPE.sub("", text).replace("\r", "") if not is_hidden(each))


def visible(text: str, longest: int = 120) -> str:
    """One line in which hidden characters are written out as U+XXXX."""
    shown = "".join(f"[U+{ord(each):04X}]" if is_hidden(each) else each for each in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def lint(definition: dict[str, Any], others: Iterable[str] = (), servers: Iterable[str] = ()) -> list[Finding]:
    """Return what is suspicious in a definition's texts; `others` are names of other tools, `servers` our own servers,
    whose tools begin with their names.
    """
    findings: list[Finding] = []
    own = str(definition.get("name", ""))
    # A name of one plain word ("search") is in too many honest sentences.
    names = [each for each in others if each != own and len(each) <= 100 and re.search(r"[_-]|[a-z][A-Z]", each)]
    patterns = [*map(re.escape, sorted(names)), *(rf"{re.escape(name)}_\w+" for name in sorted(servers))]
    other = re.compile(rf"\b(?:{'|'.join(patterns)})\b") if patterns else None
    for place, text in _texts(definition):
        hidden = [each for each in text if is_hidden(each)]
        if hidden:
            findings.append(Finding("hidden", place, f"{len(hidden)} hidden characters: {visible(text, 80)}"))
        plain = clean(text)
        for kind, pattern in (("imperative", _IMPERATIVE), ("exfiltration", _EXFILTRATION), ("cross-tool", other)):
            if pattern is not None and (found := pattern.search(plain)):
                around = plain[max(0, found.start() - 20) : found.end() + 40]
                findings.append(Finding(kind, place, visible(around)))
        if _BLOB.search(plain) or _SPACES.search(plain):
            findings.append(Finding("blob", place, "a long run of encoded text or of blanks"))
    return findings


def _texts(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every string that a model would read, and where it stands; nested ones are read from the schema as a whole."""
    yield "name", str(definition.get("name", ""))
    yield "description", str(definition.get("description") or "")
    waiting: list[tuple[str, Any]] = [("schema", definition.get("inputSchema") or {})]
    while waiting:  # no recursion: the schema is a stranger's
        place, node = waiting.pop()
        if isinstance(node, dict):
            for key, value in cast("dict[str, Any]", node).items():
                yield f"{place}.{visible(key, 30)}", key
                waiting.append((f"{place}.{visible(key, 30)}"[:120], value))
        elif isinstance(node, list):
            waiting += [(place, each) for each in cast("list[Any]", node)]
        elif isinstance(node, str):
            yield place, node
    annotations: dict[str, Any] = definition.get("annotations") or {}
    yield "annotations", json.dumps(annotations, ensure_ascii=False)
