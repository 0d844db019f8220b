"""The stand-in itself: one server on loopback, a path for each wire, and a script for what goes wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.models.wires import chat, converse, gemini, messages, responses
from tests.models.wires.said import SECRET, Fault, Says

WIRES: dict[str, Any] = {
    "/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/messages": messages,
    ":generateContent": gemini,
    ":streamGenerateContent": gemini,
    "/converse": converse,
    "/converse-stream": converse,
}


@dataclass
class StandIn:
    """The running provider: `faults` are what the next requests get, `says` what the next good answers say.

    `mind` answers where nothing else is scripted, from the tools that are offered and the results that came;
    `asked` is what was sent, `served` what the list of models names.
    """

    mind: Callable[[list[str], int], Says]
    url: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])
    says: list[Says] = field(default_factory=list[Says])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    served: list[str] = field(default_factory=lambda: ["stand-in"])

    def fail(self, *, times: int = 1, **how: Any) -> None:
        """Let the next requests go wrong; without `how`, let one go right."""
        self.faults += [Fault(**how)] * times

    def forget(self) -> None:
        self.faults, self.says, self.asked = [], [], []


def application(provider: StandIn) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def answer(request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        body: dict[str, Any] = json.loads(raw)
        wire = next((wire for ending, wire in WIRES.items() if path.endswith(ending)), None)
        if wire is None:
            return JSONResponse({"error": {"message": f"no such path {path}", "code": None}}, status_code=404)
        sent = {"path": path, "query": str(request.url.query), "headers": dict(request.headers), "raw": raw}
        provider.asked.append({**sent, "raw_path": request.scope["raw_path"].decode(), "body": body})
        fault = provider.faults.pop(0) if provider.faults else Fault()
        await asyncio.sleep(fault.hang)
        if fault.status != 200:
            return JSONResponse(fault.body, status_code=fault.status, headers=dict(fault.headers))
        streams: bool = wire.streams(path, body)
        media = wire.MEDIA if streams else "application/json"
        if fault.broken:
            first = getattr(wire, "FIRST", "")
            return Response(f'{first}data: {{"id": {SECRET}\n\n' if streams else f'{{"id": {SECRET}', media_type=media)
        if fault.body is not None:
            whole = json.dumps(fault.body)
            return Response(f"data: {whole}\n\n" if streams else whole, media_type=media)
        says = fault.says or (provider.says.pop(0) if provider.says else provider.mind(*wire.heard(body)))
        if streams:
            chunks: list[bytes] = wire.streamed(says, body)
            if fault.in_stream:
                chunks = [*chunks[: len(chunks) // 2], fault.in_stream]
            return StreamingResponse(sent_in(chunks, dies=fault.dies), media_type=media)
        whole = json.dumps(wire.whole(says, body)).encode()
        length = {"content-length": str(len(whole))}
        half = [whole[: len(whole) // 2], whole[len(whole) // 2 :]]
        return StreamingResponse(sent_in(half, dies=fault.dies), media_type=media, headers=length)

    async def models(request: Request) -> Response:
        provider.asked.append({"path": request.url.path, "headers": dict(request.headers)})
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in provider.served]})

    async def tags(_request: Request) -> Response:
        embedder = {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}}
        return JSONResponse({"models": [embedder, *[{"name": name} for name in provider.served]]})

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/api/tags", tags),
            Route("/{rest:path}", answer, methods=["POST"]),
        ]
    )


async def sent_in(chunks: list[bytes], *, dies: bool) -> AsyncIterator[bytes]:
    """Send chunks; a stream that dies breaks off before the last quarter of them, when most of the prose was sent."""
    for number, chunk in enumerate(chunks):
        if dies and number > len(chunks) * 3 // 4 - (len(chunks) == 2):
            await asyncio.sleep(0.05)  # so that what was sent is read before the connection goes
            raise ConnectionAbortedError
        yield chunk


@contextmanager
def running(mind: Callable[[list[str], int], Says]) -> Iterator[StandIn]:
    """Serve a stand-in on a free port of loopback, in a thread."""
    import uvicorn

    provider = StandIn(mind)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        provider.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        quiet = uvicorn.Config(application(provider), log_level="critical", ws="none", lifespan="off")
        server = uvicorn.Server(quiet)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield provider
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()
