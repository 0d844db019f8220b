"""Bedrock's Converse and ConverseStream, whose answers stream as AWS's binary events."""

from __future__ import annotations

import json
import struct
import zlib

from mcp_servers.providers.practice.said import Heard, Json, Says, pieces, text_of

MEDIA = "application/vnd.amazon.eventstream"
_STOP = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "guardrail_intervened"}


def heard(body: Json) -> Heard:
    messages: list[Json] = body["messages"]
    blocks = [block for message in messages for block in message["content"]]
    users = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    instructions = text_of(body.get("system"))
    return Heard(
        instructions=instructions,
        instructions_at="system" if instructions else "",
        prompt=users[-1] if users else "",
        tools=[each["toolSpec"]["name"] for each in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in each],
        results=sum("toolResult" in block for block in blocks),
    )


def _usage(says: Says) -> Json:
    both = {"inputTokens": says.input_tokens, "outputTokens": says.output_tokens}
    return {**both, "totalTokens": says.input_tokens + says.output_tokens}


def streams(path: str, _body: Json) -> bool:
    return path.endswith("/converse-stream")


def whole(says: Says, _body: Json) -> Json:
    content: list[Json] = [{"text": says.text}] if says.text else []
    for at, call in enumerate(says.calls):
        content.append({"toolUse": {"toolUseId": f"tooluse_{at}", "name": call.name, "input": call.given}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _STOP[says.finish],
        "usage": _usage(says),
        "metrics": {"latencyMs": 1},
    }


def streamed(says: Says, _body: Json) -> list[bytes]:
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    blocks: list[tuple[Json, list[Json]]] = []
    if says.text:
        blocks.append(({}, [{"text": piece} for piece in pieces(says.text)]))
    for at, call in enumerate(says.calls):
        start = {"toolUse": {"toolUseId": f"tooluse_{at}", "name": call.name}}
        blocks.append((start, [{"toolUse": {"input": piece}} for piece in pieces(call.text)]))
    for at, (start, deltas) in enumerate(blocks):
        if start:
            events.append(("contentBlockStart", {"start": start, "contentBlockIndex": at}))
        events += [("contentBlockDelta", {"delta": delta, "contentBlockIndex": at}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": at}))
    events.append(("messageStop", {"stopReason": _STOP[says.finish]}))
    events.append(("metadata", {"usage": _usage(says), "metrics": {"latencyMs": 1}}))
    return [frame({":event-type": name, ":message-type": "event"}, data) for name, data in events]


def frame(headers: dict[str, str], data: Json) -> bytes:
    """Encode one message: lengths and their CRC-32, typed headers, payload, CRC-32 of it all (AWS event stream)."""
    named = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in {**headers, ":content-type": "application/json"}.items()
    )
    payload = json.dumps(data).encode()
    prelude = struct.pack("!II", 12 + len(named) + len(payload) + 4, len(named))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + named + payload
    return message + struct.pack("!I", zlib.crc32(message))
