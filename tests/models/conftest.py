"""A provider on loopback that speaks the real wires: OpenAI chat and responses, Anthropic, Google, Ollama.

Its mind is one script for all of them: call `sql_query` once, then hand in the typed output. What goes wrong is
scripted too, one fault a request, in order.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

SQL = "SELECT COUNT(*) AS tracks FROM Track"
EXPLANATION = "Every row of the table of tracks was counted, one by one, and nothing was left out."
SECRET = "sk-planted-4242-never-to-be-seen"


@dataclass
class Fault:
    """What one request gets instead of an answer; `body` quotes the key, as real error bodies sometimes do."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    hang: bool = False
    malformed: bool = False
    dies: bool = False


@dataclass
class StandIn:
    """The running provider: `faults` are what the next requests get, `asked` what it was sent."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    served: list[str] = field(default_factory=lambda: ["stand-in"])

    def fail(self, *, times: int = 1, **how: Any) -> None:
        """Let the next requests go wrong; without `how`, let one go right."""
        self.faults += [Fault(**how)] * times


def reply(results: int, tools: list[str]) -> tuple[str, dict[str, Any]]:
    """The script: which tool is called next, after so many results."""
    if results == 0 and "sql_query" in tools:
        return "sql_query", {"database": "chinook", "sql": SQL}
    return "final_result", {"declined": "", "sql": SQL, "columns": [], "rows": [], "explanation": EXPLANATION}


def pieces(arguments: dict[str, Any]) -> list[str]:
    text = json.dumps(arguments)
    return [text[at : at + 20] for at in range(0, len(text), 20)]


async def sse(events: list[tuple[str | None, Any]], *, dies: bool) -> AsyncIterator[str]:
    """Send events; one that dies breaks off before the last quarter of them, when most of the prose was sent."""
    for number, (name, data) in enumerate(events):
        if dies and number > len(events) * 3 // 4:
            await asyncio.sleep(0.05)
            raise ConnectionAbortedError
        payload = data if isinstance(data, str) else json.dumps(data)
        yield (f"event: {name}\n" if name else "") + f"data: {payload}\n\n"


def chat_events(name: str, arguments: dict[str, Any]) -> list[tuple[str | None, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "stand-in", "choices": [choice]}

    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    grown = [{"index": 0, "function": {"arguments": piece}} for piece in pieces(arguments)]
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return [
        (None, chunk({"role": "assistant", "content": None, "tool_calls": [call]})),
        *[(None, chunk({"tool_calls": [more]})) for more in grown],
        (None, chunk({}, "tool_calls")),
        (None, {**chunk({}), "choices": [], "usage": usage}),
        (None, "[DONE]"),
    ]


def response_events(name: str, arguments: dict[str, Any], stored: dict[str, Any]) -> list[tuple[str | None, Any]]:
    whole = json.dumps(arguments)
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "status": "completed"}
    done = {**item, "arguments": whole}
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 120,
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": stored},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        *[
            {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": piece}
            for piece in pieces(arguments)
        ],
        {"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0, "arguments": whole},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {**stored, "status": "completed", "output": [done], "usage": usage}},
    ]
    return [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def message_events(name: str, arguments: dict[str, Any], model: str) -> list[tuple[str | None, Any]]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": model,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 1},
    }
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    grown = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[{"type": "content_block_delta", "index": 0, "delta": delta} for delta in grown],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"input_tokens": 100, "output_tokens": 20},
        },
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def google_events(name: str, arguments: dict[str, Any], model: str) -> list[tuple[str | None, Any]]:
    part = {"functionCall": {"name": name, "args": arguments}}
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return [(None, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r"})]


def application(provider: StandIn) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def answer(request: Request) -> Response:
        asked: dict[str, Any] = await request.json()
        path = request.url.path
        provider.asked.append({"path": path, "headers": dict(request.headers), "body": asked})
        fault = provider.faults.pop(0) if provider.faults else Fault()
        if fault.hang:
            await asyncio.sleep(1.5)
        if fault.status != 200:
            return JSONResponse(fault.body, status_code=fault.status, headers=fault.headers)
        if fault.malformed:
            return PlainTextResponse(f'data: {{"id": {SECRET}\n\n', media_type="text/event-stream")
        return StreamingResponse(sse(_events(path, asked), dies=fault.dies), media_type="text/event-stream")

    async def models(request: Request) -> Response:
        provider.asked.append({"path": request.url.path, "headers": dict(request.headers)})
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in provider.served]})

    async def tags(_request: Request) -> Response:
        embedder = {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}}
        return JSONResponse({"models": [embedder, *[{"name": name} for name in provider.served]]})

    posts = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/models/{rest:path}"]
    routes = [Route(path, answer, methods=["POST"]) for path in posts]
    return Starlette(routes=[*routes, Route("/v1/models", models), Route("/api/tags", tags)])


def _events(path: str, asked: dict[str, Any]) -> list[tuple[str | None, Any]]:
    if path == "/v1/chat/completions":
        results = sum(message["role"] == "tool" for message in asked["messages"])
        return chat_events(*reply(results, [tool["function"]["name"] for tool in asked["tools"]]))
    if path == "/v1/responses":
        results = sum(item.get("type") == "function_call_output" for item in asked["input"])
        stored = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "in_progress",
            "model": asked["model"],
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
        return response_events(*reply(results, [tool["name"] for tool in asked["tools"]]), stored)
    if path == "/v1/messages":
        blocks = [part for message in asked["messages"] for part in message["content"] if isinstance(part, dict)]
        results = sum(block.get("type") == "tool_result" for block in blocks)
        return message_events(*reply(results, [tool["name"] for tool in asked["tools"]]), asked["model"])
    parts = [part for content in asked["contents"] for part in content["parts"]]
    results = sum("functionResponse" in part for part in parts)
    known = [each["name"] for tool in asked["tools"] for each in tool.get("functionDeclarations", [])]
    return google_events(*reply(results, known), "gemini-3.5-flash")


@pytest.fixture
def provider() -> Iterator[StandIn]:
    import uvicorn

    running = StandIn()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        running.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        quiet = uvicorn.Config(application(running), log_level="critical", ws="none", lifespan="off")
        server = uvicorn.Server(quiet)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield running
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, provider: StandIn) -> None:
    """Point every provider's own variables at the one on loopback, with a key that must never be seen."""
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    for name, value in {
        "LYCEUM_PROVIDER__BASE_URL": f"{provider.url}/v1",
        "LYCEUM_PROVIDER__OLLAMA_URL": provider.url,
        "LYCEUM_PROVIDER__API_KEY": SECRET,
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_BASE_URL": provider.url,
        "GOOGLE_GEMINI_BASE_URL": provider.url,
        "AZURE_OPENAI_ENDPOINT": f"{provider.url}/v1",
        "OPENAI_API_KEY": SECRET,
        "ANTHROPIC_API_KEY": SECRET,
        "GOOGLE_API_KEY": SECRET,
        "AZURE_OPENAI_API_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)


@dataclass
class Said:
    """What `lyceum chat --json` did: its exit code, its events and what it wrote to stderr."""

    code: int
    events: list[dict[str, Any]]
    err: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


@pytest.fixture
def chat(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Ask the SQL agent through the real command line, in this process."""

    def chat(question: str, *options: str) -> Said:
        from app.cli import main

        code = main(["chat", "--agent", "sql", "--json", *options, question])
        out, err = capsys.readouterr()
        return Said(code, [json.loads(line) for line in out.splitlines()], err)

    return chat
