"""Google's generateContent. Arguments arrive as objects: what would be cut JSON elsewhere is MALFORMED_FUNCTION_CALL."""

from __future__ import annotations

from typing import Any

from tests.models.wires.said import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Fault, Says, pieces, sse

MEDIA = "text/event-stream"
_FINISH = {"stop": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
_USAGE = {
    "promptTokenCount": INPUT_TOKENS,
    "candidatesTokenCount": OUTPUT_TOKENS,
    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
}


def heard(body: dict[str, Any]) -> tuple[list[str], int]:
    parts = [part for content in body["contents"] for part in content["parts"]]
    tools = [each["name"] for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
    return tools, sum("functionResponse" in part for part in parts)


def streams(path: str, _body: dict[str, Any]) -> bool:
    return path.endswith(":streamGenerateContent")


def _answer(parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": _USAGE,
        "modelVersion": "gemini-3.5-flash",
        "responseId": "r",
    }


def _calls(says: Says) -> list[dict[str, Any]]:
    return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in says.calls if not call.cut]


def _finish(says: Says) -> str:
    cut = any(call.cut for call in says.calls)
    return "MALFORMED_FUNCTION_CALL" if cut and says.finish == "tools" else _FINISH[says.finish]


def whole(says: Says, _body: dict[str, Any]) -> dict[str, Any]:
    text = [{"text": says.text}] if says.text else []
    return _answer([*text, *_calls(says)], _finish(says))


def streamed(says: Says, _body: dict[str, Any]) -> list[bytes]:
    events: list[tuple[str | None, Any]] = [(None, _answer([{"text": piece}], None)) for piece in pieces(says.text)]
    events += [(None, _answer([call], None)) for call in _calls(says)]
    return sse([*events, (None, _answer([], _finish(says)))])


def refused(code: int, status: str, text: str, *details: dict[str, Any]) -> dict[str, Any]:
    said = f"{text}; key={SECRET}"
    return {"error": {"code": code, "message": said, "status": status, "details": list(details)}}


_WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
_BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": _USAGE, "responseId": "r"}

GOOGLE: dict[str, Fault] = {
    # The wait is in the body: no Retry-After comes with it.
    "rate_limit": Fault(429, body=refused(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", _WAIT)),
    "server_error": Fault(503, body=refused(503, "UNAVAILABLE", "The model is overloaded")),
    "overflow": Fault(
        400,
        body=refused(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ),
    "filter": Fault(body=_BLOCKED),
}
