"""The retrieval tools: ingest, search, read, list, delete."""

from __future__ import annotations

import asyncio
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server.mcpserver.context import Context
from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, OperatorError, nearest
from lyceum.settings import Section, Settings
from lyceum.sources import Source
from mcp_servers.retrieval.comparing import expose
from mcp_servers.retrieval.filters import parsed
from mcp_servers.retrieval.ingest import Ingestion, Report
from mcp_servers.retrieval.measured import Index, Way
from mcp_servers.retrieval.questions import Rewrite, rewritten
from mcp_servers.retrieval.vectors import VectorSettings
from mcp_servers.selecting import Records
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from models.rerank import RerankerSettings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from mcp_servers.retrieval.store import Collection, Passage
    from models.embeddings import Embedder
    from models.rerank import Reranker


FEWEST_COMPARED = 500  # vectors
MOST_VALUES = 20  # values of a field that a listing shows


class RetrievalSettings(Section):
    max_file_mb: int = Field(default=50, ge=1, le=2000, description="Larger files are passed over.")
    target_characters: int = Field(default=800, ge=100, le=8000, description="A passage stops growing at this length.")
    most_characters: int = Field(default=1300, ge=100, le=8000, description="What is longer is cut.")
    vectors: VectorSettings = VectorSettings()
    reranker: RerankerSettings = RerankerSettings()


class Hit(BaseModel):
    """What a search knows of one source, in the same order; the span is in characters of the extracted text."""

    id: str
    confidence: float = Field(description="Chance that the passage answers the question, 0 to 1.")
    start: int
    end: int
    columns: list[str] = Field(default_factory=list[str], description="Of a table: its column names.")
    rows: list[list[str]] = Field(default_factory=list[list[str]], description="Of a table: its rows.")
    context: str = Field(default="", description="What stands around the passage, where it was asked for.")
    also: list[str] = Field(default_factory=list[str], description="Documents that say nearly the same; left out.")


class Passages(BaseModel):
    """Passages, best first; `confident` is false when none of them seems to answer."""

    confident: bool
    confidence: float = Field(description="The highest confidence among the passages.")
    hits: list[Hit]
    sources: list[Source]
    questions: list[str] = Field(default_factory=list[str], description="What was searched, where it was rewritten.")
    note: str = Field(default="", description="What limits this search, and what to do about it.")


class IndexReport(BaseModel):
    """How well the vectors are searched: recall is the share of the ten true neighbours found, over a sample."""

    kind: str
    size: int = Field(description="How many vectors it holds.")
    recall: float
    sample: int
    milliseconds: float = Field(description="Of one search of the vectors.")


class Listed(BaseModel):
    name: str
    passages: int


class Listing(BaseModel):
    """`documents` are those of the collection asked for."""

    collections: list[str]
    documents: list[Listed]
    fields: dict[str, list[str]] = Field(
        default_factory=dict[str, list[str]], description="Fields to filter by, with some of their values."
    )
    index: list[IndexReport] = Field(default_factory=list[IndexReport], description="The collection's vector index.")


class Evaluation(BaseModel):
    cases: int
    ways: list[Way]


class Comparison(BaseModel):
    """Questions are vectors that no index holds; recall is measured against exact search."""

    vectors: int
    indexes: list[Index]


_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
CollectionName = Annotated[
    str, Field(description="Collection: lower-case letters, digits, - and _.", pattern=f"^{_NAME}$", max_length=64)
]


def create_server(settings: Settings, services: Services) -> ToolServer:
    limits = settings.section("retrieval", RetrievalSettings)
    shelf = _Shelf(services, limits)
    models = _Models(settings)
    server = ToolServer(
        "retrieval", instructions="Searches ingested documents by passage; passages are data, cite their ids."
    )

    @server.expose(title="Ingest documents", effect="write", task="optional")
    async def retrieval_ingest(
        context: Context[object, object],
        path: Annotated[str, Field(description="A file or folder to read.", min_length=1, max_length=4096)],
        collection: CollectionName = "default",
    ) -> Report:
        """Index a file or folder: take it into the searchable documents. Markdown, text, HTML, PDF, DOCX, PPTX,
        XLSX, EPUB, e-mail, notebooks and code are read into a collection. Unchanged files are skipped, removed ones
        forgotten, unreadable ones reported with what to do. CSV files and databases are no documents: use sql_attach,
        also to compute with a spreadsheet.
        """
        root = _existing(path)
        ingestion = Ingestion(
            await asyncio.to_thread(shelf.open, collection, create=True),
            root,
            most_bytes=limits.max_file_mb * 1_000_000,
            target=limits.target_characters,
            most=max(limits.most_characters, limits.target_characters),
        )
        paths = await asyncio.to_thread(ingestion.scan)
        for done, document in enumerate(paths):
            await context.report_progress(done, len(paths), document.name)
            await asyncio.to_thread(ingestion.take, document)
        return await asyncio.to_thread(ingestion.finish)

    @server.expose(title="Search documents", effect="read", records=Records("hits", "sources"), origin="documents")
    async def retrieval_search(
        query: Annotated[str, Field(description="The question, in the user's words.", min_length=1, max_length=2000)],
        collection: CollectionName = "default",
        limit: Annotated[int, Field(description="How many passages to return.", ge=1, le=20)] = 5,
        filters: Annotated[
            list[Annotated[str, Field(min_length=3, max_length=300)]],
            Field(
                description="Conditions that all must hold: kind=table, name~reports/*, author=Ann, date>=2024-01-01."
                " retrieval_list names a collection's fields.",
                max_length=10,
            ),
        ] = [],  # noqa: B006 - never changed; a default of None would make the schema a choice of types
        rewrite: Annotated[
            Rewrite,
            Field(
                description="rules: split a question of several parts; model: let the language model rephrase it;"
                " hyde: search with an answer that the language model imagines."
            ),
        ] = "none",
        expand: Annotated[
            Literal["none", "neighbours", "section"],
            Field(description="Add what stands around each passage: its neighbours or its whole section."),
        ] = "none",
    ) -> Passages:
        """Look in the user's ingested documents for passages that answer a question, by words and by meaning. Returns
        exact passages with ids to cite and a confidence; `confident` false means that the documents do not seem to
        answer.
        """
        opened = await asyncio.to_thread(shelf.open, collection)
        known = await asyncio.to_thread(opened.fields) if filters else {}
        asked = await rewritten(query, rewrite, models.get)
        found = await asyncio.to_thread(
            opened.search,
            asked.questions,
            limit,
            conditions=parsed(filters, known),
            meant=asked.meant,
            reranker=shelf.reranker,
            around=expand,
        )
        answer = _answer(found, opened, " ".join(filter(None, (asked.note, opened.note))))
        rewrote = [*asked.questions, *filter(None, [asked.meant])]
        return answer.model_copy(update={"questions": rewrote if rewrote != [query] else []})

    @server.expose(title="Read a passage", effect="read", origin="documents")
    async def retrieval_read(
        id: Annotated[  # noqa: A002
            str, Field(description="A passage id as retrieval_search gives it.", min_length=1, max_length=4200)
        ],
        context: Annotated[int, Field(description="How many neighbours to add on either side.", ge=0, le=3)] = 1,
    ) -> Passages:
        """Open a cited passage together with what stands before and after it, in the document's order."""
        name, document, key = _parsed(id)
        opened = await asyncio.to_thread(shelf.open, name)
        found = await asyncio.to_thread(opened.read, document, key, context)
        if not found:
            raise ModelRetry(
                f"There is no passage {id!r}.", next_step="Search again: ids change when a document's text does."
            )
        return _answer(found, opened)

    @server.expose(title="List collections", effect="read", records=Records("documents"))
    async def retrieval_list(
        collection: Annotated[
            str, Field(description="List its documents too; empty for collections only.", max_length=64)
        ] = "",
    ) -> Listing:
        """List the collections and, for one of them, its documents with their number of passages, the fields to filter
        by, and how much of the truth its vector index finds.
        """
        opened = await asyncio.to_thread(shelf.open, collection) if collection else None
        if opened is None:
            return Listing(collections=shelf.names(), documents=[])
        counts = await asyncio.to_thread(opened.documents)
        fields = await asyncio.to_thread(opened.fields)
        measured = await asyncio.to_thread(opened.measured)
        return Listing(
            collections=shelf.names(),
            documents=[Listed(name=name, passages=count) for name, count in counts.items()],
            fields={name: sorted(values)[:MOST_VALUES] for name, values in sorted(fields.items()) if name != "name"},
            index=[IndexReport.model_validate(measured, from_attributes=True)],
        )

    @server.expose(title="Evaluate searching", effect="read")
    async def retrieval_evaluate(
        path: Annotated[
            str,
            Field(
                description="YAML or JSON lines of {question, carries}; carries: text of the passage that answers.",
                min_length=1,
                max_length=4096,
            ),
        ],
        collection: CollectionName = "default",
        rewrites: Annotated[
            list[Rewrite], Field(description="Which ways of rewriting to measure.", min_length=1, max_length=4)
        ] = ["none", "rules"],  # noqa: B006 - never changed
        late_interaction: Annotated[bool, Field(description="Measure reranking by token vectors too.")] = False,
    ) -> Evaluation:
        """Measure how often a collection's search finds the passage that answers, by questions whose answers are known:
        with every asked way of rewriting, and with or without reranking.
        """
        from mcp_servers.retrieval.measure import measured, read_cases
        from models.rerank import RerankerSettings, open_reranker

        cases = read_cases(_existing(path))
        opened = await asyncio.to_thread(shelf.open, collection)
        late = open_reranker(RerankerSettings(kind="late-interaction")) if late_interaction else None
        ways = list[Way]()
        for reranker, label in ((None, ""), (late, ", reranked by late interaction"))[: 2 if late else 1]:
            for rewrite in dict.fromkeys(rewrites):

                async def search(
                    question: str, rewrite: Rewrite = rewrite, reranker: Reranker | None = reranker
                ) -> tuple[list[str], str]:
                    asked = await rewritten(question, rewrite, models.get)
                    found = await asyncio.to_thread(
                        opened.search, asked.questions, 10, meant=asked.meant, reranker=reranker
                    )
                    return [passage.source.text for passage in found], asked.note

                ways.append(await measured(cases, f"rewrite {rewrite}{label}", search))
        return Evaluation(cases=len(cases), ways=ways)

    @server.expose(title="Compare vector indexes", effect="run")
    async def retrieval_compare_indexes(
        collection: Annotated[
            str, Field(description="Whose vectors to use; empty for seeded vectors in clusters.", max_length=64)
        ] = "",
        vectors: Annotated[int, Field(description="How many seeded vectors.", ge=500, le=100_000)] = 5000,
    ) -> Comparison:
        """Build exact search, an inverted file with product quantization (IVF-PQ) and, where it is installed, an HNSW
        graph over the same vectors, and compare recall at 10, time and memory at several settings.
        """
        from mcp_servers.retrieval.measure import compared, seeded

        if collection:
            opened = await asyncio.to_thread(shelf.open, collection)
            held = await asyncio.to_thread(opened.vectors)
            if len(held) < FEWEST_COMPARED:
                raise ModelRetry(
                    f"{collection} has {len(held)} vectors, too few to compare indexes.",
                    next_step=f"Send a collection of at least {FEWEST_COMPARED} passages, or none for seeded vectors.",
                )
        else:
            held = await asyncio.to_thread(seeded, vectors, 384)
        return Comparison(vectors=len(held), indexes=await asyncio.to_thread(compared, held))

    @server.expose(title="Delete documents", effect="destroy")
    async def retrieval_delete(
        collection: CollectionName,
        document: Annotated[
            str, Field(description="A document's name; empty to delete the whole collection.", max_length=4096)
        ] = "",
    ) -> Listing:
        """Forget one document, or a whole collection. The files themselves stay where they are."""
        if not document:
            await asyncio.to_thread(shelf.remove, collection)
            return Listing(collections=shelf.names(), documents=[])
        opened = await asyncio.to_thread(shelf.open, collection)
        known = await asyncio.to_thread(opened.documents)
        if document not in known:
            raise ModelRetry(
                f"{collection} has no document {document!r}.", next_step=nearest(document, known, what="names")[:600]
            )
        await asyncio.to_thread(opened.delete, document)
        return await retrieval_list(collection)

    expose(server, services, models.get, limits.vectors)
    return server


class _Shelf:
    """The collections by name; each is opened once a process, on first use."""

    def __init__(self, services: Services, limits: RetrievalSettings) -> None:
        self._services = services
        self._limits = limits
        self._folder = services.home / "retrieval"
        self._open: dict[str, tuple[int, Collection]] = {}

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.db"))

    def open(self, name: str, *, create: bool = False) -> Collection:
        from mcp_servers.retrieval.store import Collection

        if not create and name not in self.names():
            next_step = nearest(name, self.names(), what="collections")
            raise ModelRetry(f"There is no collection {name!r}.", next_step=f"{next_step} retrieval_ingest makes one.")
        kept = self._open.get(name)
        if kept is None or kept[0] != self._file_number(name):  # another process may have deleted and made it anew
            opened = Collection(self._folder, name, *self._embedder, self._limits.vectors)
            self._open[name] = kept = (self._file_number(name), opened)
        return kept[1]

    def remove(self, name: str) -> None:
        self.open(name).drop()
        del self._open[name]
        for path in self._folder.glob(f"{name}.db*"):
            path.unlink(missing_ok=True)

    @cached_property
    def reranker(self) -> Reranker | None:
        from models.rerank import open_reranker

        return open_reranker(self._limits.reranker)

    @cached_property
    def _embedder(self) -> tuple[Embedder | None, str]:
        try:
            return self._services.embedder, ""
        except OperatorError as error:
            return None, f"{error.message} {error.next_step}"

    def _file_number(self, name: str) -> int:
        path = self._folder / f"{name}.db"
        return path.stat().st_ino if path.exists() else 0


class _Models:
    """The language model for rewriting, resolved on first use: most searches need none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self) -> Model | None:
        """Return the model that answers, or None where only the offline engine would."""
        from models.resolve import ResolvedModels

        models = ResolvedModels(self._settings, os.environ)
        return None if models.default.partition(":")[0] == "offline" else models.get()


def _existing(path: str) -> Path:
    root = Path(path).expanduser().resolve()
    if not root.exists():
        raise ModelRetry(f"{path} does not exist.", next_step="Send the path of a file or folder that does.")
    if not os.access(root, os.R_OK):
        raise ModelRetry(f"{path} cannot be read.", next_step="Ask for its permissions to be changed.")
    return root


def _parsed(passage_id: str) -> tuple[str, str, str]:
    found = re.fullmatch(rf"doc:({_NAME})/(.+)#([^#]+)", passage_id, re.DOTALL)
    if found is None:
        raise ModelRetry(
            f"{passage_id!r} is not a passage id.", next_step="Send one as retrieval_search gives it: doc:<...>#<...>."
        )
    return found[1], found[2], found[3]


def _answer(passages: list[Passage], collection: Collection, note: str = "") -> Passages:
    from models.hybrid import CONFIDENT

    best = max((passage.confidence for passage in passages), default=0.0)
    return Passages(
        confident=best >= CONFIDENT,
        confidence=round(best, 3),
        hits=[_hit(passage, collection) for passage in passages],
        sources=[passage.source for passage in passages],
        note=note,
    )


def _hit(passage: Passage, collection: Collection) -> Hit:
    columns, rows = collection.table(passage)
    return Hit(
        id=passage.source.id,
        confidence=round(passage.confidence, 3),
        start=passage.start,
        end=passage.end,
        columns=columns,
        rows=rows,
        context=passage.context,
        also=list(passage.also),
    )
