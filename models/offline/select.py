"""Which tool a request is for: by its words, and by meaning where the words leave it open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.tools import ToolDefinition

from lyceum.errors import OperatorError
from models.offline.skill import content_words

if TYPE_CHECKING:
    from models.embeddings import Embedder

FITS = 0.34  # share of the request's words that a tool's own words must carry before it is called
CLEAR = 0.3  # lead over the next tool, as such a share, from which words alone decide
WORDS = 0.35  # what a share of words is worth beside a cosine
CLOSE = 0.4  # the two together from which a tool is about the request


def select(request: str, tools: Sequence[ToolDefinition], embedder: Embedder | None = None) -> ToolDefinition | None:
    """Return the tool that the request asks for, or None where none fits.

    Names, descriptions and parameter docs are compared with the request. The embedder (MiniLM unless given) is asked
    only when no tool leads by its words, and words decide alone where there is none. The bounds were set on the
    requests in tests/models/tool_requests.yaml, where their neighbours give the same choices.
    """
    wanted = set(content_words(request))
    if not tools or not wanted:
        return None
    shares = [len(wanted & set(content_words(_text(tool)))) / len(wanted) for tool in tools]
    order = sorted(range(len(tools)), key=lambda n: (-shares[n], n))
    lead = shares[order[0]] - (shares[order[1]] if len(tools) > 1 else 0.0)
    by_words = tools[order[0]] if shares[order[0]] >= FITS else None
    if by_words and lead >= CLEAR:
        return by_words
    embedder = embedder or _embedder()
    if embedder is None:
        return by_words
    vectors = embedder.embed([request, *(text for tool in tools for text in (_name(tool), _purpose(tool)))])
    cosines = [float(max(vectors[0] @ vectors[2 * n + 1], vectors[0] @ vectors[2 * n + 2])) for n in range(len(tools))]
    scores = [cosine + WORDS * share for cosine, share in zip(cosines, shares, strict=True)]
    best = max(range(len(tools)), key=lambda n: (scores[n], -n))
    return tools[best] if scores[best] >= CLOSE else None


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
    return " ".join((tool.description or _name(tool)).split()).partition(". ")[0]


def _text(tool: ToolDefinition) -> str:
    properties = cast("dict[str, dict[str, Any]]", tool.parameters_json_schema.get("properties", {}))
    docs = " ".join(f"{name} {field.get('description', '')}" for name, field in properties.items())
    return f"{tool.name} {tool.description or ''} {docs}".replace("_", " ")
