"""Which tool a request is for: by its words, and by meaning where the words leave it open."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.tools import ToolDefinition

from lyceum.errors import OperatorError
from models.offline.skill import content_words

if TYPE_CHECKING:
    from models.embeddings import Embedder

FITS = 0.34  # share of the request's words that a tool's own words must carry before it is called
CLEAR = 0.3  # lead over the next tool, as such a share, from which words alone decide
WORDS = 0.5  # what a share of words, each weighed by how few tools have it, is worth beside a cosine
CLOSE = 0.415  # the two together from which a tool is about the request


def select(request: str, tools: Sequence[ToolDefinition], embedder: Embedder | None = None) -> ToolDefinition | None:
    """Return the tool that the request asks for, or None where none fits.

    Names, descriptions and parameter docs are compared with the request. The embedder (MiniLM unless given) is asked
    only when no tool leads by its words, and words decide alone where there is none. The bounds were set on the
    requests in tests/models/tool_requests.yaml and on the split dev of the suite tool_choice.
    """
    wanted = set(content_words(request))
    by_words, clear = _by_words(wanted, tools)
    embedder = None if clear or not wanted or not tools else embedder or _embedder()
    if embedder is None:
        return by_words
    return next(iter(_by_meaning(request, wanted, tools, embedder)), None)


def ranked(
    request: str, tools: Sequence[ToolDefinition], most: int = 4, *, whatever: bool = False
) -> list[ToolDefinition]:
    """Return the tools that fit a request, best first: `select`'s choice, then those nearest to it.

    `whatever` is for those who must call one: where none fits, the nearest are returned all the same.
    """
    wanted = set(content_words(request))
    by_words, clear = _by_words(wanted, tools)
    embedder = _embedder() if tools and (wanted or whatever) else None
    if embedder is None:
        return [by_words] if by_words else []
    near = _by_meaning(request, wanted, tools, embedder, 0 if whatever else CLOSE)
    if clear and by_words:
        near = [by_words, *(tool for tool in near if tool is not by_words)]
    return near[:most]


def _by_words(wanted: set[str], tools: Sequence[ToolDefinition]) -> tuple[ToolDefinition | None, bool]:
    """Return the tool whose own words carry most of the wanted ones, if enough, and whether it leads clearly."""
    if not tools or not wanted:
        return None, False
    shares = [len(wanted & set(content_words(_text(tool)))) / len(wanted) for tool in tools]
    order = sorted(range(len(tools)), key=lambda n: (-shares[n], n))
    lead = shares[order[0]] - (shares[order[1]] if len(tools) > 1 else 0.0)
    fits = shares[order[0]] >= FITS
    return tools[order[0]] if fits else None, fits and lead >= CLEAR


def _by_meaning(
    request: str, wanted: set[str], tools: Sequence[ToolDefinition], embedder: Embedder, least: float = CLOSE
) -> list[ToolDefinition]:
    """Those about the request, best first: by the nearest of name, purpose and description, and by rare words."""
    bags = [set(content_words(_text(tool))) for tool in tools]
    having = Counter(word for bag in bags for word in bag)
    weight = {word: max(math.log((len(tools) + 1) / (having[word] + 0.5)), 0.2) for word in wanted}
    whole = sum(weight.values()) or 1
    texts = [text for tool in tools for text in (_name(tool), _purpose(tool), f"{_name(tool)}. {_description(tool)}")]
    vectors = embedder.embed([request, *texts])
    scores: list[float] = []
    for number, bag in enumerate(bags):
        nearest = max(float(vectors[0] @ vector) for vector in vectors[3 * number + 1 : 3 * number + 4])
        scores.append(nearest + WORDS * sum(weight[word] for word in wanted & bag) / whole)
    order = sorted(range(len(tools)), key=lambda n: (-scores[n], n))
    return [tools[n] for n in order if scores[n] >= least]


def _embedder() -> Embedder | None:
    from models.embeddings import default_embedder

    try:
        return default_embedder()
    except OperatorError:
        return None


def _name(tool: ToolDefinition) -> str:
    return tool.name.replace("_", " ")


def _purpose(tool: ToolDefinition) -> str:
    """A tool's first sentence says what it is for; the rest says how."""
    return _description(tool).partition(". ")[0]


def _description(tool: ToolDefinition) -> str:
    return " ".join((tool.description or _name(tool)).split())


def _text(tool: ToolDefinition) -> str:
    properties = cast("dict[str, dict[str, Any]]", tool.parameters_json_schema.get("properties", {}))
    docs = " ".join(f"{name} {field.get('description', '')}" for name, field in properties.items())
    return f"{tool.name} {tool.description or ''} {docs}".replace("_", " ")
