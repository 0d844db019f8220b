"""A Qdrant server by its REST interface: one collection of points, ids and vectors, no payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lyceum.errors import OperatorError, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SecretStr

    Floats = NDArray[np.float32]

AT_ONCE = 500  # points of one request; at 384 numbers each about 4 MB of JSON
SECONDS = 30.0
EF = 256


class QdrantVectors:
    """`url` is the server's; it is asked on first use, and the collection is made where it does not exist."""

    def __init__(self, url: str, api_key: SecretStr, name: str, dimensions: int) -> None:
        import httpx2

        key = api_key.get_secret_value()
        self._http = httpx2.Client(
            base_url=url.rstrip("/"), headers={"api-key": key} if key else {}, timeout=SECONDS, follow_redirects=False
        )
        self._path = f"/collections/{name}"
        self._dimensions = dimensions
        self._make()

    def _make(self) -> None:
        if not self._ask("GET", f"{self._path}/exists")["exists"]:
            self._ask("PUT", self._path, {"vectors": {"size": self._dimensions, "distance": "Cosine"}})

    def ids(self) -> set[int]:
        found: set[int] = set()
        offset: Any = None
        while True:
            page = self._ask(
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
            self._ask("PUT", f"{self._path}/points?wait=true", {"points": points})

    def remove(self, ids: Sequence[int]) -> None:
        if ids:
            self._ask("POST", f"{self._path}/points/delete?wait=true", {"points": list(ids)})

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        body: dict[str, Any] = {
            "query": vector.tolist(), "limit": limit, "with_payload": False, "params": {"hnsw_ef": max(EF, limit)},
        }  # fmt: skip
        if among is not None:
            body["filter"] = {"must": [{"has_id": list(among)}]}
        points = self._ask("POST", f"{self._path}/points/query", body)["points"]
        return [(int(point["id"]), float(point["score"])) for point in points]

    def optimize(self) -> None:
        """The server does this by itself."""

    def drop(self) -> None:
        self._ask("DELETE", self._path)
        self._make()

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the `result` of an answer; errors hold nothing of what was sent."""
        import httpx2

        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"The Qdrant server does not answer ({type(error).__name__}).",
                next_step="Start it, or correct servers.retrieval.vectors.url.",
            ) from None
        if answer.status_code in (401, 403):
            raise OperatorError(
                "The Qdrant server refuses the key.", next_step="Correct servers.retrieval.vectors.api_key."
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"The Qdrant server answers HTTP {answer.status_code}.", next_step="Try again.")
        try:
            result = answer.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise OperatorError(
                f"The Qdrant server answers HTTP {answer.status_code} without a result.",
                next_step="Check that servers.retrieval.vectors.url is a Qdrant server of version 1.10 or newer.",
            ) from None
        return cast("dict[str, Any]", result) if isinstance(result, dict) else {}
