"""Before the plan: which names in the question no source knows, and what an answer to a question back may be."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from agents.clarifier import Asked, Unknown, named_things, unknown_of
from lyceum.errors import LyceumError
from lyceum.sources import Source
from workflows.runtime import Runtime
from workflows.steps.research.plan import Opened

MOST_NAMES = 8
MOST_PHRASES = 40  # that the tool takes at once
ALIKE = 0.7  # how like a name another one must be to be offered for it


class Clarified(BaseModel):
    """An answer to a question back: the question that is researched instead."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=3, max_length=20_000)


async def what_is_known(runtime: Runtime, question: str, opened: list[Opened]) -> Asked:
    """Look each name of a question up in the sources; where the web is one of them, every name counts as known."""
    readable = [each for each in opened if not each.problem]
    asked = Asked(question=question, sources=[f"{each.name} ({each.kind})" for each in readable])
    names = named_things(question)[:MOST_NAMES]
    if not names or any(each.kind == "web" for each in readable):
        return asked
    held = [" ".join(each.words) for each in readable]
    texts: list[str] = []
    for each in readable:
        try:
            found = await _documents(runtime, each.name, names) if each.kind == "docs" else None
            texts += found if found is not None else await _values(runtime, each.name, names)
        except LyceumError:
            return asked  # nobody can tell what this source knows
    missing = unknown_of(names, [*held, *texts])
    near = {name: _alike(name, texts) for name in missing}
    asked.unknown = [Unknown(name=name, near=near[name]) for name in missing]
    return asked


async def _documents(runtime: Runtime, collection: str, names: Sequence[str]) -> list[str]:
    texts: list[str] = []
    for name in names:
        arguments = {"query": name, "collection": collection, "limit": 5}
        answer = await runtime.tools.call("retrieval", "retrieval_search", arguments)
        sources = map(Source.model_validate, answer["sources"])
        texts += [f"{source.title} {source.locator} {source.text}" for source in sources]
    return texts


async def _values(runtime: Runtime, database: str, names: Sequence[str]) -> list[str]:
    phrases = [
        way for name in names for way in (name, f"The {name}", *name.split())
    ]  # a person's may be in two columns
    arguments = {"phrases": list(dict.fromkeys(phrases))[:MOST_PHRASES], "database": database}
    answer = await runtime.tools.call("sql", "sql_find_values", arguments)
    cells = [cast("dict[str, Any]", hit)["value"] for hit in (*answer["hits"], *answer["near"])]
    return [cell for cell in cells if isinstance(cell, str)]


def _alike(name: str, texts: Sequence[str]) -> list[str]:
    known = [*texts, *(found for text in texts for found in named_things(text))]
    return difflib.get_close_matches(name, [each for each in dict.fromkeys(known) if each != name], n=4, cutoff=ALIKE)
