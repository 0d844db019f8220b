"""The tools that compare: vector stores with a hybrid search each, and an answer built from nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lyceum.errors import ModelRetry, OperatorError
from mcp_servers.retrieval.compared import Scratch, StoreLeftOut, StoreRow, Stores
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from mcp_servers.retrieval.stores import Store
    from mcp_servers.retrieval.vectors import VectorSettings
    from models.embeddings import Embedder


LONGEST = 2_000_000  # characters of all texts


def expose(server: ToolServer, services: Services, model: Callable[[], Model | None], vectors: VectorSettings) -> None:
    """Add the tools to the retrieval server; `model` gives None where there is no language model."""

    def embedder() -> Embedder:
        """Return MiniLM without the shared cache: a look-up's time is not what a stage takes."""
        from models.embeddings import MiniLM

        return MiniLM(services.home / "cache")

    @server.expose(title="Compare vector stores", effect="run")
    async def retrieval_compare_stores(
        passages: Annotated[int, Field(description="How many synthetic passages.", ge=50, le=1000)] = 400,
        questions: Annotated[int, Field(description="How many questions.", ge=10, le=200)] = 60,
    ) -> Stores:
        """Index the same passages in Qdrant Edge and in PostgreSQL with pgvector, search them by vectors, by words and
        by both (hybrid search), and compare latency, recall, size on disk and what running each takes. A store that
        is not here is left out, with the reason.
        """
        return await asyncio.to_thread(_compared, passages, questions, embedder, vectors)

    @server.expose(title="RAG from scratch", effect="run")
    async def retrieval_from_scratch(
        path: Annotated[
            str, Field(description="A text or Markdown file, or a folder of them.", min_length=1, max_length=4096)
        ],
        cases: Annotated[
            str,
            Field(
                description="YAML or JSON lines of {question, carries}; carries: text that a right answer has.",
                min_length=1,
                max_length=4096,
            ),
        ],
        size: Annotated[int, Field(description="Characters of a chunk.", ge=50, le=8000)] = 400,
        overlap: Annotated[int, Field(description="Characters that a chunk repeats of the last.", ge=0, le=4000)] = 80,
        limit: Annotated[int, Field(description="Passages in the prompt.", ge=1, le=20)] = 3,
    ) -> Scratch:
        """Build retrieval-augmented generation (RAG) without a framework, stage by stage: chunk, embed, index,
        retrieve, write the prompt, answer; shows the prompt, each stage's time and how many questions are answered.
        """
        from mcp_servers.retrieval.from_scratch import run
        from mcp_servers.retrieval.measure import read_cases

        texts, questions = await asyncio.to_thread(_texts, path), read_cases(Path(cases).expanduser())
        held = await asyncio.to_thread(embedder)
        asked = model()
        async with asked or nullcontext():
            return await run(
                texts,
                questions,
                held,
                lambda prompt: _completed(asked, prompt),
                size=size,
                overlap=overlap,
                limit=limit,
                answered_by=asked.model_name if asked else "",
            )


async def _completed(model: Model | None, prompt: str) -> str | None:
    if model is None:
        return None
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest, TextPart

    from models.errors import friendly

    try:
        response = await model_request(model, [ModelRequest.user_text_prompt(prompt)])
    except Exception as error:  # noqa: BLE001 - whatever a client raises, in our own words
        raise friendly(error) from None
    return "\n".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()


def _texts(path: str) -> list[str]:
    root = Path(path).expanduser()
    files = sorted(each for each in root.rglob("*") if each.suffix in (".md", ".txt")) if root.is_dir() else [root]
    try:
        texts = [file.read_text(encoding="utf-8") for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRetry(
            f"{path} cannot be read ({type(error).__name__}).", next_step="Send UTF-8 text or Markdown files."
        ) from None
    if not any(text.strip() for text in texts):
        raise ModelRetry(f"{path} holds no text.", next_step="Send a .md or .txt file, or a folder of them.")
    if sum(map(len, texts)) > LONGEST:
        raise ModelRetry(f"{path} holds more than {LONGEST:,} characters.", next_step="Use retrieval_ingest for it.")
    return texts


def _compared(passages: int, questions: int, model: Callable[[], Embedder], settings: VectorSettings) -> Stores:
    from mcp_servers.retrieval.manuals import written
    from mcp_servers.retrieval.stores import measured

    embedder = model()
    texts, asked = written(passages, questions)
    vectors = embedder.embed(texts)
    turned = embedder.embed([each.question for each in asked])
    rows: list[StoreRow] = []
    left_out: list[StoreLeftOut] = []
    lacking: OperatorError | None = None
    for name, opened in (("qdrant edge", _edge), ("postgresql with pgvector", _postgres)):
        try:
            with opened(settings, embedder.dimensions) as store:
                rows.append(measured(store, texts, vectors, asked, turned))
        except OperatorError as error:
            lacking = error
            left_out.append(StoreLeftOut(store=name, reason=f"{error.message} {error.next_step}"))
    if not rows and lacking is not None:
        raise lacking
    return Stores(passages=len(texts), questions=len(asked), stores=rows, left_out=left_out)


@contextmanager
def _edge(_: VectorSettings, dimensions: int) -> Generator[Store]:
    from mcp_servers.retrieval.stores import EdgeStore

    with (
        tempfile.TemporaryDirectory(prefix="lyceum-edge-") as folder,
        closing(EdgeStore(Path(folder) / "shard", dimensions)) as store,
    ):
        yield store


@contextmanager
def _postgres(settings: VectorSettings, dimensions: int) -> Generator[Store]:
    from mcp_servers.retrieval.stores import PostgresStore, postgres_address

    # A socket's path has at most 107 characters, so the folder's is short.
    with (
        tempfile.TemporaryDirectory(prefix="lyceum-pg-", dir="/tmp") as folder,
        postgres_address(settings.url.get_secret_value(), Path(folder) / "data") as url,
        closing(PostgresStore(url, dimensions)) as store,
    ):
        yield store
