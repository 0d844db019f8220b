"""Bedrock's Converse and ConverseStream: signed requests, and answers as AWS's binary event stream."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from tests.models.wires.said import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Fault, Says, pieces

MEDIA = "application/vnd.amazon.eventstream"
_STOP = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "guardrail_intervened"}
_USAGE = {
    "inputTokens": INPUT_TOKENS,
    "outputTokens": OUTPUT_TOKENS,
    "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def heard(body: dict[str, Any]) -> tuple[list[str], int]:
    blocks = [block for message in body["messages"] for block in message["content"]]
    tools = [each["toolSpec"]["name"] for each in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in each]
    return tools, sum("toolResult" in block for block in blocks)


def streams(path: str, _body: dict[str, Any]) -> bool:
    return path.endswith("/converse-stream")


def whole(says: Says, _body: dict[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"text": says.text}] if says.text else []
    for at, call in enumerate(says.calls):
        given = dict(list(call.arguments.items())[:-1]) if call.cut else call.arguments
        content.append({"toolUse": {"toolUseId": f"tooluse_{at}", "name": call.name, "input": given}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _STOP[says.finish],
        "usage": _USAGE,
        "metrics": {"latencyMs": 1},
    }


def streamed(says: Says, _body: dict[str, Any]) -> list[bytes]:
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
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
    events.append(("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 1}}))
    return [frame({":event-type": name, ":message-type": "event"}, data) for name, data in events]


def frame(headers: dict[str, str], data: dict[str, Any]) -> bytes:
    """Encode one message: lengths and their CRC-32, typed headers, payload, CRC-32 of it all (AWS event stream)."""
    named = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in {**headers, ":content-type": "application/json"}.items()
    )
    payload = json.dumps(data).encode()
    prelude = struct.pack("!II", 12 + len(named) + len(payload) + 4, len(named))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + named + payload
    return message + struct.pack("!I", zlib.crc32(message))


def signed(path: str, headers: dict[str, str], body: bytes, key: str, secret: str) -> bool:
    """Tell whether a request bears the signature (version 4) that this key gives it."""
    import importlib

    auth: Any = importlib.import_module("botocore.auth")
    request_type: Any = importlib.import_module("botocore.awsrequest").AWSRequest
    credentials: Any = importlib.import_module("botocore.credentials").Credentials(key, secret)
    given = headers["authorization"]
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = request_type(
        method="POST",
        url=f"http://{headers['host']}{path}",
        data=body,
        headers={name: headers[name] for name in names if name != "host"},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    region = given.partition("Credential=")[2].split("/")[2]
    signer = auth.SigV4Auth(credentials, "bedrock", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return given.endswith(f"Signature={signer.signature(text, request)}")


def refused(status: int, kind: str, text: str) -> Fault:
    return Fault(status, {"x-amzn-errortype": kind}, {"message": f"{text}; {SECRET}"})


_BROKE = frame(
    {":exception-type": "modelStreamErrorException", ":message-type": "exception"}, {"message": f"broke; {SECRET}"}
)

BEDROCK: dict[str, Fault] = {
    "rate_limit": refused(429, "ThrottlingException", "Too many requests, please wait"),  # AWS names no wait
    "server_error": refused(500, "InternalServerException", "The system encountered an unexpected error"),
    "overflow": refused(400, "ValidationException", "Input is too long for requested model."),
    "filter": Fault(says=Says(why="filter")),
    "in_stream": Fault(in_stream=_BROKE),
}
