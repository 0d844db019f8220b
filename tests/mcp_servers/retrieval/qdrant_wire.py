"""Qdrant's REST wire here: bodies are read by the client library's own models and answered by its local mode.

Only what a vector index sends is understood; a body that the official models refuse is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.serving import serving


@contextmanager
def serve(key: str = "wire-key") -> Generator[str]:
    from pydantic import TypeAdapter, ValidationError
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    lock = threading.Lock()

    def answer(method: str, path: str, body: dict[str, Any]) -> Any:
        _, name, *rest = path.strip("/").split("/")
        match method, "/".join(rest):
            case "GET", "exists":
                return {"exists": client.collection_exists(name)}
            case "PUT", "":
                asked = models.CreateCollection.model_validate(body)
                return client.create_collection(name, vectors_config=asked.vectors)
            case "DELETE", "":
                return client.delete_collection(name)
            case "PUT", "points":
                points = models.PointsList.model_validate(body)
                client.upsert(name, points.points)
                return {"operation_id": 1, "status": "completed"}
            case "PUT", "index":
                models.CreateFieldIndex.model_validate(body)  # local mode has none
                return {"operation_id": 1, "status": "completed"}
            case "POST", "points/count":
                count = models.CountRequest.model_validate(body)
                return {"count": client.count(name, count.filter, exact=bool(count.exact)).count}
            case "POST", "points/delete":
                kind = models.FilterSelector if "filter" in body else models.PointIdsList
                client.delete(name, kind.model_validate(body))
                return {"operation_id": 1, "status": "completed"}
            case "POST", "points/scroll":
                asked = models.ScrollRequest.model_validate(body)
                records, after = client.scroll(name, limit=asked.limit or 10, offset=asked.offset, with_payload=False)
                return {"points": [{"id": record.id} for record in records], "next_page_offset": after}
            case "POST", "points/query":
                asked = models.QueryRequest.model_validate(body)
                only = TypeAdapter(models.Filter | None).validate_python(body.get("filter"))
                found = client.query_points(name, query=body["query"], limit=asked.limit or 10, query_filter=only)
                shown = [point.model_dump(include={"id", "score", "version", "payload"}) for point in found.points]
                return {"points": shown}
            case _:
                raise LookupError(path)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
            status, result = 200, None
            if self.headers.get("api-key") != key:
                status = 401
            else:
                try:
                    with lock:
                        result = answer(self.command, urlsplit(self.path).path, body)
                except ValidationError:
                    status = 400
                except LookupError:
                    status = 404
            sent = json.dumps(
                {"result": result, "status": "ok", "time": 0.0} if status == 200 else {"status": {}}
            ).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - names that the base class calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class names it
            del format, args

    try:
        with serving(Handler) as url:
            yield url
    finally:
        client.close()
