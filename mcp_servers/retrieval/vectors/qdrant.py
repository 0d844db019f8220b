"""A Qdrant server by its REST interface: one collection of points, ids and vectors, no payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lyceum.qdrant import AT_ONCE, EF, QdrantServer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

    Floats = NDArray[np.float32]


class QdrantVectors:
    """`url` is the server's; it is asked on first use, and the collection is made where it does not exist."""

    def __init__(self, url: str, api_key: SecretStr, name: str, dimensions: int) -> None:
        self._server = QdrantServer(
            url,
            api_key.get_secret_value(),
            url_setting="servers.retrieval.vectors.url",
            key_setting="servers.retrieval.vectors.api_key",
        )
        self._path = f"/collections/{name}"
        self._dimensions = dimensions
        self._server.make(self._path, dimensions)

    def ids(self) -> set[int]:
        found: set[int] = set()
        offset: Any = None
        while True:
            page = self._server.ask(
                "POST",
                f"{self._path}/points/scroll",
                {"limit": 10_000, "offset": offset, "with_payload": False, "with_vector": False},
            )
            found |= {int(point["id"]) for point in page["points"]}
            offset = page.get("next_page_offset")
            if offset is None:
                return found

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        for start in range(0, len(ids), AT_ONCE):
            some = range(start, min(start + AT_ONCE, len(ids)))
            points = [{"id": ids[n], "vector": vectors[n].tolist()} for n in some]
            self._server.ask("PUT", f"{self._path}/points?wait=true", {"points": points})

    def remove(self, ids: Sequence[int]) -> None:
        if ids:
            self._server.ask("POST", f"{self._path}/points/delete?wait=true", {"points": list(ids)})

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        body: dict[str, Any] = {
            "query": vector.tolist(), "limit": limit, "with_payload": False, "params": {"hnsw_ef": max(EF, limit)},
        }  # fmt: skip
        if among is not None:
            body["filter"] = {"must": [{"has_id": list(among)}]}
        points = self._server.ask("POST", f"{self._path}/points/query", body)["points"]
        return [(int(point["id"]), float(point["score"])) for point in points]

    def optimize(self) -> None:
        """The server does this by itself."""

    def drop(self) -> None:
        self._server.ask("DELETE", self._path)
        self._server.make(self._path, self._dimensions)

    def close(self) -> None:
        self._server.close()
