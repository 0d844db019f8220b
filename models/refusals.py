"""What a provider's refusal says beyond its HTTP status: how long to wait, too long a conversation, a filter.

Each provider says these in a place and in words of its own; where PydanticAI reads them already, it is asked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ModelAPIError

# llama.cpp and Ollama, in their own error type.
_TOO_LONG = ("exceed_context_size_error", "exceeds the available context size")
# OpenAI's and Azure's codes, and the exception that a LiteLLM proxy names.
_FILTERED = ("content_filter", "content_policy_violation", "ContentPolicyViolationError")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_LONGEST = 86_400.0


def wait_of(error: ModelAPIError) -> float | None:
    """Return the seconds that a provider asks to wait, if it does.

    Beside the Retry-After header: what a LiteLLM proxy passes on of its provider's, and google.rpc.RetryInfo.
    """
    if error.retry_after is not None:
        return error.retry_after
    headers: Any = getattr(error, "headers", None) or {}
    passed_on = str(headers.get("llm_provider-retry-after", ""))
    if re.fullmatch(r"\d+(\.\d+)?", passed_on):
        return min(float(passed_on), _LONGEST)
    for field, text in _texts(error.body):
        if field == "retryDelay" and (found := _SECONDS.fullmatch(text)):
            return min(float(found[1]), _LONGEST)
    return None


def reason_of(error: ModelAPIError) -> Literal["context", "filter"] | None:
    """Return why a request was rejected, where its provider's words say so and its status does not."""
    said = [error.provider_error_code or "", error.provider_error_type or ""]
    said += [text for field, text in _texts(error.body) if field in ("message", "code", "type")]
    if any(words in text for words in _TOO_LONG for text in said):
        return "context"
    return "filter" if any(words in text for words in _FILTERED for text in said) else None


def _texts(body: object, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the texts of an error's body with the fields they stand in; a body may nest, or be no JSON at all."""
    if isinstance(body, str):
        yield field, body
    elif depth < 6 and isinstance(body, dict):
        for name, value in cast("dict[object, object]", body).items():
            yield from _texts(value, str(name), depth + 1)
    elif depth < 6 and isinstance(body, list):
        for value in cast("list[object]", body):
            yield from _texts(value, field, depth + 1)
