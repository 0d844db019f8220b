"""OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

from mcp_servers.providers.practice.said import Heard, Json, Says, pieces, sse, text_of

MEDIA = "text/event-stream"
FIRST = "event: response.created\n"  # how a stream begins


def heard(body: Json) -> Heard:
    sent: Any = body["input"]
    given: list[Json] = [{"role": "user", "content": sent}] if isinstance(sent, str) else sent
    users = [text_of(item["content"]) for item in given if item.get("role") == "user"]
    instructions = str(body.get("instructions") or "")
    return Heard(
        instructions=instructions,
        instructions_at="instructions" if instructions else "",
        prompt=users[-1] if users else "",
        tools=[tool["name"] for tool in body.get("tools", [])],
        results=sum(item.get("type") == "function_call_output" for item in given),
    )


def streams(_path: str, body: Json) -> bool:
    return body.get("stream") is True


def _usage(says: Says) -> Json:
    return {
        "input_tokens": says.input_tokens,
        "input_tokens_details": {"cached_tokens": says.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": says.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": says.input_tokens + says.output_tokens,
    }


def whole(says: Says, body: Json) -> Json:
    items: list[dict[str, Any]] = []
    if says.text:
        text: Json = {"type": "output_text", "text": says.text, "annotations": []}
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
        "usage": _usage(says),
    }


def streamed(says: Says, body: Json) -> list[bytes]:
    done = whole(says, body)
    events: list[Json] = [{"type": "response.created", "response": _stored(body)}]
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


def _stored(body: Json) -> Json:
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
