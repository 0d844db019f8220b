"""Batches over the wires of OpenAI and Anthropic: handed in by one process, fetched by another, at half the price."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECRET = "sk-planted-4242-never-to-be-seen"
NOW = "2026-11-27T10:00:00Z"


class Desk:
    """What both providers' batch desks keep: the requests that came in, and whether they are done."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.done = False


def application(desk: Desk) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    def openai_batch() -> dict[str, Any]:
        return {
            "id": "batch_1",
            "object": "batch",
            "endpoint": "/v1/responses",
            "input_file_id": "file-1",
            "completion_window": "24h",
            "created_at": 1,
            "status": "completed" if desk.done else "in_progress",
            "output_file_id": "file-2" if desk.done else None,
            "request_counts": {"total": len(desk.requests), "completed": len(desk.requests), "failed": 0},
        }

    async def upload(request: Request) -> Response:
        body = (await request.body()).decode()
        desk.requests = [json.loads(line) for line in re.findall(r"^\{.*\}\r?$", body, re.MULTILINE)]
        file = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch"}
        return JSONResponse({**file, "status": "processed"})

    async def batches(_request: Request) -> Response:
        return JSONResponse(openai_batch())

    async def content(_request: Request) -> Response:
        lines: list[str] = []
        for asked in desk.requests:
            message = {
                "type": "message",
                "id": "m",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": f"answer to {asked['custom_id']}", "annotations": []}],
            }
            details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
            usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, **details}
            body = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-6-luna"}
            body |= {"output": [message], "usage": usage, "tools": [], "tool_choice": "auto"}
            body |= {"parallel_tool_calls": True}
            answer = {"status_code": 200, "request_id": "x", "body": body}
            lines.append(json.dumps({"id": "l", "custom_id": asked["custom_id"], "response": answer, "error": None}))
        return PlainTextResponse("\n".join(lines))

    def message_batch(request: Request) -> dict[str, Any]:
        place = f"{request.url.scheme}://{request.url.netloc}"
        counts = {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}
        return {
            "id": "msgbatch_1",
            "type": "message_batch",
            "processing_status": "ended" if desk.done else "in_progress",
            "request_counts": counts,
            "created_at": NOW,
            "expires_at": NOW,
            "ended_at": NOW if desk.done else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"{place}/v1/messages/batches/msgbatch_1/results" if desk.done else None,
        }

    async def create(request: Request) -> Response:
        desk.requests = (await request.json())["requests"]
        return JSONResponse(message_batch(request))

    async def state(request: Request) -> Response:
        return JSONResponse(message_batch(request))

    async def results(_request: Request) -> Response:
        first, second = desk.requests
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [{"type": "text", "text": f"answer to {first['custom_id']}"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1000, "output_tokens": 100},
        }
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": f"x-api-key {SECRET}"}}
        lines = [
            {"custom_id": first["custom_id"], "result": {"type": "succeeded", "message": message}},
            {"custom_id": second["custom_id"], "result": {"type": "errored", "error": error}},
        ]
        return PlainTextResponse("\n".join(map(json.dumps, lines)), media_type="application/x-jsonl")

    return Starlette(
        routes=[
            Route("/v1/files", upload, methods=["POST"]),
            Route("/v1/batches", batches, methods=["POST"]),
            Route("/v1/batches/{id}", batches),
            Route("/v1/files/{id}/content", content),
            Route("/v1/messages/batches", create, methods=["POST"]),
            Route("/v1/messages/batches/{id}", state),
            Route("/v1/messages/batches/{id}/results", results),
        ]
    )


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    import socket
    import threading

    import uvicorn

    desk = Desk()
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        for name, value in {
            "OPENAI_BASE_URL": f"{url}/v1",
            "ANTHROPIC_BASE_URL": url,
            "OPENAI_API_KEY": SECRET,
            "ANTHROPIC_API_KEY": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        server = uvicorn.Server(uvicorn.Config(application(desk), log_level="critical", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield desk
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)


@pytest.fixture
def batch(capsys: pytest.CaptureFixture[str]) -> Any:
    def batch(*words: str) -> tuple[int, str, str]:
        from app.cli import main

        code = main(["batch", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return batch


@pytest.mark.parametrize(
    ("model", "batch_id", "code"),
    [("openai:gpt-6-luna", "batch_1", 0), ("anthropic:claude-sonnet-5-5", "msgbatch_1", 1)],
)
def test_a_batch_is_handed_in_and_fetched_by_its_id_with_its_price(
    desk: Desk, batch: Any, tmp_path: Path, model: str, batch_id: str, code: int
) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text('{"id": "a", "prompt": "One?", "instructions": "Be brief."}\n\n{"id": "b", "prompt": "Two?"}\n')
    submitted, out, err = batch("submit", str(file), "--model", model, "--json")
    assert submitted == 0, err
    assert json.loads(out)["id"] == batch_id
    assert [asked["custom_id"] for asked in desk.requests] == ["a", "b"]
    early, _, err = batch("results", batch_id)
    assert (early, "is not done" in err) == (1, True)
    desk.done = True
    assert json.loads(batch("status", batch_id, "--json")[1])["status"] == "ended"
    fetched, out, err = batch("results", batch_id, "--wait")
    first, second = map(json.loads, out.splitlines())
    assert (fetched, first["text"], first["error"]) == (code, "answer to a", ""), err
    assert 0 < first["cost"] < 0.01
    assert bool(second["error"]) == bool(code)
    assert batch_id in batch("list")[1]
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    assert SECRET not in out + err + "".join(path.read_text(errors="replace") for path in kept)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "a"}', "line 1: prompt"),
        ('{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}', "twice"),
        ('{"id": "a b", "prompt": "x"}', "line 1: id"),
        ("", "holds no question"),
        ("not json", "line 1"),
    ],
)
def test_a_file_that_is_no_batch_is_refused_by_its_line(batch: Any, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(text)
    code, _, err = batch("submit", str(file), "--model", "openai:gpt-6-luna")
    assert (code, told in err) == (2, True), err


def test_a_batch_that_is_not_here_and_a_model_without_batches_are_told(
    desk: Desk, batch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk
    assert "There is no batch" in batch("status", "batch_9")[2]
    file = tmp_path / "questions.jsonl"
    file.write_text('{"id": "a", "prompt": "x"}')
    code, _, err = batch("submit", str(file), "--model", "ollama:llama")
    assert (code, "takes no batches" in err) == (2, True), err
