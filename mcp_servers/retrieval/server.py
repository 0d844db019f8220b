"""The retrieval tools: ingest, search, read, list, delete."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, UserError, nearest
from lyceum.settings import Settings
from lyceum.sources import Source
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

if TYPE_CHECKING:
    from mcp_servers.retrieval.store import Collection


class FileError(BaseModel):
    path: str
    reason: str


class Ingested(BaseModel):
    documents: int = Field(description="New or changed documents read.")
    unchanged: int
    removed: int
    passages: int = Field(description="Passages in the collection now.")
    errors: list[FileError]


class Passages(BaseModel):
    """Passages, best first; `confident` is false when none of them carries what was asked."""

    confident: bool
    confidence: float
    sources: list[Source]


class Listing(BaseModel):
    collections: list[str]
    documents: list[str]


Name = Annotated[str, Field(description="Name of the collection.", min_length=1, max_length=61)]


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings
    folder = services.home / "retrieval"
    server = ToolServer("retrieval", instructions="Finds passages in attached documents; cite the ids it returns.")
    opened: dict[str, Collection] = {}

    def names() -> list[str]:
        return sorted(path.stem for path in folder.glob("*.db"))

    def opened_collection(name: str, *, create: bool = False) -> Collection:
        from mcp_servers.retrieval.store import Collection

        if name not in opened:
            if not create and name not in names():
                raise ModelRetry(
                    f"There is no collection {name!r}.", next_step=nearest(name, names(), what="collections")
                )
            opened[name] = Collection(folder, name)
        return opened[name]

    @server.expose(title="Ingest documents", effect="write")
    async def retrieval_ingest(
        path: Annotated[str, Field(description="A file or folder to read.", min_length=1, max_length=4096)],
        collection: Annotated[str, Field(description="Where to keep it.", max_length=61)] = "default",
    ) -> Ingested:
        """Read Markdown, text, HTML, PDF, DOCX and code files into a collection. Unchanged files are skipped, broken
        ones are reported and the rest is kept. Tables (CSV, XLSX, databases) belong to sql_attach.
        """
        root = Path(path).expanduser()
        if not root.exists():
            raise UserError(f"{path} does not exist.", next_step="Send a path that exists.")
        report = await asyncio.to_thread(opened_collection(collection, create=True).ingest, root)
        errors = [FileError(path=name, reason=reason) for name, reason in report.errors.items()]
        return Ingested(
            documents=report.documents,
            unchanged=report.unchanged,
            removed=report.removed,
            passages=report.passages,
            errors=errors,
        )

    @server.expose(title="Search documents", effect="read")
    async def retrieval_search(
        query: Annotated[str, Field(description="The question, in the user's words.", min_length=1, max_length=2000)],
        collection: Annotated[str, Field(description="Where to search.", max_length=61)] = "default",
        limit: Annotated[int, Field(description="How many passages to return.", ge=1, le=20)] = 5,
    ) -> Passages:
        """Find passages of attached documents that answer a question. `confident` false means: not covered."""
        from mcp_servers.retrieval.store import CONFIDENT

        held, sources = await asyncio.to_thread(opened_collection(collection).search, query, limit)
        return Passages(confident=held >= CONFIDENT, confidence=round(held, 3), sources=sources)

    @server.expose(title="Read a passage", effect="read")
    async def retrieval_read(
        id: Annotated[str, Field(description="A passage id, as a search gave it.", max_length=4200)],  # noqa: A002
        context: Annotated[int, Field(description="Neighbours to add on either side.", ge=0, le=3)] = 1,
    ) -> Passages:
        """Open a cited passage with its neighbours."""
        name = id.removeprefix("doc:").partition("/")[0]
        sources = await asyncio.to_thread(opened_collection(name).read, id, context)
        return Passages(confident=True, confidence=1.0, sources=sources)

    @server.expose(title="List collections", effect="read")
    async def retrieval_list(
        collection: Annotated[str, Field(description="List its documents too.", max_length=61)] = "",
    ) -> Listing:
        """List the collections and, for one of them, its documents."""
        documents = opened_collection(collection).documents() if collection else []
        return Listing(collections=names(), documents=documents)

    @server.expose(title="Delete a document", effect="destroy")
    async def retrieval_delete(
        document: Annotated[
            str, Field(description="The document's path, as retrieval_list shows it.", max_length=4096)
        ],
        collection: Name,
    ) -> Listing:
        """Remove one document and its passages from a collection. The file itself stays where it is."""
        held = opened_collection(collection)
        await asyncio.to_thread(held.delete, document)
        return Listing(collections=names(), documents=held.documents())

    return server
