"""A tool's arguments, read out of a request by their schema: what a value looks like, and what stands before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from models.offline.skill import content_words

_QUOTED = re.compile(r'"([^"]+)"|`([^`]+)`')
_URL = re.compile(r"https?://[^\s\"'`<>]+[^\s\"'`<>.,;:!?)]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_DATE = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}\.? (?:January|February|March|April|May|June|July|August|September|October"
    r"|November|December)(?: \d{4})?\b"
)
_PATH = re.compile(r"(?<![\w:/])(?:~?/[\w./+@-]*[\w/]|(?:[\w+-]+/)+[\w.+-]*\w|[\w+-]+\.[A-Za-z][A-Za-z0-9]{0,4})(?!\w)")
_ID = re.compile(r"\b[A-Za-z][\w-]*[:#][\w:#.-]*\w")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_QUANTITY = re.compile(r"-?\d[\d.,]* ?(?:°?[A-Za-z][\w/]*)")
_BEFORE = 4  # words before a value that may say what it is
_TEXT = frozenset("query question request prompt expression task topic text term word phrase".split())
_GENERIC = frozenset("name id value text path kind".split())


@dataclass
class _Found:
    """The values in a request by their form, in order; what is `used` is taken from all of them."""

    request: str
    quoted: list[tuple[str, int]]
    used: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, request: str) -> _Found:
        quoted = [(found.group(1) or found.group(2), found.start()) for found in _QUOTED.finditer(request)]
        return cls(request, quoted)

    def first(self, form: re.Pattern[str]) -> str | None:
        """Take the first value of a form that is not taken yet."""
        for found in form.finditer(self.request):
            if found.group() not in self.used:
                return self.take(found.group())
        return None

    def take(self, value: str) -> str:
        self.used.add(value)
        return value

    def free(self) -> list[tuple[str, int]]:
        return [each for each in self.quoted if each[0] not in self.used]


def fill(request: str, schema: dict[str, Any]) -> dict[str, Any] | None:
    """Fill required parameters, and optional ones that the request plainly names; None when a required one stays empty.

    Values are choices, addresses, dates, paths, ids and numbers by their form, and quoted texts: first those whose
    parameter is named just before them, then in order. A lone text parameter takes the whole request.
    """
    properties = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
    required = [name for name in cast("list[str]", schema.get("required", [])) if name in properties]
    found = _Found.of(request)
    given: dict[str, Any] = {}
    for name in required:  # what is named goes first, so that nothing else takes it
        if (value := _named(found, name, properties[name], required)) is not None:
            given[name] = value
    for name in required:
        if name not in given and (value := _formed(found, name, properties[name])) is not None:
            given[name] = value
    texts = [name for name in required if name not in given and _kind(properties[name]) in ("string", "array")]
    for name, (value, _) in zip(texts, found.free(), strict=False):
        given[name] = _as(properties[name], found.take(value))
    missing = [name for name in required if name not in given]
    if len(missing) == 1 and _kind(properties[missing[0]]) == "string":
        given[missing[0]] = _told(request, missing[0], properties[missing[0]], alone=len(required) == 1) or None
    if any(given.get(name) is None for name in required):
        return None
    ordered = {name: given[name] for name in required}
    return ordered | _optional(found, {name: each for name, each in properties.items() if name not in required})


def _named(found: _Found, name: str, wanted: dict[str, Any], required: Sequence[str]) -> str | list[str] | None:
    """Return the quoted value that stands behind the parameter's name, or a word of its description that is its own."""
    if _kind(wanted) not in ("string", "array") or "enum" in wanted:
        return None
    words = set(content_words(name.replace("_", " "))) - _GENERIC
    described = set(content_words(str(wanted.get("description", "")))) if len(required) > 1 else set[str]()
    for value, place in found.free():
        before = content_words(_QUOTED.sub(" ", found.request[:place]))[-_BEFORE:]
        if (words & set(before)) or (before and before[-1] in described):
            return _as(wanted, found.take(value))
    return None


def _formed(found: _Found, name: str, wanted: dict[str, Any]) -> Any:
    """Return the value whose form is the parameter's: a choice, a number, an address, a date, a path, an id."""
    request, kind = found.request, _kind(wanted)
    if "enum" in wanted:
        choices = [each for each in wanted["enum"] if re.search(rf"\b{re.escape(str(each))}\b", request, re.IGNORECASE)]
        return choices[0] if choices else None
    if kind in ("integer", "number"):
        number = found.first(_NUMBER)
        return None if number is None else int(float(number)) if kind == "integer" else float(number)
    if kind == "boolean":
        return not re.search(r"\b(no|not|without|off)\b", request, re.IGNORECASE)
    if kind != "string":
        return None
    words = {*content_words(name.replace("_", " ")), *content_words(str(wanted.get("description", "")))}
    if words & {"url", "uri", "https", "http"} and (value := found.first(_URL)):
        return value
    if (name in ("to", "recipient") or words & {"email", "recipient"}) and (value := found.first(_EMAIL)):
        return value
    if words & {"date", "day"} and (value := found.first(_DATE)):
        return value
    if name == "quantity" and (value := found.first(_QUANTITY)):
        return value
    if (path := words & {"path", "file", "folder"}) and (value := _path(found)):
        return value
    if "id" in name.split("_") and not path and (value := found.first(_ID)):
        return value
    if name in ("to", "into", "from") and (said := re.search(rf"\b{name}\s+([^\s\"`]+)", request, re.IGNORECASE)):
        return said.group(1).strip(".,;:?!")
    return None


def _path(found: _Found) -> str | None:
    for value, _ in found.free():
        if _PATH.fullmatch(value):
            return found.take(value)
    bare = _URL.sub(" ", _QUOTED.sub(" ", found.request))
    for each in _PATH.finditer(bare):
        if each.group() not in found.used:
            return found.take(each.group())
    return None


def _told(request: str, name: str, wanted: dict[str, Any], *, alone: bool) -> str:
    """Return a word that the description gives as an example; else, for a lone parameter, the request."""
    examples = {word.lower().strip(".,;:()") for word in str(wanted.get("description", "")).split()}
    short = int(wanted.get("maxLength", 1_000)) <= 100
    if short:
        own = set(content_words(name.replace("_", " ")))
        for word in request.split():
            plain = word.strip(".,;:?!()")
            if plain.lower() in examples and set(content_words(plain)) - own:
                return plain
    words = {*name.split("_"), *content_words(str(wanted.get("description", "")))}
    return request if alone and words & _TEXT else ""


def _optional(found: _Found, properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Fill optional parameters where the request leaves no doubt: a number before the name, a text nobody else took."""
    given: dict[str, Any] = {}
    for name, wanted in properties.items():
        if _kind(wanted) == "integer" and (said := re.search(rf"\b(\d+) {re.escape(name)}\b", found.request)):
            given[name] = int(said.group(1))
        elif _kind(wanted) == "string" and (name == "date" or wanted.get("format") == "date"):
            if value := found.first(_DATE):
                given[name] = value
        elif _kind(wanted) == "string" and re.search(rf"\b{re.escape(name)}\b", found.request, re.IGNORECASE):
            free = found.free()
            if len(free) == 1:
                given[name] = found.take(free[0][0])
    return given


def _as(wanted: dict[str, Any], value: str) -> str | list[str]:
    return [value] if _kind(wanted) == "array" else value


def _kind(wanted: dict[str, Any]) -> str:
    kind = wanted.get("type", "string")
    return str(kind if isinstance(kind, str) else cast("list[str]", kind)[0])
