"""The steps of taking in a folder: which files there are, and a batch of them through the retrieval server's tool."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lyceum.errors import LyceumError, Unavailable, UserError
from lyceum.runs import Attachment
from workflows.context import step_options
from workflows.runtime import Runtime, current_step

MOST_FILES = 200_000
# Folders that hold copies, builds or other people's code; the server does not enter them either.
NOT_ENTERED = frozenset("node_modules __pycache__ venv env site-packages dist build target".split())


class Broken(BaseModel):
    """A file that was not taken in, and why; `skipped` says that it is no document."""

    path: str
    reason: str
    skipped: bool = False


class Taken(BaseModel):
    """What became of some files."""

    files: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    broken: list[Broken] = []

    def plus(self, other: Taken) -> Taken:
        return Taken(
            files=self.files + other.files,
            added=self.added + other.added,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            broken=[*self.broken, *other.broken],
        )


class Whole(BaseModel):
    """The collection after the last file."""

    documents: int = 0
    passages: int = 0
    removed: list[str] = []
    note: str = ""


async def list_files(runtime: Runtime, path: str) -> list[str]:
    """Return the files at or under a path, in order; raises UserError where there is nothing to read."""
    del runtime
    root = Path(path)
    found = [path] if root.is_file() else await asyncio.to_thread(_walk, root)
    if not found:
        raise UserError(f"There is no file in {path}.", next_step="Name a folder that holds documents.")
    if len(found) > MOST_FILES:
        raise UserError(f"{len(found):,} files are too many; {MOST_FILES:,} fit.", next_step="Take in its parts.")
    return found


def _walk(root: Path) -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_ENTERED)
        found += [str(Path(folder) / name) for name in sorted(files) if not name.startswith(".")]
    return found


@step_options(seconds=3600)
async def take_files(runtime: Runtime, collection: str, paths: list[str]) -> Taken:
    """Have each file read into the collection; after a crash it goes on behind the last file that was taken."""
    step = current_step()
    taken = Taken.model_validate(step.last) if step.last else Taken()
    for path in paths[taken.files :]:
        taken = taken.plus(await _take(runtime, collection, path))
        await step.beat(taken.model_dump(mode="json"))
    return taken


async def _take(runtime: Runtime, collection: str, path: str) -> Taken:
    try:
        report = await runtime.tools.call("retrieval", "retrieval_ingest", {"path": path, "collection": collection})
    except Unavailable:
        raise  # says nothing about the file: the step is tried again
    except LyceumError as error:
        return Taken(files=1, broken=[Broken(path=path, reason=f"{error.message} {error.next_step}".strip())])
    broken = [_broken(path, each) for each in report["errors"]]
    broken += [_broken(path, each, skipped=True) for each in report["skipped"]]
    return Taken(
        files=1, added=report["added"], updated=report["updated"], unchanged=report["unchanged"], broken=broken
    )


def _broken(path: str, problem: dict[str, Any], *, skipped: bool = False) -> Broken:
    reason = f"{problem['reason']} {problem.get('next_step', '')}".strip()
    return Broken(path=path, reason=reason, skipped=skipped)


@step_options(seconds=3600)
async def finish_collection(runtime: Runtime, thread: str, collection: str, path: str) -> Whole:
    """Look over the whole once: files that are gone are forgotten, and the thread gets the collection."""
    report = await runtime.tools.call("retrieval", "retrieval_ingest", {"path": path, "collection": collection})
    if report["documents"]:
        attached = Attachment(kind="collection", name=collection, uri=path)
        await runtime.store.attach(thread, [attached])
    return Whole(
        documents=report["documents"], passages=report["passages"], removed=report["removed"], note=report["note"]
    )
