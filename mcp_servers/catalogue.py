"""The catalogue is the folder listing: a card is the docstring of a server's package, read without importing it."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import UserError, nearest

if TYPE_CHECKING:
    from lyceum.settings import Settings
    from mcp_servers.server import ToolServer
    from mcp_servers.services import Services

FOLDER = Path(__file__).parent


def cards() -> dict[str, str]:
    """Return every server's one sentence, by name."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*/server.py")):
        docstring = ast.get_docstring(ast.parse((path.parent / "__init__.py").read_text(encoding="utf-8")))
        found[path.parent.name] = (docstring or "").strip()
    return found


def make(name: str, settings: Settings, services: Services) -> ToolServer:
    """Create one server; raises UserError for a name that is not in the catalogue."""
    known = cards()
    if name not in known:
        raise UserError(f"There is no tool server {name!r}.", next_step=nearest(name, known, what="servers"))
    return importlib.import_module(f"mcp_servers.{name}.server").create_server(settings, services)


def make_all(names: Sequence[str], settings: Settings, services: Services) -> list[ToolServer]:
    return [make(name, settings, services) for name in names or list(cards())]
