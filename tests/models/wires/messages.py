"""Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from tests.models.wires.chat import SEVEN
from tests.models.wires.said import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Fault, Says, pieces, sse

MEDIA = "text/event-stream"
FIRST = "event: message_start\n"  # how a stream begins
_STOP = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "refusal"}


def heard(body: dict[str, Any]) -> tuple[list[str], int]:
    blocks = [
        part for message in body["messages"] for part in message["content"] if isinstance(message["content"], list)
    ]
    return [tool["name"] for tool in body.get("tools", [])], sum(block["type"] == "tool_result" for block in blocks)


def streams(_path: str, body: dict[str, Any]) -> bool:
    return body.get("stream") is True


def _message(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    return {**head, **more}


def whole(says: Says, body: dict[str, Any]) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": says.text}] if says.text else []
    for at, call in enumerate(says.calls):
        # A whole answer carries an object: arguments that were cut have lost what came last.
        given = dict(list(call.arguments.items())[:-1]) if call.cut else call.arguments
        blocks.append({"type": "tool_use", "id": f"toolu_{at}", "name": call.name, "input": given})
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    return _message(body, content=blocks, stop_reason=_STOP[says.finish], usage=usage)


def streamed(says: Says, body: dict[str, Any]) -> list[bytes]:
    start = _message(body, content=[], stop_reason=None, usage={"input_tokens": INPUT_TOKENS, "output_tokens": 1})
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if says.text:
        grown = [{"type": "text_delta", "text": piece} for piece in pieces(says.text)]
        blocks.append(({"type": "text", "text": ""}, grown))
    for at, call in enumerate(says.calls):
        grown = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(call.text)]
        blocks.append(({"type": "tool_use", "id": f"toolu_{at}", "name": call.name, "input": {}}, grown))
    for at, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": at, "content_block": block})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": at})
    ended = {"stop_reason": _STOP[says.finish], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": OUTPUT_TOKENS}})
    events.append({"type": "message_stop"})
    return sse([(event["type"], event) for event in events])


def refused(text: str, kind: str) -> dict[str, Any]:
    error = {"type": kind, "message": f"{text}; you sent x-api-key {SECRET}"}
    return {"type": "error", "error": error, "request_id": "req_1"}


ANTHROPIC: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, refused("Number of request tokens has exceeded", "rate_limit_error")),
    "server_error": Fault(529, body=refused("Overloaded", "overloaded_error")),
    "overflow": Fault(400, body=refused("prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error")),
    "filter": Fault(says=Says(why="filter")),
    "in_stream": Fault(in_stream=sse([("error", refused("Overloaded", "overloaded_error"))])[0]),
}
