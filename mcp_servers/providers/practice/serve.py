"""The stand-in itself: one server on loopback, a path for each wire, and a script for what goes wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mcp_servers.providers.practice import chat, converse, gemini, messages, responses
from mcp_servers.providers.practice.said import Heard, Json, Says

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


class Wire(Protocol):
    """How one API is heard and spoken; its modules are beside this one."""

    @property
    def MEDIA(self) -> str: ...  # noqa: N802 - a constant of each module

    def heard(self, body: Json, /) -> Heard: ...

    def streams(self, path: str, body: Json, /) -> bool: ...

    def whole(self, says: Says, body: Json, /) -> Json: ...

    def streamed(self, says: Says, body: Json, /) -> list[bytes]: ...


WIRES: Mapping[str, Wire] = {
    "/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/messages": messages,
    ":generateContent": gemini,
    ":streamGenerateContent": gemini,
    "/converse": converse,
    "/converse-stream": converse,
}


@dataclass(frozen=True)
class Fault:
    """What one request gets instead of a good answer.

    `says` answers with something odd, `broken` with these bytes, which cannot be read, `in_stream` breaks into the
    second half of a stream; one that `dies` breaks off before the last quarter, when most of the prose was sent;
    `hang` is in seconds. With a status of 200, `body` is the whole answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    says: Says | None = None
    broken: str = ""
    dies: bool = False
    hang: float = 0.0
    in_stream: bytes = b""


@dataclass
class Asked:
    """A request as it arrived; `status` is what it was answered with."""

    path: str
    query: str
    raw_path: str
    headers: dict[str, str]
    raw: bytes
    body: Json
    status: int = 200


@dataclass
class StandIn:
    """The running provider: `faults` are what the next requests get, `says` what the next good answers say.

    `mind` answers where nothing else is scripted; `fault_at` gives the fault of a path, where none is scripted;
    `asked` is what was sent, `listed` counts who asked for the models, `served` what they are told.
    """

    mind: Callable[[Heard], Says]
    url: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])
    says: list[Says] = field(default_factory=list[Says])
    asked: list[Asked] = field(default_factory=list[Asked])
    listed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    served: list[str] = field(default_factory=lambda: ["stand-in"])
    fault_at: Callable[[str], Fault | None] = lambda _path: None

    def fail(self, *, times: int = 1, **how: Any) -> None:
        """Let the next requests go wrong; without `how`, let one go right."""
        self.faults += [Fault(**how)] * times

    def forget(self) -> None:
        self.faults, self.says, self.asked, self.listed = [], [], [], []

    async def answer(self, request: Request) -> Response:
        from starlette.responses import JSONResponse, Response

        path, raw = request.url.path, await request.body()
        wire = next((wire for ending, wire in WIRES.items() if path.endswith(ending)), None)
        if wire is None:
            return JSONResponse({"error": {"message": f"no such path {path}", "code": None}}, status_code=404)
        asked = Asked(
            path=path,
            query=str(request.url.query),
            raw_path=request.scope["raw_path"].decode(),
            headers=dict(request.headers),
            raw=raw,
            body=json.loads(raw),
        )
        self.asked.append(asked)
        fault = self.faults.pop(0) if self.faults else self.fault_at(path) or Fault()
        asked.status = fault.status
        await asyncio.sleep(fault.hang)
        if fault.status != 200:
            return JSONResponse(fault.body, status_code=fault.status, headers=dict(fault.headers))
        streams = wire.streams(path, asked.body)
        media = wire.MEDIA if streams else "application/json"
        if fault.broken:
            first = getattr(wire, "FIRST", "")
            return Response(f"{first}data: {fault.broken}\n\n" if streams else fault.broken, media_type=media)
        if fault.body is not None:
            whole = json.dumps(fault.body)
            return Response(f"data: {whole}\n\n" if streams else whole, media_type=media)
        says = fault.says or (self.says.pop(0) if self.says else self.mind(wire.heard(asked.body)))
        return _spoken(wire, says, asked.body, fault, streams=streams)


def _spoken(wire: Wire, says: Says, body: Json, fault: Fault, *, streams: bool) -> Response:
    from starlette.responses import StreamingResponse

    if streams:
        chunks = wire.streamed(says, body)
        if fault.in_stream:
            chunks = [*chunks[: len(chunks) // 2], fault.in_stream]
        return StreamingResponse(_sent(chunks, len(chunks) * 3 // 4 + 1 if fault.dies else None), media_type=wire.MEDIA)
    whole = json.dumps(wire.whole(says, body)).encode()
    half = [whole[: len(whole) // 2], whole[len(whole) // 2 :]]
    length = {"content-length": str(len(whole))}
    return StreamingResponse(_sent(half, 1 if fault.dies else None), media_type="application/json", headers=length)


async def _sent(chunks: list[bytes], dies_at: int | None) -> AsyncIterator[bytes]:
    for number, chunk in enumerate(chunks):
        if number == dies_at:
            await asyncio.sleep(0.05)  # so that what was sent is read before the connection goes
            raise ConnectionAbortedError
        yield chunk


def application(provider: StandIn) -> Starlette:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def models(request: Request) -> Response:
        provider.listed.append(dict(request.headers))
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in provider.served]})

    async def tags(_request: Request) -> Response:
        embedder = {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}}
        return JSONResponse({"models": [embedder, *[{"name": name} for name in provider.served]]})

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/api/tags", tags),
            Route("/{rest:path}", provider.answer, methods=["POST"]),
        ]
    )


@contextmanager
def running(mind: Callable[[Heard], Says]) -> Generator[StandIn]:
    """Serve a stand-in on a free port of loopback, in a thread; it ends with the context."""
    import uvicorn

    provider = StandIn(mind)
    with socket.socket() as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # no piece is held back
        listening.bind(("127.0.0.1", 0))
        provider.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        quiet = uvicorn.Config(application(provider), log_level="critical", ws="none", lifespan="off")
        server = uvicorn.Server(quiet)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=10)
