"""OpenAI's chat completions, which Azure, vLLM, Ollama and a LiteLLM proxy speak too."""

from __future__ import annotations

from mcp_servers.providers.practice.said import Heard, Json, Says, pieces, sse, text_of

MEDIA = "text/event-stream"
_FINISH = {"stop": "stop", "tools": "tool_calls", "length": "length", "filter": "content_filter"}


def heard(body: Json) -> Heard:
    messages: list[Json] = body["messages"]
    first = messages[0]["role"] in ("system", "developer")
    users = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    return Heard(
        instructions=text_of(messages[0]["content"]) if first else "",
        instructions_at=f"messages[0] ({messages[0]['role']})" if first else "",
        prompt=users[-1] if users else "",
        tools=[tool["function"]["name"] for tool in body.get("tools", [])],
        results=sum(message["role"] == "tool" for message in messages),
    )


def streams(_path: str, body: Json) -> bool:
    return body.get("stream") is True


def _usage(says: Says) -> Json:
    both = {"prompt_tokens": says.input_tokens, "completion_tokens": says.output_tokens}
    return {**both, "total_tokens": says.input_tokens + says.output_tokens}


def whole(says: Says, body: Json) -> Json:
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": call.name, "arguments": call.text}}
        for at, call in enumerate(says.calls)
    ]
    message = {"role": "assistant", "content": says.text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": _FINISH[says.finish], "logprobs": None}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": _usage(says)}


def streamed(says: Says, body: Json) -> list[bytes]:
    def chunk(delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        return {**head, "choices": [choice]}

    events: list[tuple[str | None, object]] = [(None, chunk({"role": "assistant", "content": None}))]
    events += [(None, chunk({"content": piece})) for piece in pieces(says.text)]
    for at, call in enumerate(says.calls):
        first = {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": call.name, "arguments": ""}}
        events.append((None, chunk({"tool_calls": [first]})))
        for piece in pieces(call.text):
            events.append((None, chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})))
    events.append((None, chunk({}, _FINISH[says.finish])))
    if "include_usage" in str(body.get("stream_options")):
        events.append((None, {**chunk({}), "choices": [], "usage": _usage(says)}))
    return sse([*events, (None, "[DONE]")])
