"""Paths into a result: `rows.0.name`, `rows.-1`, `rows.*.name`, `rows.[tokenizer=bpe].tokens`, `rows.#`.

A number indexes a list, `*` takes every element, `[key=value]` the first element whose key is that value, and `#` is
the length. The empty path is the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from lyceum.errors import UserError, nearest

_PART = re.compile(r"\[(?P<key>[^=\]]+)=(?P<value>[^\]]*)\]|[^.\[]+")
_REFERENCE = re.compile(r"\$\{([^{}]+)\}")


class NothingThere(UserError):
    """The path leads nowhere; the message says where it ends and what is there."""


def look_up(value: Any, path: str) -> Any:
    """Return what a path leads to; raises NothingThere."""
    return _follow(value, [found[0] for found in _PART.finditer(path)], path)


def _follow(value: Any, parts: list[str], path: str) -> Any:
    for place, part in enumerate(parts):
        if part == "*" and isinstance(value, list):
            return [_follow(item, parts[place + 1 :], path) for item in cast("list[Any]", value)]
        value = _one(value, part, path)
    return value


def _one(value: Any, part: str, path: str) -> Any:
    if part == "#" and isinstance(value, list | dict | str):
        return len(cast("list[Any]", value))
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        if part in fields:
            return fields[part]
        raise NothingThere(f"{path}: there is no {part!r}.", next_step=nearest(part, fields, what="keys"))
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if re.fullmatch(r"-?\d+", part) and -len(items) <= int(part) < len(items):
            return items[int(part)]
        wanted = _PART.fullmatch(part)
        if wanted and wanted["key"]:
            for item in items:
                if isinstance(item, Mapping) and str(cast("Any", item).get(wanted["key"])) == wanted["value"]:
                    return cast("Any", item)
    raise NothingThere(f"{path}: {part!r} leads nowhere in {shortly(value)}.")


def fill(value: Any, known: Mapping[str, Any]) -> Any:
    """Return `value` with every `${name.path}` replaced; one that is the whole string keeps its type."""
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _known(whole[1], known)
        return _REFERENCE.sub(lambda found: str(_known(found[1], known)), value)
    if isinstance(value, list):
        return [fill(item, known) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: fill(item, known) for name, item in cast("dict[str, Any]", value).items()}
    return value


def _known(path: str, known: Mapping[str, Any]) -> Any:
    name = path.split(".", 1)[0]
    if name not in known:
        raise UserError(f"${{{path}}}: nothing was saved as {name!r}.", next_step=nearest(name, known, what="names"))
    return look_up(known, path)


def shortly(value: Any, most: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
