"""Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from mcp_servers.providers.practice.said import Heard, Json, Says, pieces, sse, text_of

MEDIA = "text/event-stream"
FIRST = "event: message_start\n"  # how a stream begins
_STOP = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "refusal"}


def heard(body: Json) -> Heard:
    messages: list[Json] = body["messages"]
    contents: list[Any] = [message["content"] for message in messages]
    blocks: list[Json] = [part for content in contents if not isinstance(content, str) for part in content]
    users = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    instructions = text_of(body.get("system"))
    return Heard(
        instructions=instructions,
        instructions_at="system" if instructions else "",
        prompt=users[-1] if users else "",
        tools=[tool["name"] for tool in body.get("tools", [])],
        results=sum(block["type"] == "tool_result" for block in blocks),
    )


def streams(_path: str, body: Json) -> bool:
    return body.get("stream") is True


def _message(body: Json, **more: object) -> Json:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    return {**head, **more}


def whole(says: Says, body: Json) -> Json:
    blocks: list[Json] = [{"type": "text", "text": says.text}] if says.text else []
    for at, call in enumerate(says.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{at}", "name": call.name, "input": call.given})
    usage = {"input_tokens": says.input_tokens, "output_tokens": says.output_tokens}
    return _message(body, content=blocks, stop_reason=_STOP[says.finish], usage=usage)


def streamed(says: Says, body: Json) -> list[bytes]:
    start = _message(body, content=[], stop_reason=None, usage={"input_tokens": says.input_tokens, "output_tokens": 1})
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    blocks: list[tuple[Json, list[Json]]] = []
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
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": says.output_tokens}})
    events.append({"type": "message_stop"})
    return sse([(event["type"], event) for event in events])
