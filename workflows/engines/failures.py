"""Errors as data: what a finished call raised is kept like what it returned, and raised again on replay."""

from __future__ import annotations

from pydantic import BaseModel

import lyceum.errors
from lyceum.errors import Bug, LyceumError, Unavailable
from models.errors import friendly


class Failure(BaseModel):
    """An error of our tree: `kind` is its class; `retry_after` is in seconds."""

    kind: str
    message: str
    next_step: str = ""
    retry_after: float | None = None

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Return what a person may read of any error; other people's messages are left out."""
        ours = friendly(error)
        return cls(
            kind=type(ours).__name__,
            message=ours.message,
            next_step=ours.next_step,
            retry_after=ours.retry_after if isinstance(ours, Unavailable) else None,
        )

    def error(self) -> LyceumError:
        """Return the error to raise; a class that this release does not know is a Bug."""
        known = getattr(lyceum.errors, self.kind, None)
        if not (isinstance(known, type) and issubclass(known, LyceumError)):
            return Bug(self.message, next_step=self.next_step)
        if issubclass(known, Unavailable):
            return known(self.message, next_step=self.next_step, retry_after=self.retry_after)
        return known(self.message, next_step=self.next_step)
