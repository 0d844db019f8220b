"""An index that grows: exact comparison for few vectors; for many a graph, and exact for what came after it.

The graph is built by a process of its own when `FROM` vectors are outside of it, as a version control system tidies
up: nobody waits for it. Without the extra `vectors` everything is compared exactly.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from memory.graph import Graph, installed, newest, place_of
from memory.index import Exact, Owner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FROM = 50_000  # vectors outside of the graph that are worth a new one
_log = logging.getLogger(__name__)


class Grown:
    """One kind and one model of a memory file; `start` begins to build a graph and does not wait for it."""

    told: ClassVar[str] = "always"
    name = "grown"

    def __init__(self, file: Path, kind: str, model: str, least: int = FROM) -> None:
        self._file = file
        self._kind = kind
        self._model = model
        self._least = least
        self._new = Exact()
        self._graphs: dict[Owner, Graph] = {}
        self._gone: dict[Owner, set[int]] = {}
        self._refused: set[Path] = set()
        self._found_too_little: dict[Owner, int] = {}  # how many vectors a graph held that is not used
        self._building: dict[Owner, subprocess.Popen[bytes]] = {}

    def begins(self, owner: Owner) -> tuple[int, int] | None:
        """Return up to which rows of `vectors` and `removed` a graph that just came holds all; None where none came."""
        held = self._graphs.get(owner)
        found = newest(place_of(self._file, *owner, self._kind, self._model))
        if held is not None and found is None:  # something was forgotten: all is told again
            self._let_go(owner)
            return 0, held.about.removed
        if found is None or found in self._refused or (held is not None and held.folder == found):
            return None
        try:
            graph = Graph(found)
        except (ImportError, OSError, ValueError) as error:
            self._refused.add(found)
            _log.info("Vectors are compared exactly: %s", error)
            return None
        if not graph.usable:
            self._refused.add(found)
            self._found_too_little[owner] = graph.about.count
            _log.warning("The graph finds only %.0f %% of what is nearest and is not used.", 100 * graph.about.recall)
            graph.close()
            return None
        self._let_go(owner)
        self._graphs[owner] = graph
        return graph.about.written, graph.about.removed

    def add(self, owner: Owner, ids: Sequence[int], vectors: Floats) -> None:
        self._new.add(owner, ids, vectors)
        if self._new.count(owner) > max(self._least, 2 * self._found_too_little.get(owner, 0)):
            self._start(owner)

    def remove(self, owner: Owner, ids: Sequence[int]) -> None:
        self._new.remove(owner, ids)
        if owner in self._graphs:
            self._gone.setdefault(owner, set()).update(ids)

    def clear(self, owner: Owner) -> None:
        self._let_go(owner)
        shutil.rmtree(place_of(self._file, *owner, self._kind, self._model), ignore_errors=True)

    def search(self, owner: Owner, vector: Floats, depth: int) -> dict[int, float]:
        found = self._new.search(owner, vector, depth)
        if (graph := self._graphs.get(owner)) is not None:
            gone = self._gone.get(owner, set())
            old = graph.search(vector, depth + min(len(gone), depth))
            found = {entry: score for entry, score in old.items() if entry not in gone} | found
            found = dict(sorted(found.items(), key=lambda each: -each[1])[:depth])
        return found

    def count(self, owner: Owner) -> int:
        graph = self._graphs.get(owner)
        held = graph.about.count - len(self._gone.get(owner, set())) if graph else 0
        return held + self._new.count(owner)

    def _let_go(self, owner: Owner) -> None:
        self._new.clear(owner)
        self._gone.pop(owner, None)
        self._graphs.pop(owner, None)  # closed with its last search

    def _start(self, owner: Owner) -> None:
        running = self._building.get(owner)
        if not installed() or running is not None:
            return  # one try a process: what failed once would fail again
        command = [sys.executable, "-m", "memory.graph", str(self._file), *owner, self._kind, self._model]
        self._building[owner] = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
