"""Google's generateContent. Arguments are objects: what is cut JSON elsewhere is MALFORMED_FUNCTION_CALL here."""

from __future__ import annotations

from typing import Any

from mcp_servers.providers.practice.said import Heard, Json, Says, pieces, sse, text_of

MEDIA = "text/event-stream"
_FINISH = {"stop": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}


def heard(body: Json) -> Heard:
    contents: list[Json] = body["contents"]
    parts = [part for content in contents for part in content["parts"]]
    users = [text_of(content["parts"]) for content in contents if content["role"] == "user"]
    system: Json = body.get("systemInstruction") or {}
    instructions = text_of(system.get("parts"))
    return Heard(
        instructions=instructions,
        instructions_at="systemInstruction" if instructions else "",
        prompt=users[-1] if users else "",
        tools=[each["name"] for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])],
        results=sum("functionResponse" in part for part in parts),
    )


def streams(path: str, _body: Json) -> bool:
    return path.endswith(":streamGenerateContent")


def usage(says: Says) -> Json:
    both = {"promptTokenCount": says.input_tokens, "candidatesTokenCount": says.output_tokens}
    return {**both, "totalTokenCount": says.input_tokens + says.output_tokens}


def _answer(says: Says, parts: list[Json], finish: str | None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    counted = {"usageMetadata": usage(says), "modelVersion": "gemini-3.5-flash", "responseId": "r"}
    return {"candidates": [candidate], **counted}


def _calls(says: Says) -> list[Json]:
    return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in says.calls if not call.cut]


def _finish(says: Says) -> str:
    cut = any(call.cut for call in says.calls)
    return "MALFORMED_FUNCTION_CALL" if cut and says.finish == "tools" else _FINISH[says.finish]


def whole(says: Says, _body: Json) -> Json:
    text = [{"text": says.text}] if says.text else []
    return _answer(says, [*text, *_calls(says)], _finish(says))


def streamed(says: Says, _body: Json) -> list[bytes]:
    parts = [*({"text": piece} for piece in pieces(says.text)), *_calls(says)]
    events: list[tuple[str | None, Any]] = [(None, _answer(says, [part], None)) for part in parts]
    return sse([*events, (None, _answer(says, [], _finish(says)))])
