"""The lesson map: which lessons cover a module, a lab or a topic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mcp_servers.course.words import asked, terms

Record = Mapping[str, Any]
_MODULE = re.compile(r"(?:module\s+)?(\d{1,2})", re.IGNORECASE)
_LAB = re.compile(r"(?:lab\s+)?L(\d{1,2})", re.IGNORECASE)


def find(modules: Iterable[Record], query: str) -> list[dict[str, Any]]:
    """Return the modules with those of their lessons that the query names; all of them for an empty query.

    A module number gives the whole module, a lab number the lesson it belongs to, and words give the lessons that hold
    the most of them.
    """
    text = query.strip()
    if number := _MODULE.fullmatch(text):
        return [dict(module) for module in modules if module["module"] == number[1].zfill(2)]
    if lab := _LAB.fullmatch(text):
        return _chosen(modules, lambda _module, lesson: f"L{lab[1].zfill(2)}" in lesson["labs"])
    if not text:
        return [dict(module) for module in modules]
    wanted = frozenset(asked(text))
    listed = list(modules)
    most = max(len(wanted & _words(module, lesson)) for module in listed for lesson in module["lessons"])
    return _chosen(listed, lambda module, lesson: 0 < most == len(wanted & _words(module, lesson)))


def _chosen(modules: Iterable[Record], fits: Callable[[Record, Record], bool]) -> list[dict[str, Any]]:
    kept = [(module, [lesson for lesson in module["lessons"] if fits(module, lesson)]) for module in modules]
    return [{**module, "lessons": lessons} for module, lessons in kept if lessons]


def _words(module: Record, lesson: Record) -> frozenset[str]:
    read = " ".join(lesson["read"]).replace("-", " ").replace("#", " ")
    return frozenset(terms(" ".join([module["title"], lesson["title"], lesson["goal"], read, *lesson["terms"]])))
