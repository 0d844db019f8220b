"""A graph of one owner's vectors in a folder of its own: HNSW (Malkov and Yashunin 2016) by Qdrant Edge.

It is built once, read by any number of processes and never added to; a newer one takes its place. `python -m
memory.graph FILE TENANT USER KIND MODEL` builds one from the vectors of a memory file: half a minute for 100,000.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

AT_ONCE = 5000  # vectors read and added at once
LINKS, BUILT_WITH = 16, 100  # neighbours of a node, and candidates while it is linked
WIDTHS = (256, 512, 1024)  # candidates of a search; the first that finds enough is taken
ENOUGH = 0.95  # of the ten nearest; an index that finds fewer is not used
SAMPLE = 100
ABOUT = "about.json"


class About(BaseModel):
    """Whose a graph is, what it holds (rows of the tables `vectors` and `removed` up to these), how well it finds it.

    `recall` is the share of the ten nearest that it finds, for vectors of its own and for means of two of them.
    """

    tenant: str
    user: str
    kind: str
    count: int
    written: int
    removed: int
    width: int
    recall: float


def installed() -> bool:
    return find_spec("qdrant_edge") is not None


def place_of(file: Path, tenant: str, user: str, kind: str, model: str) -> Path:
    """Return the folder of an owner's graphs of one kind and model, beside the memory file."""
    owner, what = (
        hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24] for parts in ([tenant, user], [kind, model])
    )
    return file.with_suffix(".graphs") / owner / what


def newest(place: Path) -> Path | None:
    """Return the folder of the newest graph at a place; None where there is none yet."""
    try:
        name = (place / "current").readlink()
    except OSError:
        return None
    return place / name


class Graph:
    """Raises OSError or ValueError where it is not whole, ImportError without the extra `vectors`."""

    def __init__(self, folder: Path) -> None:
        import qdrant_edge

        self._edge: Any = qdrant_edge
        self.folder = folder
        self.about = About.model_validate_json((folder / ABOUT).read_text(encoding="utf-8"))
        try:
            self._shard: Any = self._edge.EdgeShard.load(str(folder / "shard"))
        except Exception as error:
            raise ValueError(f"{folder} cannot be read: {error}") from error

    @property
    def usable(self) -> bool:
        return self.about.recall >= ENOUGH

    def search(self, vector: Floats, depth: int) -> dict[int, float]:
        return _search(self._edge, self._shard, vector, depth, self.about.width)

    def close(self) -> None:
        self._shard.close()


def _search(edge: Any, shard: Any, vector: Floats, depth: int, width: int) -> dict[int, float]:
    request = edge.QueryRequest(
        limit=depth,
        query=edge.Query.Nearest(vector.tolist()),
        params=edge.SearchParams(hnsw_ef=max(width, depth)),
    )
    return {int(point.id): float(point.score) for point in shard.query(request)}


def build(
    file: Path, tenant: str, user: str, kind: str, model: str, tell: Callable[[str], None] = lambda _: None
) -> About | None:
    """Build a graph of what the file holds now, and put it in the place of the one before.

    Returns None where another process builds it already. Raises ImportError without the extra, sqlite3.Error where
    the file cannot be read.
    """
    import fcntl  # Windows has none, and imports this module too

    place = place_of(file, tenant, user, kind, model)
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        made = place / uuid.uuid4().hex[:12]
        try:
            about = _built(made, file, (tenant, user, kind, model), tell)
            if about.removed < _removed(file, tenant, user, kind):  # it may hold what was forgotten meanwhile
                raise ValueError("Something was forgotten while the graph was built; the next search begins another.")
            link = place / f"{made.name}.link"
            link.symlink_to(made.name)
            link.replace(place / "current")
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        for other in place.iterdir():  # whoever still reads an older one has it open
            if other.is_dir() and not other.is_symlink() and other != made:
                shutil.rmtree(other, ignore_errors=True)
        return about


def _built(made: Path, file: Path, owner: tuple[str, str, str, str], tell: Callable[[str], None]) -> About:
    import numpy as np
    import qdrant_edge

    edge: Any = qdrant_edge
    width = int(owner[3].rsplit(" ", 1)[1])
    shard = _new_shard(edge, made / "shard", width)
    written = count = 0
    removed = _removed(file, *owner[:3])
    with closing(_reader(file)) as database:
        asked = _asked(database, owner, width)
        best: list[tuple[Any, Any]] = [(np.zeros((len(asked), 0)), np.zeros((len(asked), 0), dtype=np.int64))]
        for rows, ids, vectors in _batches(database, owner, width):
            points = [edge.Point(entry, vector) for entry, vector in zip(ids, vectors.tolist(), strict=True)]
            shard.update(edge.UpdateOperation.upsert_points(points))
            best = [_nearest(asked, ids, vectors, best[0])]
            written, count = rows, count + len(ids)
    shard.optimize()
    shard.flush()
    truth = [set(row.tolist()) for row in best[0][1]]
    recall = 0.0
    candidates = WIDTHS[0]
    for candidates in WIDTHS:
        found = [_search(edge, shard, vector, 10, candidates).keys() for vector in asked]
        recall = sum(len(one & other) for one, other in zip(truth, found, strict=True)) / sum(map(len, truth))
        if recall >= ENOUGH:
            break
    shard.close()
    tenant, user, kind, _ = owner
    about = About(
        tenant=tenant, user=user, kind=kind, count=count, written=written, removed=removed, width=candidates,
        recall=round(recall, 4),
    )  # fmt: skip
    tell(f"{count} vectors; of the ten nearest {recall:.1%} are found, among {candidates} candidates")
    (made / ABOUT).write_text(about.model_dump_json(), encoding="utf-8")
    return about


def _reader(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def _removed(file: Path, tenant: str, user: str, kind: str) -> int:
    """Return the last row of what was removed of this kind, which is nothing to do with any model."""
    sql = "SELECT max(row) FROM removed WHERE tenant = ? AND user = ? AND kind IN (?, '')"
    with closing(_reader(file)) as database:
        return int(database.execute(sql, (tenant, user, kind)).fetchone()[0] or 0)


def _new_shard(edge: Any, folder: Path, width: int) -> Any:
    folder.mkdir(parents=True)
    config = edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=width, distance=edge.Distance.Dot),
        hnsw_config=edge.HnswIndexConfig(m=LINKS, ef_construct=BUILT_WITH, full_scan_threshold=1000),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1000),
        wal_enabled=False,  # what is not finished is thrown away
    )
    return edge.EdgeShard.create(str(folder), config)


_OWN = "tenant = ? AND user = ? AND kind = ? AND model = ?"


def _batches(
    database: sqlite3.Connection, owner: tuple[str, str, str, str], width: int
) -> Iterator[tuple[int, list[int], Floats]]:
    import numpy as np

    last = 0
    sql = f"SELECT row, id, vector FROM vectors WHERE {_OWN} AND row > ? ORDER BY row LIMIT ?"  # noqa: S608
    while rows := database.execute(sql, (*owner, last, AT_ONCE)).fetchall():
        last = int(rows[-1][0])
        vectors = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(-1, width)
        yield last, [int(row[1]) for row in rows], vectors


def _asked(database: sqlite3.Connection, owner: tuple[str, str, str, str], width: int) -> Floats:
    """Return what recall is measured with: stored vectors, seeded, and means of two neighbours in time."""
    import numpy as np

    rows = [row[0] for row in database.execute(f"SELECT row FROM vectors WHERE {_OWN} ORDER BY row", owner)]  # noqa: S608
    chosen = np.random.default_rng(1).choice(len(rows), size=min(SAMPLE, len(rows)), replace=False)
    sql = "SELECT vector FROM vectors WHERE row = ?"
    some = [database.execute(sql, (rows[place],)).fetchone()[0] for place in sorted(chosen.tolist())]
    held = np.frombuffer(b"".join(some), np.float32).reshape(-1, width).copy()
    half = len(held) // 2
    means = held[:half] + held[half : 2 * half]
    held[:half] = means / np.linalg.norm(means, axis=1, keepdims=True).clip(min=1e-9)
    return held


def _nearest(asked: Floats, ids: list[int], vectors: Floats, before: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the cosines and ids of the ten nearest to each row of `asked`, given those of the batches before."""
    import numpy as np

    scores = np.concatenate([before[0], asked @ vectors.T], axis=1)
    names = np.concatenate([before[1], np.broadcast_to(np.array(ids), (len(asked), len(ids)))], axis=1)
    kept = np.argsort(-scores, axis=1)[:, :10]
    return np.take_along_axis(scores, kept, axis=1), np.take_along_axis(names, kept, axis=1)


def sweep(file: Path) -> None:
    """Delete the graphs that hold the vector of something forgotten since; another is built when it is needed."""
    for current in file.with_suffix(".graphs").glob("*/*/current"):
        try:
            about = About.model_validate_json((current / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            about = None  # nobody can use it
        if about is None or about.removed < _removed(file, about.tenant, about.user, about.kind):
            shutil.rmtree(current.parent, ignore_errors=True)


def main() -> None:
    path, tenant, user, kind, model = sys.argv[1:]
    build(Path(path).resolve(), tenant, user, kind, model, print)


if __name__ == "__main__":
    main()
