"""Looking things up through the tool servers, one call a step, and the registry of what was found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from lyceum.errors import ModelRetry, Unavailable
from lyceum.events import SourceFound
from lyceum.sources import Source
from models.offline.skill import content_words
from workflows.context import RetryPolicy, step_options
from workflows.runtime import Runtime
from workflows.steps.phrasing import sentence_for
from workflows.steps.research.untrusted import addresses_reader

PASSAGES = 8  # of one search
LONGEST_QUERY = 400  # characters that search providers take
LEAST_CONFIDENCE = 0.2  # of a passage, in a search that is confident in all
ORDERS = "gives orders to whoever reads it; they are quoted as data and were not followed"


class Registered(BaseModel):
    """A source of the run's one registry: what it is, when it was read, and what to know before believing it."""

    source: Source
    origin: str
    retrieved: datetime
    confidence: float = 1.0
    notes: list[str] = []

    @property
    def document(self) -> str:
        """What the passage is a part of: two passages of it are one witness."""
        return self.source.id.partition("#")[0]


class Found(BaseModel):
    """What one call found; `said` is the sentence of a query's rows, `problem` why there is nothing."""

    origin: str
    tool: str
    query: str
    registered: list[Registered] = []
    confident: bool = False
    said: str = ""
    problem: str = ""
    milliseconds: float = 0.0


class Link(BaseModel):
    title: str
    url: str


class Links(BaseModel):
    links: list[Link] = []
    problem: str = ""
    milliseconds: float = 0.0


@step_options(retry=RetryPolicy(attempts=2), seconds=60)
async def search_documents(runtime: Runtime, collection: str, query: str) -> Found:
    """Search a collection once; what its search is not sure of is no evidence."""
    began = time.perf_counter()
    found = Found(origin=collection, tool="retrieval_search", query=query)
    arguments = {"query": query, "collection": collection, "limit": PASSAGES}
    try:
        answer = await runtime.tools.call("retrieval", "retrieval_search", arguments)
    except ModelRetry as error:
        return found.model_copy(update={"problem": error.message})
    found.confident = bool(answer["confident"])
    sure = {hit["id"]: float(hit["confidence"]) for hit in answer["hits"]}
    for source in map(Source.model_validate, answer["sources"]):
        confidence = sure.get(source.id, 0.0)
        if found.confident and confidence >= LEAST_CONFIDENCE:
            found.registered.append(_registered(source, collection, confidence, ["a document of yours"]))
    found.milliseconds = _since(began)
    return found


@step_options(retry=RetryPolicy(attempts=2), seconds=60)
async def search_web(runtime: Runtime, query: str, most: int) -> Links:
    """Ask the search provider once for pages."""
    began = time.perf_counter()
    try:
        answer = await runtime.tools.call("web", "web_search", {"query": query[:LONGEST_QUERY], "limit": max(most, 1)})
    except (ModelRetry, Unavailable) as error:
        return Links(problem=f"{error.message} {error.next_step}".strip(), milliseconds=_since(began))
    links = [Link(title=each["title"], url=each["url"]) for each in answer["results"]]
    return Links(links=links[:most], milliseconds=_since(began))


@step_options(retry=RetryPolicy(attempts=2), seconds=90)
async def fetch_page(runtime: Runtime, origin: str, query: str, url: str) -> Found:
    """Read a page once; its passages become sources."""
    began = time.perf_counter()
    found = Found(origin=origin, tool="web_fetch", query=url)
    try:
        answer = await runtime.tools.call("web", "web_fetch", {"url": url, "query": query, "passages": PASSAGES})
    except (ModelRetry, Unavailable) as error:
        return found.model_copy(update={"problem": error.message, "milliseconds": _since(began)})
    published = str(answer.get("published") or "")
    notes = [
        f"web page of {urlsplit(url).hostname}",
        f"dated {published}" if published else "without a date",
        *(["not encrypted on its way here"] if urlsplit(str(answer["url"])).scheme == "http" else []),
    ]
    found.confident = True
    wanted = set(content_words(query))
    for source in map(Source.model_validate, answer["sources"]):
        held = wanted.intersection(content_words(f"{source.title} {source.locator} {source.text}"))
        registered = _registered(source, origin, round(len(held) / max(1, len(wanted)), 3), notes)
        found.registered.append(registered.model_copy(update={"retrieved": datetime.fromisoformat(answer["fetched"])}))
    found.milliseconds = _since(began)
    return found


async def rows_found(runtime: Runtime, run: str, database: str, question: str, output: dict[str, Any]) -> Found:
    """Tie the SQL agent's answer to the rows that its query really returned."""
    found = Found(origin=database, tool="sql_query", query=str(output.get("sql") or question))
    if output.get("declined"):
        return found.model_copy(update={"problem": str(output["declined"])})
    events = [event for event in await runtime.store.events(run) if isinstance(event, SourceFound)]
    held = [each for each in events if each.source.kind == "rows" and each.source.query == output.get("sql")]
    if not held:
        return found.model_copy(update={"problem": "The query that was named was not run."})
    event = held[-1]
    notes = ["rows of a query, exact for the database as it then was"]
    found.confident = True
    found.said = sentence_for(event.source, str(output.get("explanation") or ""))
    found.registered = [
        Registered(source=event.source, origin=database, retrieved=event.at, notes=notes + _warned(event.source))
    ]
    return found


def _registered(source: Source, origin: str, confidence: float, notes: Sequence[str]) -> Registered:
    return Registered(
        source=source,
        origin=origin,
        retrieved=datetime.now(UTC),
        confidence=confidence,
        notes=[*notes, *_warned(source)],
    )


def _warned(source: Source) -> list[str]:
    cells = " ".join(str(cell) for row in source.rows for cell in row if isinstance(cell, str))
    return [ORDERS] if addresses_reader(f"{source.text} {cells}") else []


def registry_of(found: Sequence[Found]) -> dict[str, Registered]:
    """Return the one registry: every source once, as it was first read."""
    registry: dict[str, Registered] = {}
    for each in found:
        for registered in each.registered:
            registry.setdefault(registered.source.id, registered)
    return registry


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


def text_of(source: Source) -> str:
    """Return what a claim about a source is checked against."""
    if source.kind != "rows":
        return source.text
    lines = [", ".join(str(cell) for cell in row) for row in source.rows]
    return "\n".join([source.query, ", ".join(source.columns), *lines, f"{len(source.rows)} rows"])
