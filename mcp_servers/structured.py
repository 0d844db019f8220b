"""What is served in place of a result or an output schema: structured content, and the compact text that equals it."""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver.tools.base import Tool
from mcp_types import CallToolResult, TextContent


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def with_content(result: CallToolResult, made: dict[str, Any]) -> CallToolResult:
    """Return the result with other structured content, and the text that equals it as its first block."""
    text = TextContent(type="text", text=compact(made))
    return result.model_copy(update={"content": [text, *result.content[1:]], "structured_content": made})


def with_schema(tool: Tool, output_schema: dict[str, Any], **changes: Any) -> Tool:
    """Return a copy of the tool with another output schema, and with what else changes."""
    metadata = tool.fn_metadata.model_copy(update={"output_schema": output_schema})
    made = tool.model_copy(update={"fn_metadata": metadata, **changes})
    vars(made).pop("output_schema", None)  # remembered from the tool as it was
    return made
