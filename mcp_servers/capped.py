"""A hard cap on what a result puts before a model: what is too long is shortened, and the whole is kept to be read.

The shortened result still fits the tool's schema: lists lose their ends, texts their tails.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any, cast

from lyceum.errors import ModelRetry

MOST = 10_000  # tokens
ADDRESS = "result://{name}"
_CHARACTERS = 2 * MOST  # a text that is no longer is not counted: tokens have two characters or more, nearly always
_KEPT = 200  # whole results that a home keeps
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


class Results:
    """The whole of results that were shortened, by names that cannot be guessed; the latest are kept."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "results"

    def keep(self, text: str) -> str:
        """Keep a text and return its name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = secrets.token_urlsafe(16)
        path = self._folder / f"{name}.json"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        for old in sorted(self._folder.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
        return name

    def read(self, name: str) -> str:
        """Return a kept text; raises ModelRetry where there is none of this name."""
        path = self._folder / f"{name}.json"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise ModelRetry("There is no such result any more.", next_step="Call the tool again, and ask for less.")
        return path.read_text(encoding="utf-8")


def too_long(text: str) -> int:
    """Return how many tokens a text has if they are more than fit, else 0."""
    if len(text) <= _CHARACTERS:
        return 0
    from mcp_servers.cost import tokens

    counted = tokens(text)
    return counted if counted > MOST else 0


def shortened(value: dict[str, Any]) -> dict[str, Any]:
    """Return a copy that fits, with the longest lists and texts halved until it does."""
    copy = cast("dict[str, Any]", json.loads(json.dumps(value)))
    size = len(json.dumps(copy, ensure_ascii=False))
    while size > _CHARACTERS:
        place = _heaviest(copy)
        if place is None:
            break
        holder, key = place
        holder[key] = holder[key][: len(holder[key]) // 2]
        size = len(json.dumps(copy, ensure_ascii=False))
    return copy


def _heaviest(value: Any) -> tuple[Any, Any] | None:
    """Return the holder and key of the list or text that takes most and can be cut; lists of few are looked into."""
    best: tuple[int, Any, Any] = (200, None, None)
    left: list[tuple[Any, Any]] = [(value, key) for key in value]
    while left:
        holder, key = left.pop()
        inner = holder[key]
        if isinstance(inner, dict):
            left += [(inner, each) for each in cast("dict[str, Any]", inner)]
        elif isinstance(inner, list):
            many = cast("list[Any]", inner)
            left += [(many, number) for number in range(len(many))]
            if len(many) > 3:
                best = max(best, (len(json.dumps(many)), holder, key), key=lambda each: each[0])
        elif isinstance(inner, str):
            best = max(best, (len(inner), holder, key), key=lambda each: each[0])
    return None if best[1] is None else (best[1], best[2])
