"""Rerankers: the candidates of a search read again, each together with the question."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, Field, SecretStr, ValidationError

from lyceum.errors import OperatorError, Unavailable
from lyceum.onnx import onnxruntime
from lyceum.settings import Section

if TYPE_CHECKING:
    from models.embeddings import MiniLM

LONGEST = 512  # tokens of question and passage together, the limit of BERT-sized cross-encoders
BATCH = 8
SECONDS = 20.0


class Reranker(Protocol):
    """`name` says which model it is."""

    @property
    def name(self) -> str: ...

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return how well each passage answers, higher is better; raises OperatorError, Unavailable for servers."""
        ...


class RerankerSettings(Section):
    """`none` keeps the order of the search; the keys of providers are not read from their usual variables."""

    kind: Literal["none", "late-interaction", "cross-encoder", "cohere", "jina", "voyage"] = "none"
    path: Path | None = Field(
        default=None, description="Folder with the cross-encoder's model.onnx and tokenizer.json."
    )
    model: str = Field(default="", description="The provider's model; empty for its usual one.")
    url: str = Field(default="", description="Instead of the provider's own address.")
    api_key: SecretStr = SecretStr("")


def open_reranker(settings: RerankerSettings) -> Reranker | None:
    """Return the reranker that the settings name; raises OperatorError with what it lacks."""
    if settings.kind == "none":
        return None
    if settings.kind == "late-interaction":
        from lyceum.paths import home_from_environment
        from models.embeddings import MiniLM

        return LateInteraction(MiniLM(home_from_environment() / "cache"))
    if settings.kind == "cross-encoder":
        if settings.path is None:
            raise OperatorError(
                "The cross-encoder has no path.", next_step="Set servers.retrieval.reranker.path to its folder."
            )
        return CrossEncoder(settings.path)
    return ProviderReranker(WIRES[settings.kind], settings.api_key, model=settings.model, url=settings.url)


class LateInteraction:
    """ColBERT's sum of best matches (Khattab and Zaharia 2020) over the token vectors of MiniLM.

    MiniLM was trained for whole texts, so this is no ColBERT; docs/retrieval.md says what it is worth.
    """

    name = "late interaction over all-MiniLM-L6-v2"

    def __init__(self, embedder: MiniLM) -> None:
        self._embedder = embedder

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        asked, *held = self._embedder.tokens([question, *passages])
        return [float((asked @ text.T).max(axis=1).mean()) for text in held]


class CrossEncoder:
    """A cross-encoder as sentence-transformers exports it: `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`."""

    def __init__(self, folder: Path) -> None:
        graph = next((path for name in ("model.onnx", "onnx/model.onnx") if (path := folder / name).is_file()), None)
        if graph is None or not (folder / "tokenizer.json").is_file():
            raise OperatorError(
                f"{folder} holds no cross-encoder.",
                next_step="Export one with `optimum-cli export onnx`; it gives model.onnx and tokenizer.json.",
            )
        self.name = folder.name
        self._folder, self._graph = folder, graph
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        import numpy as np

        tokenizer, session = self._load()
        wanted = {entry.name for entry in session.get_inputs()}
        found: list[float] = []
        for start in range(0, len(passages), BATCH):
            pairs = [tokenizer.encode(question, passage) for passage in passages[start : start + BATCH]]
            width = max(len(pair.ids) for pair in pairs)
            given = {
                name: np.array([values + [0] * (width - len(values)) for values in rows], dtype=np.int64)
                for name, rows in (
                    ("input_ids", [pair.ids for pair in pairs]),
                    ("attention_mask", [pair.attention_mask for pair in pairs]),
                    ("token_type_ids", [pair.type_ids for pair in pairs]),
                )
                if name in wanted
            }
            logits = np.asarray(session.run(None, given)[0], dtype=np.float32).reshape(len(pairs), -1)
            found += logits[:, -1].tolist()  # one logit, or two of which the last means "relevant"
        return found

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                from tokenizers import Tokenizer

                runtime = onnxruntime()
                try:
                    tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
                    session = runtime.InferenceSession(str(self._graph), providers=["CPUExecutionProvider"])
                except Exception as error:  # noqa: BLE001 - both libraries raise bare ones
                    raise OperatorError(
                        f"The cross-encoder {self.name} cannot be read ({type(error).__name__}).",
                        next_step="Export it again.",
                    ) from None
                tokenizer.no_padding()
                tokenizer.enable_truncation(LONGEST)  # pyright: ignore[reportUnknownMemberType] - **kwargs in its stub
                self._loaded = (tokenizer, session)
            return self._loaded


@dataclass(frozen=True)
class Wire:
    """How a provider's rerank interface differs from the others': address, usual model, names of the fields."""

    url: str
    model: str
    most: str
    results: str


WIRES: Mapping[str, Wire] = {
    "cohere": Wire("https://api.cohere.com/v2/rerank", "rerank-v3.5", "top_n", "results"),
    "jina": Wire("https://api.jina.ai/v1/rerank", "jina-reranker-v2-base-multilingual", "top_n", "results"),
    "voyage": Wire("https://api.voyageai.com/v1/rerank", "rerank-2", "top_k", "data"),
}


class _Scored(BaseModel):
    index: int
    relevance_score: float


class ProviderReranker:
    """Cohere, Jina or Voyage by their wire; errors hold nothing of what was sent or received."""

    def __init__(self, wire: Wire, api_key: SecretStr, *, model: str = "", url: str = "") -> None:
        self.name = model or wire.model
        self._wire = wire
        self._url = url or wire.url
        self._key = api_key

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        body = {
            "model": self.name, "query": question, "documents": list(passages), self._wire.most: len(passages),
        }  # fmt: skip
        try:
            scored = [_Scored.model_validate(row) for row in self._ask(body)[self._wire.results]]
            by_index = {row.index: row.relevance_score for row in scored}
            return [by_index[number] for number in range(len(passages))]
        except (ValidationError, KeyError, TypeError):
            raise OperatorError(
                f"The reranker {self.name} answered in another form.", next_step="Check servers.retrieval.reranker.url."
            ) from None

    def _ask(self, body: dict[str, Any]) -> Any:
        import httpx2

        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        try:
            answer = httpx2.post(self._url, json=body, headers=headers, timeout=SECONDS)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"The reranker {self.name} does not answer ({type(error).__name__}).",
                next_step="Try again, or set servers.retrieval.reranker.kind to none.",
            ) from None
        if answer.status_code in (401, 403):
            raise OperatorError(
                f"The reranker {self.name} refuses the key.", next_step="Set servers.retrieval.reranker.api_key."
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            after = answer.headers.get("retry-after", "")
            raise Unavailable(
                f"The reranker {self.name} answers HTTP {answer.status_code}.",
                next_step="Try again later.",
                retry_after=float(after) if after.isdigit() else None,
            )
        if answer.status_code >= 400:
            raise OperatorError(
                f"The reranker {self.name} refuses the request (HTTP {answer.status_code}).",
                next_step="Check servers.retrieval.reranker.model.",
            )
        try:
            return answer.json()
        except ValueError:
            return None
