"""Resources: a text, a picture, one that can be followed, and one whose address has a part to fill in."""

from __future__ import annotations

import base64
import json

from mcp_servers.conformance.contents import png
from mcp_servers.server import ToolServer


def add_resources(server: ToolServer) -> None:
    @server.resource("test://static-text", name="static-text", description="A text.", mime_type="text/plain")
    async def text() -> str:  # pyright: ignore[reportUnusedFunction]
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", name="static-binary", description="A picture.", mime_type="image/png")
    async def picture() -> bytes:  # pyright: ignore[reportUnusedFunction]
        return base64.b64decode(png())

    @server.resource("test://watched-resource", name="watched", description="Can be followed.", mime_type="text/plain")
    async def watched() -> str:  # pyright: ignore[reportUnusedFunction]
        return "Watched."

    @server.resource(
        "test://template/{id}/data", name="template", description="Data by its id.", mime_type="application/json"
    )
    async def data(id: str) -> str:  # noqa: A002 # pyright: ignore[reportUnusedFunction]
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})
