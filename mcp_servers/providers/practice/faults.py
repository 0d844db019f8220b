"""How each wire refuses and breaks, in its provider's own words, and with the key in them as real ones sometimes do.

LiteLLM's words are those that litellm 1.108.7 sent.
"""

from __future__ import annotations

from mcp_servers.providers.practice import converse, gemini
from mcp_servers.providers.practice.said import Json, Says, sse
from mcp_servers.providers.practice.serve import Fault

KEY = "sk-planted-4242-never-to-be-seen"  # the only key there is here; whoever passes an error's text on shows it
UNREADABLE = Fault(broken=f'{{"id": {KEY}')
BREAKS_OFF = Fault(dies=True)


def openai_refused(text: str, code: str | int | None = None, kind: str = "invalid_request_error") -> Json:
    """Return an error's body, which quotes the key as real ones sometimes do."""
    said = f"{text}; you sent Bearer {KEY}"
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}


SEVEN = {"retry-after": "7"}
OVERFLOW = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens"

OPENAI: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, openai_refused("Rate limit reached", "rate_limit_exceeded", "requests")),
    "server_error": Fault(500, body=openai_refused("The server had an error", kind="server_error")),
    "overflow": Fault(400, body=openai_refused(OVERFLOW, "context_length_exceeded")),
    "filter": Fault(says=Says("As I was about to", why="filter")),
    "key": Fault(401, body=openai_refused("Incorrect API key provided", "invalid_api_key")),
}

AZURE: dict[str, Fault] = {
    **OPENAI,
    "rate_limit": Fault(429, {**SEVEN, "retry-after-ms": "7000"}, openai_refused("Requests have exceeded", "429")),
    "filter": Fault(
        400,
        body={
            "error": {
                "message": f"The response was filtered; {KEY}",
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
    # Of a gateway before it: vLLM itself limits nobody.
    "rate_limit": Fault(429, SEVEN, openai_refused("Too many requests", kind="TooManyRequests")),
    "server_error": Fault(500, body=openai_refused("EngineDeadError", 500, "InternalServerError")),
    "overflow": Fault(400, body=openai_refused(OVERFLOW, 400, "BadRequestError")),
    "key": Fault(401, body={"error": "Unauthorized"}),
    "in_stream": Fault(in_stream=sse([(None, openai_refused("EngineDeadError", 500, "InternalServerError"))])[0]),
}

OLLAMA: dict[str, Fault] = {
    "rate_limit": Fault(429, body=openai_refused("you've reached your hourly usage limit", kind="rate_limit_error")),
    "server_error": Fault(503, body=openai_refused("server busy, maximum pending requests exceeded", kind="api_error")),
    # llama.cpp's own error arrives as the text of Ollama's; by default many models shorten the prompt instead.
    "overflow": Fault(
        400,
        body=openai_refused(
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
        openai_refused(litellm("RateLimitError", "RateLimitError: OpenAIException - slow"), "429", "throttling_error"),
    ),
    "server_error": Fault(
        500,
        body=openai_refused(litellm("InternalServerError", "OpenAIException - oops"), "500", "internal_server_error"),
    ),
    "overflow": Fault(400, body=openai_refused(litellm("ContextWindowExceededError", OVERFLOW), "400")),
    "filter": Fault(400, body=openai_refused(litellm("ContentPolicyViolationError", "AzureException"), "400")),
    "key": Fault(401, body=openai_refused("Authentication Error, Invalid proxy server token", "401", "auth_error")),
    "in_stream": Fault(in_stream=sse([(None, openai_refused("litellm.APIConnectionError", "500", "None"))])[0]),
}

_FAILED = {"type": "error", "code": "server_error", "message": f"An error occurred; {KEY}", "param": None}

RESPONSES: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, openai_refused("Rate limit reached", "rate_limit_exceeded", "tokens")),
    "server_error": Fault(503, body=openai_refused("The engine is overloaded", kind="server_error")),
    "overflow": Fault(
        400, body=openai_refused("Your input exceeds the context window of this model", "context_length_exceeded")
    ),
    "filter": Fault(says=Says("As I was about to", why="filter")),
    "in_stream": Fault(in_stream=sse([("error", {**_FAILED, "sequence_number": 3})])[0]),
    "key": OPENAI["key"],
}


def anthropic_refused(text: str, kind: str) -> Json:
    error = {"type": kind, "message": f"{text}; you sent x-api-key {KEY}"}
    return {"type": "error", "error": error, "request_id": "req_1"}


ANTHROPIC: dict[str, Fault] = {
    "rate_limit": Fault(429, SEVEN, anthropic_refused("Number of request tokens has exceeded", "rate_limit_error")),
    "server_error": Fault(529, body=anthropic_refused("Overloaded", "overloaded_error")),
    "overflow": Fault(
        400, body=anthropic_refused("prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error")
    ),
    "filter": Fault(says=Says(why="filter")),
    "key": Fault(401, body=anthropic_refused("invalid x-api-key", "authentication_error")),
    "in_stream": Fault(in_stream=sse([("error", anthropic_refused("Overloaded", "overloaded_error"))])[0]),
}


def google_refused(code: int, status: str, text: str, *details: Json) -> Json:
    said = f"{text}; key={KEY}"
    return {"error": {"code": code, "message": said, "status": status, "details": list(details)}}


_WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
_INVALID = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
_BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": gemini.usage(Says()),
    "responseId": "r",
}

GOOGLE: dict[str, Fault] = {
    # The wait is in the body: no Retry-After comes with it.
    "rate_limit": Fault(429, body=google_refused(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", _WAIT)),
    "server_error": Fault(503, body=google_refused(503, "UNAVAILABLE", "The model is overloaded")),
    "overflow": Fault(
        400,
        body=google_refused(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ),
    "filter": Fault(body=_BLOCKED),
    "key": Fault(400, body=google_refused(400, "INVALID_ARGUMENT", "API key not valid.", _INVALID)),
}


def bedrock_refused(status: int, kind: str, text: str) -> Fault:
    return Fault(status, {"x-amzn-errortype": kind}, {"message": f"{text}; {KEY}"})


_BROKE = converse.frame(
    {":exception-type": "modelStreamErrorException", ":message-type": "exception"}, {"message": f"broke; {KEY}"}
)

BEDROCK: dict[str, Fault] = {
    "rate_limit": bedrock_refused(429, "ThrottlingException", "Too many requests, please wait"),  # AWS names no wait
    "server_error": bedrock_refused(500, "InternalServerException", "The system encountered an unexpected error"),
    "overflow": bedrock_refused(400, "ValidationException", "Input is too long for requested model."),
    "filter": Fault(says=Says(why="filter")),
    "key": bedrock_refused(403, "UnrecognizedClientException", "The security token is invalid"),
    "in_stream": Fault(in_stream=_BROKE),
}
