"""A Qdrant server by its REST interface: what is asked of one collection, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lyceum.errors import OperatorError, Unavailable

AT_ONCE = 500  # points of one request; at 384 numbers each about 4 MB of JSON
SECONDS = 30.0
EF = 256  # candidates of a search, at least


class QdrantServer:
    """`url_setting` and `key_setting` are named where the server does not answer, or refuses the key."""

    def __init__(self, url: str, api_key: str, *, url_setting: str, key_setting: str) -> None:
        import httpx2

        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"api-key": api_key} if api_key else {},
            timeout=SECONDS,
            follow_redirects=False,
        )
        self._url_setting = url_setting
        self._key_setting = key_setting

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the `result` of an answer; errors hold nothing of what was sent.

        Raises Unavailable where trying again may help, else OperatorError.
        """
        import httpx2

        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"The Qdrant server does not answer ({type(error).__name__}).",
                next_step=f"Start it, or correct {self._url_setting}.",
            ) from None
        if answer.status_code in (401, 403):
            raise OperatorError("The Qdrant server refuses the key.", next_step=f"Correct {self._key_setting}.")
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"The Qdrant server answers HTTP {answer.status_code}.", next_step="Try again.")
        try:
            result = answer.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise OperatorError(
                f"The Qdrant server answers HTTP {answer.status_code} without a result.",
                next_step=f"Check that {self._url_setting} is a Qdrant server of version 1.10 or newer.",
            ) from None
        return cast("dict[str, Any]", result) if isinstance(result, dict) else {}

    def make(self, path: str, dimensions: int) -> bool:
        """Make the collection at a path where there is none; returns whether it did."""
        if self.ask("GET", f"{path}/exists")["exists"]:
            return False
        self.ask("PUT", path, {"vectors": {"size": dimensions, "distance": "Cosine"}})
        return True

    def close(self) -> None:
        self._http.close()
