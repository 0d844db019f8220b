"""Taking in a folder of thousands of files: batch by batch, each of them finished for good, a broken one named."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lyceum.events import Answered, Note
from workflows.context import Context, takes_long
from workflows.steps.ingest import Broken, Taken, Whole, finish_collection, list_files, take_files

SHOWN = 20  # broken files that the answer names; the events name them all


class IngestRequest(BaseModel):
    """`path` is absolute, on the machine of the retrieval server; `batch` files are one step."""

    path: str = Field(min_length=1, max_length=4096)
    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    batch: int = Field(default=25, ge=1, le=1000)


class Ingested(BaseModel):
    """What became of all files; `broken` are those that were not taken in."""

    collection: str
    taken: Taken
    whole: Whole

    @property
    def broken(self) -> list[Broken]:
        return [each for each in self.taken.broken if not each.skipped]


@takes_long(seconds=86_400)
async def ingest(ctx: Context, request: IngestRequest) -> Answered:
    """Read every file under a path into a collection; returns the event that ends the run."""
    files = await ctx.step(list_files, request.path)
    await ctx.emit(Note(text=f"{len(files):,} files"))
    taken = Taken()
    for place in range(0, len(files), request.batch):
        batch = await ctx.step(take_files, request.collection, files[place : place + request.batch])
        for each in batch.broken:
            if not each.skipped:
                await ctx.emit(Note(level="warning", text=f"left out {_short(each.path, request.path)}: {each.reason}"))
        taken = taken.plus(batch)
        await ctx.emit(Note(text=f"{taken.files:,} of {len(files):,} files"))
    whole = await ctx.step(finish_collection, ctx.thread_id, request.collection, request.path)
    done = Ingested(collection=request.collection, taken=taken, whole=whole)
    answer = Answered(role="ingest", text=_told(done, request.path), output=done.model_dump(mode="json"))
    await ctx.emit(answer)
    return answer


def _told(done: Ingested, path: str) -> str:
    taken, whole = done.taken, done.whole
    skipped = len(taken.broken) - len(done.broken)
    lines = [
        f"Collection {done.collection} holds {whole.documents:,} documents in {whole.passages:,} passages: "
        f"of {taken.files:,} files, {taken.added:,} were new, {taken.updated:,} changed, {taken.unchanged:,} as "
        f"before, {skipped:,} no documents, {len(done.broken):,} broken; "
        f"{len(whole.removed):,} that are gone were forgotten."
    ]
    lines += [f"- left out {_short(each.path, path)}: {each.reason}" for each in done.broken[:SHOWN]]
    more = len(done.broken) - SHOWN
    return "\n".join([*lines, *([f"- and {more:,} more; `lyceum runs show` names them"] if more > 0 else [])])


def _short(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/") or path
