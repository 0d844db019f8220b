"""The archive's vectors in a Qdrant server, by its REST interface: points with their owner, no text."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lyceum.errors import OperatorError, Unavailable
from memory.index import Owner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

AT_ONCE = 500  # points of one request; at 384 numbers each about 4 MB of JSON
SECONDS = 30.0
EF = 256
KEPT_WITH = ("memory", "owner")  # what a point carries beside its vector and its row


class Qdrant:
    """`memory` tells the points of one database from another's in the same collection; one collection a model.

    Every search is filtered by memory and owner on the server. The server is asked on first use; raises Unavailable
    where it does not answer, and then says nothing of what was sent.
    """

    told: ClassVar[str] = "once"

    def __init__(self, url: str, api_key: str, memory: str, model: str, dimensions: int) -> None:
        import httpx2

        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"api-key": api_key} if api_key else {},
            timeout=SECONDS,
            follow_redirects=False,
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
        self._http.close()

    def _point(self, id_: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._memory}/{id_}"))

    def _only(self, owner: Owner) -> dict[str, Any]:
        wanted = zip(KEPT_WITH, (self._memory, _owner(owner)), strict=True)
        return {"must": [{"key": key, "match": {"value": value}} for key, value in wanted]}

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self._made:
            if not self._send("GET", f"{self._path}/exists", None)["exists"]:
                self._send("PUT", self._path, {"vectors": {"size": self._dimensions, "distance": "Cosine"}})
                for key in KEPT_WITH:
                    self._send("PUT", f"{self._path}/index?wait=true", {"field_name": key, "field_schema": "keyword"})
            self._made = True
        return self._send(method, self._path + path, body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """Return the `result` of an answer; errors hold nothing of what was sent."""
        import httpx2

        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"The Qdrant server does not answer ({type(error).__name__}).",
                next_step="Start it, or correct servers.memory.qdrant_url.",
            ) from None
        if answer.status_code in (401, 403):
            raise OperatorError(
                "The Qdrant server refuses the key.", next_step="Correct servers.memory.qdrant_api_key."
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"The Qdrant server answers HTTP {answer.status_code}.", next_step="Try again.")
        try:
            result = answer.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise OperatorError(
                f"The Qdrant server answers HTTP {answer.status_code} without a result.",
                next_step="Check that servers.memory.qdrant_url is a Qdrant server of version 1.10 or newer.",
            ) from None
        return cast("dict[str, Any]", result) if isinstance(result, dict) else {}


def _owner(owner: Owner) -> str:
    """Name an owner on the server: a digest, so that names stay here."""
    return hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]
