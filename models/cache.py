"""A model behind kept answers: the same request is paid for once.

What makes a request the same: the model, the place it is served at, the key it is paid with, every message, every tool
and every setting that shapes the answer. Times and call ids do not count.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings, merge_model_settings
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_jsonable_python

from lyceum.settings import CacheSettings
from models.answer_store import AnswerStore

if TYPE_CHECKING:
    from models.answer_store import Vector
    from models.embeddings import Embedder

KEPT = "lyceum_kept"  # in a response's metadata: how its answer was found, "exact" or "semantic"
# The answer does not depend on these: how long to wait, how much to pay for the prompt, where it is cut.
_NO_MATTER = {"timeout", "request_timeout", "max_retries", "max_tokens", "cache", "openai_prompt_cache_key"}
_PASSING = set(
    "timestamp run_id conversation_id metadata usage provider_response_id provider_details provider_url "
    "provider_name model_name failed_attempts state id tool_call_id".split()
)
_TURNS = re.compile(
    r"\b(?:not?|never|without|except|least|most|fewest|lowest|highest|more|less|fewer|first|last|before|after)\b"
)

_bypassed: ContextVar[bool] = ContextVar("lyceum.cache_bypassed", default=False)


@contextmanager
def uncached() -> Generator[None]:
    """Ask every model anew within: repeated trials of an evaluation must be independent."""
    token = _bypassed.set(True)
    try:
        yield
    finally:
        _bypassed.reset(token)


@dataclass(frozen=True)
class _Asked:
    """A request as it is kept: `question` is its opening question, where it is nothing but one."""

    key: str
    kind: str
    question: str
    vector: Vector | None
    most_tokens: int | None


class CachedModel(WrapperModel):
    """Answers from the store where it can; `secret` is what the model is paid with, `embedder` compares questions.

    Only a whole answer is kept, and none that quotes the secret. A kept answer uses no tokens.
    """

    def __init__(
        self,
        wrapped: Model,
        store: AnswerStore,
        settings: CacheSettings,
        secret: str = "",
        embedder: Embedder | None = None,
    ) -> None:
        super().__init__(wrapped)
        self._store = store
        self._rules = settings
        self._secret = secret
        self._embedder = embedder

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        asked = await self._asked(messages, model_settings, model_request_parameters)
        kept = await asyncio.to_thread(self._kept, asked) if asked else None
        if kept is not None:
            return kept
        response = await super().request(messages, model_settings, model_request_parameters)
        if asked:
            await asyncio.to_thread(self._keep, asked, response)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        asked = await self._asked(messages, model_settings, model_request_parameters)
        kept = await asyncio.to_thread(self._kept, asked) if asked else None
        if kept is not None:
            yield CompletedStreamedResponse(kept, model_request_parameters=model_request_parameters, replay_events=True)
            return
        async with super().request_stream(messages, model_settings, model_request_parameters, run_context) as stream:
            yield stream
            if asked:
                await asyncio.to_thread(self._keep, asked, stream.get())

    async def _asked(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> _Asked | None:
        """Return how a request is kept; None for one that is not: bypassed, or one of many possible answers."""
        used = cast("dict[str, Any]", merge_model_settings(self.wrapped.settings, settings) or {})
        if _bypassed.get() or (used.get("temperature") != 0 and not self._rules.sampled):
            return None
        about = {
            "model": self.model_id,
            "place": self.wrapped.base_url,
            "paid with": hashlib.sha256(self._secret.encode()).hexdigest(),
            "settings": {name: value for name, value in used.items() if name not in _NO_MATTER},
            "parameters": to_jsonable_python(parameters, fallback=repr),
        }
        said = cast("list[dict[str, Any]]", ModelMessagesTypeAdapter.dump_python(messages, mode="json"))
        question = _opening(messages) if self._embedder is not None else ""
        vector = (await asyncio.to_thread(self._embedder.embed, [question]))[0] if self._embedder and question else None
        return _Asked(
            key=_digest(about, _lasting(said)),
            kind=_digest(about, [each.get("instructions") for each in said]) if question else "",
            question=question,
            vector=vector,
            most_tokens=used.get("max_tokens"),
        )

    def _kept(self, asked: _Asked) -> ModelResponse | None:
        how: Literal["exact", "semantic"] = "exact"
        answer = self._store.get(asked.key)
        if answer is None and asked.vector is not None and self._rules.semantic is not None:
            how = "semantic"
            details = _details(asked.question)
            answer = self._store.near(
                asked.kind, asked.vector, self._rules.semantic, lambda other: _details(other) == details
            )
        if answer is None:
            return None
        try:
            response = ModelMessagesTypeAdapter.validate_json(answer)[0]
        except ValueError:  # of another version
            return None
        if not isinstance(response, ModelResponse) or response.usage.output_tokens > (asked.most_tokens or 1 << 62):
            return None
        return replace(response, usage=RequestUsage(), metadata={**(response.metadata or {}), KEPT: how})

    def _keep(self, asked: _Asked, response: ModelResponse) -> None:
        if response.state != "complete" or response.finish_reason not in ("stop", "tool_call") or not response.parts:
            return
        answer = ModelMessagesTypeAdapter.dump_json([replace(response, failed_attempts=None)])
        if self._secret and self._secret.encode() in answer:
            return
        self._store.put(asked.key, asked.kind, answer, asked.question, asked.vector)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _lasting(said: Sequence[dict[str, Any]]) -> list[Any]:
    """Leave out of each message and part what differs between two runs that say the same; call ids become numbers."""
    calls: dict[str, int] = {}
    lasting: list[Any] = []
    for message in said:
        parts: list[Any] = []
        for part in message["parts"]:
            call = part.get("tool_call_id")
            number = calls.setdefault(call, len(calls)) if call else None
            parts.append([number, {name: value for name, value in part.items() if name not in _PASSING}])
        kept = {name: value for name, value in message.items() if name not in _PASSING and name != "parts"}
        lasting.append([kept, parts])
    return lasting


def _opening(messages: Sequence[ModelMessage]) -> str:
    """Return the question of a conversation that is nothing else yet; what tools returned must match exactly."""
    if len(messages) != 1 or not isinstance(messages[0], ModelRequest):
        return ""
    parts = [part for part in messages[0].parts if part.part_kind != "system-prompt"]
    if len(parts) != 1 or not isinstance(parts[0], UserPromptPart) or not isinstance(parts[0].content, str):
        return ""
    return parts[0].content


def _details(question: str) -> list[str]:
    """Return what embeddings blur and answers turn on: numbers, names, quoted words, negations and comparisons."""
    found = re.findall(r"\d[\d.,]*|(?<!^)(?<![.?!] )\b[A-Z]\w+|\"[^\"]+\"|'[^']+'", question)
    return sorted([*found, *_TURNS.findall(question.lower())])
