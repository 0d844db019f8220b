"""Pages that were read, kept in the home folder for as long as the settings say."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from pydantic import ValidationError

from mcp_servers.reading.page import Page


class PageCache:
    """One file a page, by the hash of the address that was asked for; what cannot be read is no page."""

    def __init__(self, folder: Path, hours: float) -> None:
        self._folder = folder
        self._seconds = hours * 3600

    def get(self, url: str) -> Page | None:
        path = self._path(url)
        try:
            if time.time() - path.stat().st_mtime > self._seconds:
                return None
            return Page.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def put(self, url: str, page: Page) -> None:
        if not self._seconds:
            return
        path = self._path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(page.model_dump_json(), encoding="utf-8")
        temporary.replace(path)

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
