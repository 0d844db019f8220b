"""A third-party tool's definition: what is hashed, and the plain, bounded form that agents get to see."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from app.third_party.limits import Limits
from app.third_party.lint import clean

if TYPE_CHECKING:
    from mcp_types import Tool

LONGEST_NAME = 64  # what providers take
BETWEEN = "__"  # no tool of ours has it in its name, so none can be shadowed

_KEPT = frozenset(
    "type description enum const default format required minItems".split()
    + "minimum maximum exclusiveMinimum exclusiveMaximum".split()
)


@dataclass(frozen=True)
class Definition:
    """`shown` is the name that agents use; `problem` says why a tool cannot be offered at all."""

    server: str
    raw: dict[str, Any]
    shown: str
    description: str
    schema: dict[str, Any]
    problem: str = ""

    @property
    def name(self) -> str:
        return str(self.raw["name"])

    @property
    def sha256(self) -> str:
        return fingerprint(self.raw)

    @property
    def reads_only(self) -> bool:
        hints: dict[str, Any] = self.raw.get("annotations") or {}
        return hints.get("readOnlyHint") is True

    @property
    def size(self) -> int:
        return len(self.shown) + len(self.description) + len(json.dumps(self.schema))


def fingerprint(raw: dict[str, Any]) -> str:
    """SHA-256 over name, description, schema and annotations; whatever a model reads, and what approval rests on."""
    return hashlib.sha256(json.dumps(raw, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def raw_of(tool: Tool) -> dict[str, Any]:
    """Return what is pinned of a tool as its server lists it."""
    hints = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True) if tool.annotations else {}
    return {
        "name": tool.name,
        "description": tool.description or "",
        "inputSchema": tool.input_schema,
        "annotations": hints,
    }


def define(server: str, raw: dict[str, Any], limits: Limits) -> Definition:
    """Make a definition plain: no hidden characters, no references, no keyword that could cost time."""
    name = str(raw["name"])
    shown = offered_name(server, name)
    try:
        written = json.dumps(raw["inputSchema"])
        if len(written) > limits.schema:
            raise ValueError(f"its schema has {len(written):,} bytes, {limits.schema:,} at most are taken")
        if (size := len(json.dumps(raw))) > limits.definition:
            raise ValueError(f"its definition has {size:,} bytes, {limits.definition:,} at most are taken")
        schema = _Plain(raw["inputSchema"], limits.nodes).of(raw["inputSchema"], limits.depth, ())
    except RecursionError:
        return Definition(server, raw, shown, "", {}, "its schema is nested too deeply")
    except ValueError as error:
        return Definition(server, raw, shown, "", {}, str(error))
    if schema.get("type", "object") != "object":
        return Definition(server, raw, shown, "", {}, "its schema is of no object")
    schema = {**schema, "type": "object", "properties": schema.get("properties", {})}
    told = clean(str(raw.get("description") or ""))
    cut = told if len(told) <= limits.description else f"{told[: limits.description]}… (cut)"
    return Definition(server, raw, shown, f"({server}, third party) {cut}".strip(), schema)


def offered_name(server: str, tool: str) -> str:
    """Return the name that agents call: the server's, two underscores, the tool's; cut with a hash where too long."""
    name = f"{server}{BETWEEN}{re.sub(r'[^A-Za-z0-9_-]', '_', tool)}"
    if len(name) <= LONGEST_NAME and re.fullmatch(r"[A-Za-z0-9_.-]+", tool):
        return name
    return f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(tool.encode()).hexdigest()[:8]}"


class _Plain:
    """Copies what describes values; a reference is followed within the document, and only once on the way down.

    The nodes are counted: a few references to references can unfold to any number of them.
    """

    def __init__(self, root: Any, nodes: int) -> None:
        self._root = root
        self._left = nodes

    def of(self, node: Any, depth: int, inside: tuple[str, ...]) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0 or depth == 0:
            raise ValueError("its schema is too large or nested too deeply")
        if node is True or node == {}:
            return {}
        if not isinstance(node, dict):
            raise ValueError("its schema is no JSON schema")
        schema = cast("dict[str, Any]", node)
        if isinstance(schema.get("$ref"), str):
            reference = schema["$ref"]
            if reference in inside:
                return {"type": "object"}
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return self.of({**_resolved(self._root, reference), **rest}, depth - 1, (*inside, reference))
        kept: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _KEPT:
                kept[key] = clean(value) if key == "description" and isinstance(value, str) else value
            elif key == "properties" and isinstance(value, dict):
                inner = cast("dict[str, Any]", value)
                kept[key] = {clean(name): self.of(each, depth - 1, inside) for name, each in inner.items()}
            elif key == "items" and isinstance(value, dict):
                kept[key] = self.of(value, depth - 1, inside)
            elif key in ("anyOf", "oneOf") and isinstance(value, list):
                kept["anyOf"] = [self.of(each, depth - 1, inside) for each in cast("list[Any]", value)]
            elif key == "additionalProperties" and isinstance(value, bool):
                kept[key] = value
        return kept


def _resolved(root: Any, reference: str) -> dict[str, Any]:
    if not reference.startswith("#/"):
        raise ValueError("its schema refers to another document")
    node = root
    for part in reference[2:].split("/"):
        node = (
            cast("dict[str, Any]", node).get(part.replace("~1", "/").replace("~0", "~"))
            if isinstance(node, dict)
            else None
        )
    if not isinstance(node, dict):
        raise ValueError("its schema refers to what is not there")
    return cast("dict[str, Any]", node)
