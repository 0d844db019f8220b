"""OpenAI's chat completions, and how Azure, vLLM, Ollama and a LiteLLM proxy speak them.

The last three differ in how they refuse; LiteLLM's words are those that litellm 1.108.7 sent.
"""

from __future__ import annotations

from typing import Any

from tests.models.wires.said import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Fault, Says, pieces, sse

MEDIA = "text/event-stream"
_FINISH = {"stop": "stop", "tools": "tool_calls", "length": "length", "filter": "content_filter"}
_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def heard(body: dict[str, Any]) -> tuple[list[str], int]:
    """Return the tools a request offers, and how many results it brings."""
    tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    return tools, sum(message["role"] == "tool" for message in body["messages"])


def streams(_path: str, body: dict[str, Any]) -> bool:
    return body.get("stream") is True


def whole(says: Says, body: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": call.name, "arguments": call.text}}
        for at, call in enumerate(says.calls)
    ]
    message = {"role": "assistant", "content": says.text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": _FINISH[says.finish], "logprobs": None}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": _USAGE}


def streamed(says: Says, body: dict[str, Any]) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        return {**head, "choices": [choice]}

    events: list[tuple[str | None, Any]] = [(None, chunk({"role": "assistant", "content": None}))]
    events += [(None, chunk({"content": piece})) for piece in pieces(says.text)]
    for at, call in enumerate(says.calls):
        first = {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": call.name, "arguments": ""}}
        events.append((None, chunk({"tool_calls": [first]})))
        for piece in pieces(call.text):
            events.append((None, chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})))
    events.append((None, chunk({}, _FINISH[says.finish])))
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append((None, {**chunk({}), "choices": [], "usage": _USAGE}))
    return sse([*events, (None, "[DONE]")])


def refused(text: str, code: str | int | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Return an error's body, which quotes the key as real ones sometimes do."""
    said = f"{text}; you sent Bearer {SECRET}"
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}


SEVEN = {"retry-after": "7"}
OVERFLOW = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens"

OPENAI: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, refused("Rate limit reached", "rate_limit_exceeded", "requests")),
    "server_error": Fault(500, body=refused("The server had an error", kind="server_error")),
    "overflow": Fault(400, body=refused(OVERFLOW, "context_length_exceeded")),
    "filter": Fault(says=Says("As I was about to", why="filter")),
}

AZURE: dict[str, Fault] = {
    **OPENAI,
    "rate_limit": Fault(429, {**SEVEN, "retry-after-ms": "7000"}, refused("Requests have exceeded", "429")),
    "filter": Fault(
        400,
        body={
            "error": {
                "message": f"The response was filtered; {SECRET}",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
                },
            }
        },
    ),
}

VLLM: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, refused("Too many requests", kind="TooManyRequests")),  # of a gateway before it
    "server_error": Fault(500, body=refused("EngineDeadError", 500, "InternalServerError")),
    "overflow": Fault(400, body=refused(OVERFLOW, 400, "BadRequestError")),
    "in_stream": Fault(in_stream=sse([(None, refused("EngineDeadError", 500, "InternalServerError"))])[0]),
}

OLLAMA: dict[str, Fault] = {
    "rate_limit": Fault(429, body=refused("you've reached your hourly usage limit", kind="rate_limit_error")),
    "server_error": Fault(503, body=refused("server busy, maximum pending requests exceeded", kind="api_error")),
    # llama.cpp's own error arrives as the text of Ollama's; by default many models shorten the prompt instead.
    "overflow": Fault(
        400,
        body=refused(
            '{"error":{"code":400,"message":"request (351 tokens) exceeds the available context size (256 tokens), '
            'try increasing it","type":"exceed_context_size_error"}}',
            kind="invalid_request_error",
        ),
    ),
}


def litellm(kind: str, text: str) -> str:
    return f"litellm.{kind}: {text}\n\nLiteLLM: model group 'stand-in' failed with the error above."


LITELLM: dict[str, Fault] = {
    "rate_limit": Fault(
        429,
        {"llm_provider-retry-after": "7"},
        refused(litellm("RateLimitError", "RateLimitError: OpenAIException - slow"), "429", "throttling_error"),
    ),
    "server_error": Fault(
        500, body=refused(litellm("InternalServerError", "OpenAIException - oops"), "500", "internal_server_error")
    ),
    "overflow": Fault(400, body=refused(litellm("ContextWindowExceededError", OVERFLOW), "400")),
    "filter": Fault(400, body=refused(litellm("ContentPolicyViolationError", "AzureException"), "400")),
    "in_stream": Fault(in_stream=sse([(None, refused("litellm.APIConnectionError", "500", "None"))])[0]),
}
