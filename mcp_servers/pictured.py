"""A tool's result with pictures, which clients that show images show beside it."""

from __future__ import annotations

from pydantic import BaseModel, PrivateAttr


class Pictured(BaseModel):
    """A result whose PNGs travel as image content: they are no part of its fields, its schema or its text."""

    _pictures: list[bytes] = PrivateAttr(default_factory=list[bytes])

    def show(self, png: bytes) -> None:
        self._pictures.append(png)

    def pictures(self) -> list[bytes]:
        return self._pictures
