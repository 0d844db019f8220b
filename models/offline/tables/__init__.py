"""Questions about tables to SQL without a language model: right or declined, never guessed."""

from __future__ import annotations

from models.offline.tables.translate import Decline, Query, translate

__all__ = ["Decline", "Query", "translate"]
