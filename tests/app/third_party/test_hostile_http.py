"""The same over HTTP: redirects, drips, packed and endless answers end where the limits say."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.third_party.conftest import SECRET
from tests.app.third_party.hostile import answer

JSON = b"Content-Type: application/json\r\n"
SSE = b"Content-Type: text/event-stream\r\n"


class Web:
    """An HTTP server by hand, so that it can break every rule; `seen` is what reached it."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.seen: list[tuple[str, str, str]] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                verb, path, _ = lines[0].split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                message: dict[str, Any] = json.loads(body) if body else {}
                self.seen.append((verb, path, headers.get("authorization", "")))
                await self.reply(writer, verb, message)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def reply(self, writer: asyncio.StreamWriter, verb: str, message: dict[str, Any]) -> None:
        method, number = str(message.get("method", "")), message.get("id")
        if verb != "POST":
            return await self.send(writer, b"405 Method Not Allowed", b"", b"")
        if number is None:
            return await self.send(writer, b"202 Accepted", b"", b"")
        found = answer("good", method, message.get("params") or {})
        if found is None:
            error = {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no such method"}}
            return await self.send(writer, b"200 OK", JSON, json.dumps(error).encode())
        data = json.dumps({"jsonrpc": "2.0", "id": number, "result": found}).encode()
        if method == "tools/call":
            return await self.misbehave(writer, data)
        return await self.send(writer, b"200 OK", JSON, data)

    async def misbehave(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.behaviour == "redirects":
            place = f"Location: http://localhost:{self.port}/stolen\r\n".encode()
            return await self.send(writer, b"307 Temporary Redirect", place, b"")
        if self.behaviour == "headers":
            return await self.send(writer, b"200 OK", b"X-Large: " + b"x" * 3_000_000 + b"\r\n" + JSON, data)
        if self.behaviour == "packed":
            packed = gzip.compress(b" " * 20_000_000 + data, 1)
            return await self.send(writer, b"200 OK", JSON + b"Content-Encoding: gzip\r\n", packed)
        if self.behaviour == "50mb":
            return await self.send(writer, b"200 OK", JSON, b" " * 50_000_000 + data)
        writer.write(b"HTTP/1.1 200 OK\r\n" + (SSE if self.behaviour == "endless" else JSON) + b"\r\n")
        piece = {"drips": b" ", "endless": b'data: {"jsonrpc": "2.0", "method": "notifications/x"}\n\n'}[self.behaviour]
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    async def send(self, writer: asyncio.StreamWriter, status: bytes, headers: bytes, data: bytes) -> None:
        length = f"Content-Length: {len(data)}\r\n".encode()
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"\r\n" + data)
        await writer.drain()


@asynccontextmanager
async def web(behaviour: str) -> AsyncGenerator[Web]:
    made = Web(behaviour)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0, limit=1 << 20)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("redirects", "not followed"),
        pytest.param("headers", "failed", marks=pytest.mark.slow),
        ("packed", "it packs its answers"),
        pytest.param("50mb", "more than 8,192 KiB at once", marks=pytest.mark.slow),
        pytest.param("drips", "a call took longer than", marks=pytest.mark.slow),
        pytest.param("endless", "a call took longer than", marks=pytest.mark.slow),
    ],
)
async def test_an_answer_that_leads_away_or_never_ends_is_a_failed_call(
    configure: Callable[..., Path], third_party: Callable[..., Any], behaviour: str, told: str
) -> None:
    async with web(behaviour) as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
        headers = {"Authorization": "Bearer ${WEATHER_KEY}"}
        waits = 0.6 if behaviour in ("drips", "endless") else 10
        configure(weather={"url": url, "headers": headers, "timeout": waits})
        begun = time.monotonic()
        async with third_party() as others:
            toolset = await others.toolset()
            result = await toolset.tools["weather__forecast"].function(city="Paris")
            assert result["failed"]
            assert told in result["text"], result["text"]
            assert SECRET not in str(result) + str(await others.call("connected_left_out"))
        assert time.monotonic() - begun < 4
        assert {path for _, path, _ in server.seen} == {"/mcp"}, "nothing went anywhere else"
        assert all(key == f"Bearer {SECRET}" for _, _, key in server.seen)
        assert all(verb == "POST" for verb, _, _ in server.seen), "no stream is opened on which it talks unasked"
