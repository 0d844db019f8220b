"""Linking questions to a schema: shared by the offline engine and by prompts for a local model."""

from __future__ import annotations

from models.tables.link import Candidate, Link, Links, ValueHit, link, phrases_to_find

__all__ = ["Candidate", "Link", "Links", "ValueHit", "link", "phrases_to_find"]
