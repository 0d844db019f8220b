"""How well a collection is searched: by questions whose answers are known, and by index against index."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from lyceum.errors import ModelRetry
from mcp_servers.retrieval.measured import Index, Way
from mcp_servers.retrieval.vectors import VectorSettings, edge_is_installed, open_index
from models.ivfpq import InvertedFile

if TYPE_CHECKING:
    from models.retriever import Floats

LIMIT = 10
QUESTIONS = 50  # that indexes are compared with
MOST_CASES = 500
PARTS = 48  # bytes a vector; 384 dimensions in parts of eight


class Case(BaseModel):
    """A question and words of the passage that answers it."""

    question: str = Field(min_length=1)
    carries: str = Field(min_length=1)


def read_cases(path: Path) -> list[Case]:
    """Read YAML or JSON lines; entries without an answer to look for are left out."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()]
        held: Any = [json.loads(line) for line in lines] if path.suffix == ".jsonl" else yaml.safe_load(text)
        rows: list[Any] = [row for row in cast("list[Any]", held) if isinstance(row, dict) and "carries" in row]
        cases = TypeAdapter(list[Case]).validate_python(rows)
    except (OSError, UnicodeDecodeError, ValueError, TypeError, yaml.YAMLError, ValidationError):
        cases = []
    if not cases:
        raise ModelRetry(
            f"{path.name} holds no cases.",
            next_step="Send a YAML list or JSON lines of {question, carries}: carries is text of the right passage.",
        )
    return cases[:MOST_CASES]


async def measured(cases: Sequence[Case], name: str, search: Callable[[str], Awaitable[tuple[list[str], str]]]) -> Way:
    """Ask every case; `search` gives the texts of the passages, best first, and what limited the search."""
    places: list[int] = []
    taken: list[float] = []
    note = ""
    for case in cases:
        started = time.perf_counter()
        texts, note = await search(case.question)
        taken.append(time.perf_counter() - started)
        found = (place for place, text in enumerate(texts[:LIMIT], 1) if case.carries.casefold() in text.casefold())
        places.append(next(found, 0))
    hits = np.array(places)
    return Way(
        name=name,
        first=round(float((hits == 1).mean()), 4),
        among_five=round(float(((hits > 0) & (hits <= 5)).mean()), 4),
        reciprocal_rank=round(sum(1 / place for place in places if place) / len(places), 4),
        milliseconds=round(1000 * float(np.median(taken)), 2),
        note=note,
    )


def seeded(count: int, dimensions: int) -> Floats:
    """Return unit vectors in a thousand loose clusters, as texts lie by their topics; the same ones every time."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(min(1000, max(count // 20, 1)), dimensions)).astype(np.float32)
    spread = random.normal(size=(count, dimensions)).astype(np.float32)
    made = 0.5 * centres[random.integers(0, len(centres), count)] + spread
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def compared(vectors: Floats) -> list[Index]:
    """Build each index over the vectors, except a sample that is asked for, and measure it at several settings."""
    random = np.random.default_rng(11)
    order = random.permutation(len(vectors))
    asked, held = vectors[order[:QUESTIONS]], vectors[order[QUESTIONS:]]
    truth = [set(np.argsort(-(held @ question), kind="stable")[:LIMIT].tolist()) for question in asked]
    found: list[Index] = []

    def ask(kind: str, setting: str, size: int, built: float, nearest: Callable[[Floats], Sequence[int]]) -> None:
        right, taken = 0, list[float]()
        for question, wanted in zip(asked, truth, strict=True):
            started = time.perf_counter()
            rows = nearest(question)
            taken.append(time.perf_counter() - started)
            right += len(wanted.intersection(rows))
        found.append(
            Index(
                kind=kind,
                setting=setting,
                recall=round(right / (LIMIT * len(asked)), 4),
                milliseconds=round(1000 * float(np.median(taken)), 3),
                megabytes=round(size / 1e6, 2),
                seconds=round(built, 2),
            )
        )

    ask("exact", "", held.nbytes, 0.0, lambda question: np.argsort(-(held @ question))[:LIMIT].tolist())
    for lists, parts in _files(len(held), held.shape[1]):
        started = time.perf_counter()
        file = InvertedFile(held, lists=lists, parts=parts)
        built = time.perf_counter() - started
        for probe in (1, 4, 16, lists):
            setting = f"lists={lists} bytes={parts} nprobe={probe}"
            ask("ivf-pq", setting, file.memory, built, lambda q, f=file, p=probe: f.nearest(q, LIMIT, probe=p).tolist())
    if edge_is_installed():
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            edge = open_index("edge", VectorSettings(), Path(folder), "compared", held.shape[1])
            edge.add(range(len(held)), held)
            edge.optimize()
            built = time.perf_counter() - started
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
            ask("hnsw", "Qdrant Edge, m=16 ef=256", size, built, lambda q: [key for key, _ in edge.nearest(q, LIMIT)])
            edge.close()
    return found


def _files(count: int, dimensions: int) -> Iterator[tuple[int, int]]:
    """Yield numbers of cells and bytes a vector: about the root of the count, and twice as coarse."""
    lists = max(int(count**0.5), 2)
    for parts in (PARTS, PARTS // 2):
        if dimensions % parts == 0:
            yield lists, parts
