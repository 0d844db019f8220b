"""Full text over every thread: questions and answers, found by all of their words, best first.

The index catches up when it is asked, so that no run waits for it while it works.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from lyceum.run_store import open_database

_SCHEMA = """
CREATE VIRTUAL TABLE IF NOT EXISTS said USING fts5(
    question, answer, run UNINDEXED, thread UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
"""
_CATCH_UP = """
INSERT INTO said(question, answer, run, thread)
SELECT COALESCE(json_extract(runs.input, '$.question'), ''), COALESCE((
    SELECT json_extract(event, '$.text') FROM events
    WHERE events.run = runs.id AND json_extract(event, '$.kind') = 'answered' ORDER BY seq DESC LIMIT 1), ''),
    runs.id, runs.thread
FROM runs WHERE runs.status IN ('done', 'failed', 'cancelled', 'limit') AND runs.id NOT IN (SELECT run FROM said)
"""
_FIND = """
SELECT run, thread, question, snippet(said, 1, '', '', '…', 16) AS excerpt
FROM said WHERE said MATCH ? ORDER BY rank LIMIT ?
"""


class Found(BaseModel):
    """A finished run that says what was looked for; `excerpt` is from its answer."""

    run: str
    thread: str
    question: str
    excerpt: str


def search_runs(path: Path, words: str, *, limit: int = 20) -> list[Found]:
    """Return finished runs of the run store at `path` that hold every word (or a word it begins), best first."""
    quoted = [f'"{word}"*' for word in words.replace('"', " ").split()]
    if not quoted:
        return []
    database = open_database(path)
    try:
        database.executescript(_SCHEMA)
        database.execute(_CATCH_UP)
        return [Found.model_validate(dict(row)) for row in database.execute(_FIND, (" ".join(quoted), limit))]
    finally:
        database.close()
