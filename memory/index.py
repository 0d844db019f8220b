"""Where vectors are compared: what an index of any kind has to do, and the exact one, which compares with every vector.

The database's table of vectors is the truth. `Vectors` (vectors.py) tells an index what was written and removed by any
process, in order and at least once; an index can be thrown away at any time and is then told everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from memory.ranking import by_meaning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memory.signs import Signs

    Floats = NDArray[np.float32]

Owner = tuple[str, str]  # tenant and user: nothing of one is ever compared with a question of another


class VectorIndex(Protocol):
    """The vectors of one kind (turns or facts) and one model. All methods are safe to repeat.

    `told` is how it learns what there is: "always" starts empty in every process, "once" outlives the process (what it
    was told last is kept in the database), "never" reads the database itself.
    """

    told: ClassVar[str]
    name: str

    def add(self, owner: Owner, ids: Sequence[int], vectors: Floats) -> None:
        """Take in vectors, float32 (n, d) of length one; an id that is there already gets the new vector."""
        ...

    def remove(self, owner: Owner, ids: Sequence[int]) -> None: ...

    def clear(self, owner: Owner) -> None: ...

    def search(self, owner: Owner, vector: Floats, depth: int) -> dict[int, float]:
        """Return the cosine by id of the `depth` nearest of this owner, `vector` being float32 (d,)."""
        ...

    def count(self, owner: Owner) -> int: ...


def _signs() -> Signs:
    from memory.signs import Signs

    return Signs()


@dataclass
class _Matrix:
    """Rows up to `size` are filled."""

    ids: NDArray[np.int64]
    vectors: Floats
    size: int = 0
    signs: Signs = field(default_factory=_signs)

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        import numpy as np

        needed = self.size + len(ids)
        if needed > len(self.ids):  # room for as many again: a turn at a time must not copy everything each time
            room = needed * 2 if self.size else needed
            self.ids = np.concatenate([self.ids[: self.size], np.zeros(room - self.size, dtype=np.int64)])
            more = np.zeros((room - self.size, vectors.shape[1]), dtype=np.float32)
            self.vectors = np.concatenate([self.vectors[: self.size], more])
        self.ids[self.size : needed] = ids
        self.vectors[self.size : needed] = vectors
        self.size = needed
        self.signs.follow(self.vectors[:needed])


class Exact:
    """One matrix an owner, in this process's memory; of very many rows those are compared whose signs agree."""

    told: ClassVar[str] = "always"
    name = "exact"

    def __init__(self) -> None:
        self._held: dict[Owner, _Matrix] = {}

    def add(self, owner: Owner, ids: Sequence[int], vectors: Floats) -> None:
        import numpy as np

        held = self._held.get(owner)
        if held is None:
            held = _Matrix(np.zeros(0, dtype=np.int64), np.zeros((0, vectors.shape[1]), dtype=np.float32))
        held.add(ids, vectors)
        self._held[owner] = held

    def remove(self, owner: Owner, ids: Sequence[int]) -> None:
        import numpy as np

        if (held := self._held.get(owner)) is not None:
            kept = ~np.isin(held.ids[: held.size], np.array(list(ids), dtype=np.int64))
            left = held.ids[: held.size][kept]
            vectors = held.vectors[: held.size][kept]
            self._held[owner] = _Matrix(left, vectors, len(left), held.signs.only(kept))

    def clear(self, owner: Owner) -> None:
        self._held.pop(owner, None)

    def search(self, owner: Owner, vector: Floats, depth: int) -> dict[int, float]:
        if (held := self._held.get(owner)) is None:
            return {}
        ids, vectors = held.ids[: held.size], held.vectors[: held.size]
        rows = held.signs.rows(vectors, vector)
        return (
            by_meaning(ids, vectors, vector, depth)
            if rows is None
            else by_meaning(ids[rows], vectors[rows], vector, depth)
        )

    def count(self, owner: Owner) -> int:
        held = self._held.get(owner)
        return held.size if held else 0
