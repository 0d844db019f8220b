"""The MCP Apps extension (`io.modelcontextprotocol/ui`): three pages, and the tools whose results they show.

A page is whole in itself: one script and one style, named by their hashes in its policy, which allows nothing else.
Clients that know no apps get the same text as ever.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mcp.server.apps import Apps, ResourceCsp
from mcp.server.mcpserver.tools.base import Tool

_PAGES = Path(__file__).with_name("pages")
TITLES = {
    "passages": "Passages, with what was asked highlighted",
    "rows": "Rows of a query as a sortable table and a chart",
    "plan": "The plan of a run as a tree",
}
# By the name of a tool without a namespace: the page that shows its result.
SHOWN = {"retrieval_search": "passages", "sql_query": "rows", "runs_show": "plan"}


def address(page: str) -> str:
    return f"ui://lyceum/{page}.html"


class Views(Apps):
    """Offers the pages that the served tools use."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        super().__init__()
        used = {page for tool in tools for name, page in SHOWN.items() if _is(tool, name)}
        for name in sorted(used):
            self.add_html_resource(address(name), page(name), name=name, title=TITLES[name], csp=ResourceCsp())


def with_pages(tools: Sequence[Tool]) -> list[Tool]:
    """Return the tools, those that have a page with its address."""
    return [_bound(tool) for tool in tools]


@cache
def page(name: str) -> str:
    """Return a page with its script, its style and the policy that names them."""
    script = (_PAGES / "host.js").read_text(encoding="utf-8") + (_PAGES / f"{name}.js").read_text(encoding="utf-8")
    style = (_PAGES / "style.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{TITLES[name]}</title>'
        f'<style>{style}</style></head><body><main id="shown"><p>Waiting for a result.</p></main>'
        f"<script>{script}</script></body></html>"
    )


def _bound(tool: Tool) -> Tool:
    for name, shown in SHOWN.items():
        if _is(tool, name):
            return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": address(shown)}}})
    return tool


def _is(tool: Tool, name: str) -> bool:
    return tool.name == name or tool.name.endswith(f"_{name}")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
