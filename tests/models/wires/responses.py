"""OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

from tests.models.wires.chat import SEVEN, refused
from tests.models.wires.said import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Fault, Says, pieces, sse

MEDIA = "text/event-stream"
FIRST = "event: response.created\n"  # how a stream begins
CACHED = 60
_USAGE = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": 0},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def heard(body: dict[str, Any]) -> tuple[list[str], int]:
    tools = [tool["name"] for tool in body.get("tools", [])]
    given = body["input"] if isinstance(body["input"], list) else []
    return tools, sum(item.get("type") == "function_call_output" for item in given)


def streams(_path: str, body: dict[str, Any]) -> bool:
    return body.get("stream") is True


def whole(says: Says, body: dict[str, Any]) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    if says.text:
        text = {"type": "output_text", "text": says.text, "annotations": []}
        items.append({"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [text]})
    for at, call in enumerate(says.calls):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{at}",
                "call_id": f"call_{at}",
                "name": call.name,
                "arguments": call.text,
                "status": "completed",
            }
        )
    cut = {"length": "max_output_tokens", "filter": "content_filter"}.get(says.finish)
    return {
        **_stored(body),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "output": items,
        "usage": _USAGE,
    }


def streamed(says: Says, body: dict[str, Any]) -> list[bytes]:
    done = whole(says, body)
    events: list[dict[str, Any]] = [{"type": "response.created", "response": _stored(body)}]
    for at, item in enumerate(done["output"]):
        known = {"output_index": at, "item_id": item["id"]}
        if item["type"] == "message":
            part = item["content"][0]
            text = {**known, "content_index": 0}
            events += [
                {"type": "response.output_item.added", "output_index": at, "item": {**item, "content": []}},
                {"type": "response.content_part.added", **text, "part": {**part, "text": ""}},
                *[
                    {"type": "response.output_text.delta", **text, "delta": piece, "logprobs": []}
                    for piece in pieces(part["text"])
                ],
                {"type": "response.output_text.done", **text, "text": part["text"], "logprobs": []},
                {"type": "response.content_part.done", **text, "part": part},
            ]
        else:
            arguments = item["arguments"]
            events += [
                {"type": "response.output_item.added", "output_index": at, "item": {**item, "arguments": ""}},
                *[
                    {"type": "response.function_call_arguments.delta", **known, "delta": piece}
                    for piece in pieces(arguments)
                ],
                {"type": "response.function_call_arguments.done", **known, "arguments": arguments},
            ]
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    events.append({"type": f"response.{done['status']}", "response": done})
    return sse([(event["type"], {**event, "sequence_number": at}) for at, event in enumerate(events)])


def _stored(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "in_progress",
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


_FAILED = {"type": "error", "code": "server_error", "message": f"An error occurred; {SECRET}", "param": None}

OPENAI: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, refused("Rate limit reached", "rate_limit_exceeded", "tokens")),
    "server_error": Fault(503, body=refused("The engine is overloaded", kind="server_error")),
    "overflow": Fault(
        400, body=refused("Your input exceeds the context window of this model", "context_length_exceeded")
    ),
    "filter": Fault(says=Says("As I was about to", why="filter")),
    "in_stream": Fault(in_stream=sse([("error", {**_FAILED, "sequence_number": 3})])[0]),
}
