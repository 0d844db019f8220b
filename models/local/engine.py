"""One GGUF file in this process through llama.cpp (xllamacpp): chats in, texts out, prefixes kept in its cache."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lyceum.errors import LimitReached, OperatorError, UserError

CONTEXT = 8192  # tokens, shared by the slots
SLOTS = 4  # texts written side by side: four cost about 1.3 times what one costs, because decoding waits for memory


@dataclass(frozen=True)
class Completion:
    """`texts`, one each sample; tokens of the prompt, those of it found in the prefix cache, and tokens written."""

    texts: tuple[str, ...]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class Engine:
    """A model that is read from its file at the first request; requests of one engine run one after another."""

    def __init__(self, path: Path, *, cache: bool = True) -> None:
        self.path = path
        self.cache = cache
        self._turn = threading.Lock()
        self._server: Any = None

    async def complete(
        self,
        messages: Sequence[dict[str, str]],
        *,
        schema: dict[str, Any] | None = None,
        samples: int = 1,
        temperature: float = 0.0,
        seed: int = 1,
        max_tokens: int = 400,
        stop: Sequence[str] = (),
    ) -> Completion:
        """Continue a chat, `samples` times at once (at most `SLOTS`); a last assistant message is continued.

        `schema` (JSON schema) is the grammar of the text. The same request with the same seed gives the same texts.
        Raises LimitReached when the chat is longer than the context and UserError when the file is no model.
        """
        request: dict[str, Any] = {
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": temperature,
            "n": samples,
            "seed": seed,
            "stop": list(stop),
            "cache_prompt": self.cache,
            # Streamed, so that a cancelled request ends at its next token and not at its last.
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if schema is not None:
            request["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self._run, request, cancelled)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def _run(self, request: dict[str, Any], cancelled: threading.Event) -> Completion:
        reader = _Reader(cancelled)
        with self._turn:
            if not cancelled.is_set():
                self._server = self._server or _load(self.path)
                self._server.handle_chat_completions(request, reader.read)
        if reader.failure:
            raise _error_for(reader.failure)
        return reader.completion()


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    index: int
    delta: _Delta


class _Cached(BaseModel):
    cached_tokens: int = 0


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Cached = _Cached()


class _Failure(BaseModel):
    type: str = ""
    n_prompt_tokens: int = 0


class _Chunk(BaseModel):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Failure | None = None


class _Reader:
    """Collects the chunks of a stream; a sample's usage comes with its last chunk."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled
        self._texts: dict[int, str] = {}
        self._usage: list[_Usage] = []
        self.failure: _Failure | None = None

    def read(self, raw: dict[str, Any]) -> bool:
        """Take one chunk; true stops the stream."""
        chunk = _Chunk.model_validate(raw)
        self.failure = chunk.error or self.failure
        self._usage += [chunk.usage] if chunk.usage else []
        for choice in chunk.choices:
            self._texts[choice.index] = self._texts.get(choice.index, "") + (choice.delta.content or "")
        return self._cancelled.is_set()

    def completion(self) -> Completion:
        return Completion(
            texts=tuple(self._texts[index] for index in sorted(self._texts)),
            prompt_tokens=max((usage.prompt_tokens for usage in self._usage), default=0),
            cached_tokens=min((usage.prompt_tokens_details.cached_tokens for usage in self._usage), default=0),
            completion_tokens=sum(usage.completion_tokens for usage in self._usage),
        )


def _load(path: Path) -> Any:
    # Read when the library is loaded. Threads that wait by spinning for long slow each other down on a busy machine, to
    # half here; this short they cost nothing measurable on an idle one.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    import xllamacpp

    library: Any = xllamacpp  # untyped
    parameters = library.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.kv_unified = CONTEXT, SLOTS, True
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = os.cpu_count() or 2
    try:
        return library.Server(parameters)
    except RuntimeError:
        raise UserError(
            f"{path.name} is no model that llama.cpp can load.",
            next_step="Remove it and pull it again: `lyceum models rm NAME`, `lyceum models pull NAME`.",
        ) from None


def _error_for(failure: _Failure) -> Exception:
    if failure.type == "exceed_context_size_error":
        return LimitReached(
            f"The conversation has {failure.n_prompt_tokens} tokens; this model reads {CONTEXT}.",
            next_step="Start a new thread, attach less, or use a model with a longer context.",
        )
    return OperatorError("The local model could not answer.", next_step="Run `lyceum doctor`.")
