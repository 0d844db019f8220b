"""Tools under the names that they once had: clients' rules, prompts and skills go on working after a renaming.

A tool says what it was called with `expose(..., formerly=("old_name",))`. It is listed under its name only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from mcp.server.mcpserver.tools.base import Tool


def former_names(tool: Tool) -> tuple[str, ...]:
    return cast("tuple[str, ...]", getattr(tool, "formerly", ()))


def by_any_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    """Return tools by their names and former names; the name that a tool has now wins."""
    known = list(tools)
    return {old: tool for tool in known for old in former_names(tool)} | {tool.name: tool for tool in known}


def namespaced(tool: Tool, namespace: str) -> Tool:
    """Return the tool with a namespace before its names, former ones included."""
    names = {"name": f"{namespace}_{tool.name}", "formerly": tuple(f"{namespace}_{old}" for old in former_names(tool))}
    return tool.model_copy(update=names)
