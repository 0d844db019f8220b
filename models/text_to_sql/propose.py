"""Candidate queries: written by the model, corrected against the schema, and judged once they have run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lyceum.tables import Schema
from models.local.think import Think
from models.tables import Links
from models.text_to_sql.check import doubts
from models.text_to_sql.choose import Candidate, Rows
from models.text_to_sql.grounds import passed_lightly, unfounded
from models.text_to_sql.meant import asked_of
from models.text_to_sql.prompt import BEGIN, STOP, system_text, user_text
from models.text_to_sql.rewrite import read, rewrite

SAMPLES = 5  # one greedy, the others sampled side by side
_WARM = 0.7  # sampling temperature: the samples differ where the model is unsure
_LONGEST = 200  # tokens of a query


async def propose(question: str, schema: Schema, links: Links, think: Think) -> Counter[str]:
    """Return the distinct queries that could run, with how many of the `SAMPLES` are each."""
    system, user = system_text(schema), user_text(question, schema, links)
    best = await think(system, user, begin=BEGIN, stop=STOP, max_tokens=_LONGEST)
    others = await think(
        system, user, begin=BEGIN, stop=STOP, max_tokens=_LONGEST, samples=SAMPLES - 1, temperature=_WARM
    )
    return _runnable((*best, *others), schema, links)


async def repair(
    question: str, schema: Schema, links: Links, think: Think, failed: str, problems: Sequence[str]
) -> Counter[str]:
    """Ask once more, showing a query and what is wrong with it; the prefix of the first prompt is reused."""
    reasons = "; ".join(problems) or "other attempts gave other rows"
    user = f"{user_text(question, schema, links)}\nPerhaps wrong: {failed}\nBecause: {reasons}"
    texts = await think(
        system_text(schema), user, begin=BEGIN, stop=STOP, max_tokens=_LONGEST, samples=SAMPLES - 1, temperature=_WARM
    )
    return _runnable(texts, schema, links)


def judge(question: str, schema: Schema, links: Links, sql: str, votes: int, rows: Rows) -> Candidate:
    """Hold a query that ran against the question."""
    tree = read(sql, schema)
    if tree is None:
        return Candidate(sql, votes, rows, ["the query cannot be read"])
    against = [*doubts(question, links, tree, rows, schema), *passed_lightly(links, tree, schema)]
    return Candidate(sql, votes, rows, against, unfounded(question, links, tree, schema, rows))


def _runnable(texts: Sequence[str], schema: Schema, links: Links) -> Counter[str]:
    asked = asked_of(links, schema)
    found: Counter[str] = Counter()
    for text in texts:
        tree = read(f"SELECT{text}", schema)
        corrected = rewrite(tree, schema, asked) if tree else None
        if corrected is not None:
            found[corrected.sql(dialect=schema.dialect)] += 1
    return found
