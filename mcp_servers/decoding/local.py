"""A pulled GGUF model as a language model that tells its likeliest next tokens, through llama.cpp."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from lyceum.errors import ModelRetry
from mcp_servers.decoding.distribution import Distribution

CONTEXT = 4096
TOLD = 200  # of some 150,000 tokens; what they cover of the probability is said with every distribution
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "</s>")


class _Token(BaseModel):
    id: int
    token: str
    bytes: list[int] = []
    logprob: float


class _Said(BaseModel):
    top_logprobs: list[_Token]


class LocalModel:
    """The prompt is text; what was written since is given back to the model as its own tokens."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._server = _load(path)
        self._bytes: dict[int, bytes] = {}
        self._ends: set[int] = set()
        self._turn = threading.Lock()

    def next(self, prompt: str, written: Sequence[int]) -> Distribution:
        request: dict[str, Any] = {
            "prompt": [prompt, *written] if written else prompt,
            "n_predict": 1,
            "n_probs": TOLD,
            "logprobs": TOLD,
            "temperature": -1.0,  # probabilities as the model has them
            "cache_prompt": True,
        }
        with self._turn:
            answer: dict[str, Any] = self._server.handle_completions(request)
        try:
            tokens = _Said.model_validate(answer["choices"][0]["logprobs"]["content"][0]).top_logprobs
        except (KeyError, IndexError):
            raise ModelRetry(
                "The model cannot continue this.", next_step=f"Send a prompt of at most {CONTEXT} tokens."
            ) from None
        for token in tokens:
            self._bytes[token.id] = bytes(token.bytes)
            if token.token in _ENDS or not token.bytes:
                self._ends.add(token.id)
        logits = np.array([token.logprob for token in tokens], dtype=np.float64)
        ids = np.array([token.id for token in tokens], dtype=np.int64)
        return Distribution.of(ids, logits, covered=min(1.0, float(np.exp(logits).sum())))

    def text(self, ids: Sequence[int]) -> str:
        return b"".join(self._bytes[token] for token in ids).decode("utf-8", "replace")

    def ends(self, token: int) -> bool:
        return token in self._ends


@lru_cache(maxsize=1)
def local_model(name: str, path: Path) -> LocalModel:
    return LocalModel(name, path)


def _load(path: Path) -> Any:
    import xllamacpp

    library: Any = xllamacpp  # untyped
    parameters = library.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.verbosity = CONTEXT, 1, False, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = os.cpu_count() or 2
    try:
        return library.Server(parameters)
    except RuntimeError:
        raise ModelRetry(f"{path.name} cannot be loaded.", next_step="Pull it again: `lyceum models pull`.") from None
