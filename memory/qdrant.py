"""The archive's vectors in a Qdrant server, by its REST interface: points with their owner, no text."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lyceum.qdrant import AT_ONCE, EF, QdrantServer
from memory.index import Owner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

KEPT_WITH = ("memory", "owner")  # what a point carries beside its vector and its row


class Qdrant:
    """`memory` tells the points of one database from another's in the same collection; one collection a model.

    Every search is filtered by memory and owner on the server. The server is asked on first use; raises Unavailable
    where it does not answer, and then says nothing of what was sent.
    """

    told: ClassVar[str] = "once"

    def __init__(self, url: str, api_key: str, memory: str, model: str, dimensions: int) -> None:
        self._server = QdrantServer(
            url, api_key, url_setting="servers.memory.qdrant_url", key_setting="servers.memory.qdrant_api_key"
        )
        self.name = f"qdrant {url} {memory}"
        self._memory = memory
        self._dimensions = dimensions
        self._path = f"/collections/lyceum-memory-{hashlib.sha256(model.encode()).hexdigest()[:12]}"
        self._made = False

    def add(self, owner: Owner, ids: Sequence[int], vectors: Floats) -> None:
        for start in range(0, len(ids), AT_ONCE):
            points = [
                {
                    "id": self._point(id_),
                    "vector": vector.tolist(),
                    "payload": {"memory": self._memory, "owner": _owner(owner), "row": id_},
                }
                for id_, vector in zip(ids[start : start + AT_ONCE], vectors[start : start + AT_ONCE], strict=True)
            ]
            self._ask("PUT", "/points?wait=true", {"points": points})

    def remove(self, owner: Owner, ids: Sequence[int]) -> None:
        del owner
        for start in range(0, len(ids), AT_ONCE):
            points = [self._point(id_) for id_ in ids[start : start + AT_ONCE]]
            self._ask("POST", "/points/delete?wait=true", {"points": points})

    def clear(self, owner: Owner) -> None:
        self._ask("POST", "/points/delete?wait=true", {"filter": self._only(owner)})

    def search(self, owner: Owner, vector: Floats, depth: int) -> dict[int, float]:
        asked = {
            "query": vector.tolist(), "limit": depth, "with_payload": ["row"], "filter": self._only(owner),
            "params": {"hnsw_ef": max(EF, depth)},
        }  # fmt: skip
        points = self._ask("POST", "/points/query", asked)["points"]
        return {int(point["payload"]["row"]): float(point["score"]) for point in points}

    def count(self, owner: Owner) -> int:
        return int(self._ask("POST", "/points/count", {"filter": self._only(owner), "exact": True})["count"])

    def close(self) -> None:
        self._server.close()

    def _point(self, id_: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._memory}/{id_}"))

    def _only(self, owner: Owner) -> dict[str, Any]:
        wanted = zip(KEPT_WITH, (self._memory, _owner(owner)), strict=True)
        return {"must": [{"key": key, "match": {"value": value}} for key, value in wanted]}

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self._made:
            if self._server.make(self._path, self._dimensions):
                for key in KEPT_WITH:
                    given = {"field_name": key, "field_schema": "keyword"}
                    self._server.ask("PUT", f"{self._path}/index?wait=true", given)
            self._made = True
        return self._server.ask(method, self._path + path, body)


def _owner(owner: Owner) -> str:
    """Name an owner on the server: a digest, so that names stay here."""
    return hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]
