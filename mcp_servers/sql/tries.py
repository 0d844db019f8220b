"""How many refused queries in a row a client may be helped to repair before it is told to stop guessing."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from mcp.server.mcpserver.context import Context

from lyceum.errors import ModelRetry


class Tries:
    """Counts refusals by session and database; a query that runs sets them back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: weakref.WeakKeyDictionary[Any, dict[str, int]] = weakref.WeakKeyDictionary()

    @contextmanager
    def __call__(self, ctx: Context[Any, Any], database: str) -> Generator[None]:
        """Say with a refusal which try it was, and with the last one to stop."""
        failed = self._failed.setdefault(ctx.session, {})
        try:
            yield
        except ModelRetry as refused:
            failed[database] = failed.get(database, 0) + 1
            if failed[database] < self._most:
                step = f"(refused query {failed[database]} of {self._most} in a row)"
            else:
                failed[database] = 0
                step = (
                    f"That was refused query {self._most} in a row: do not send another. Read sql_schema again, or "
                    "say what the tables do not hold."
                )
            raise ModelRetry(refused.message, next_step=f"{refused.next_step} {step}".strip()) from refused
        else:
            failed.pop(database, None)
