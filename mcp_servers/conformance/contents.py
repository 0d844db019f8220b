"""Tools that return one kind of content each, or fail, or have a schema that must arrive unchanged."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools.base import Tool
from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from pydantic import BaseModel, Field

from mcp_servers.server import ToolServer


class Region(BaseModel):
    region: str


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def png() -> str:
    """Return one red pixel as a PNG file, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def silence() -> str:
    """Return a hundredth of a second of silence as a WAV file, in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 80)
    return base64.b64encode(file.getvalue()).decode()


def embedded(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


def add_contents(server: ToolServer) -> None:
    picture = ImageContent(type="image", data=png(), mime_type="image/png")

    @server.tool(description="Returns a text.")
    async def test_simple_text() -> TextContent:
        return TextContent(type="text", text="This is a simple text response for testing.")

    @server.tool(description="Returns a picture.")
    async def test_image_content() -> ImageContent:
        return picture

    @server.tool(description="Returns a sound.")
    async def test_audio_content() -> AudioContent:
        return AudioContent(type="audio", data=silence(), mime_type="audio/wav")

    @server.tool(description="Returns an embedded resource.")
    async def test_embedded_resource() -> EmbeddedResource:
        return embedded("test://embedded-resource", "This is an embedded resource content.")

    @server.tool(description="Returns a text, a picture and a resource.", structured_output=False)
    async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        text = TextContent(type="text", text="Multiple content types test:")
        data = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
        return [text, picture, data]

    @server.tool(description="Always fails.")
    async def test_error_handling() -> TextContent:
        raise ToolError("This tool intentionally returns an error for testing")

    @server.expose(title="A parameter that is also a header", effect="read")
    async def test_custom_headers(
        region: Annotated[
            str, Field(description="Any text.", max_length=200, json_schema_extra={"x-mcp-header": "Region"})
        ],
    ) -> Region:
        """Return a parameter that a client over HTTP repeats in a header, where it is checked."""
        return Region(region=region)

    server.put(_with_given_schema())


def _with_given_schema() -> Tool:
    async def json_schema_2020_12_tool(
        name: str = "",
        address: dict[str, Any] | None = None,
        contactMethod: str = "",  # noqa: N803
        phone: str = "",
        email: str = "",
    ) -> TextContent:
        return TextContent(type="text", text=f"{name} {contactMethod} {phone or email} {address}")

    tool = Tool.from_function(json_schema_2020_12_tool, description="Has a schema with keywords of draft 2020-12.")
    return tool.model_copy(update={"parameters": SCHEMA})
