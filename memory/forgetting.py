"""Forgetting: the text, its vectors and index entries, and its copies in facts, blocks, summaries and other turns.

What a forgotten turn said is looked for sentence by sentence, so that a copy in an assistant's answer, in a block's
history or in a summary goes too; the report lists everything that was removed or rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from pydantic import BaseModel

from lyceum.errors import Unavailable, UserError
from memory.database import now
from memory.personal import PII
from memory.recall import turn_of, utc
from memory.scope import OWN, Scope
from memory.sentences import SENTENCE
from memory.sql import Connection, Database, Row

GONE = "[forgotten]"
SHORTEST = 12  # characters of a sentence that is looked for elsewhere; shorter ones are nobody's secret
# Where copies may stand, and the column that tells a reader which row it was.
_COPIED = {"turns": "id", "facts": "ref", "blocks": "label", "block_edits": "label", "summaries": "thread"}
_TABLES = ("blocks", "block_edits", "turns", "facts", "summaries", "forgotten", "vectors", "removed", "told")


class Forgotten(BaseModel):
    """What was removed, and what was rewritten because it held a copy: ids, `block:LABEL`, `summary:THREAD`."""

    removed: list[str] = []
    rewritten: list[str] = []


class Forgetting:
    """`settle` tells an index outside the database what went."""

    def __init__(self, file: Database, settle: Callable[[Scope], None] | None = None) -> None:
        self._file = file
        self._settle = settle

    def forget(self, scope: Scope, ids: Sequence[str]) -> Forgotten:
        """Forget turns (`turn:THREAD/N`), facts (`fact:ID`) and whole threads (`thread:ID`), all or nothing.

        A fact takes the turns that it was learned from with it. Raises UserError for an id that does not exist.
        """
        done = Forgotten()
        with self._file.transaction(scope) as database:
            turns, facts = self._meant(database, scope, ids)
            texts = {row["text"] for row in (*turns.values(), *facts.values())}
            for row in turns.values():
                self._remember_number(database, row)
                database.execute("DELETE FROM turns WHERE id = ?", (row["id"],))
                done.removed.append(turn_of(row).id)
            names = {turn_of(row).id for row in turns.values()}
            facts |= self._taken_along(database, scope, names, done)
            texts |= {row["text"] for row in facts.values()}
            for ref, row in facts.items():
                database.execute("DELETE FROM facts WHERE id = ?", (row["id"],))
                database.execute("UPDATE facts SET superseded_by = NULL WHERE superseded_by = ?", (ref,))
                done.removed.append(ref)
            self._rewrite(database, scope, _Copies(texts, names), done)
        self._leave(scope)
        return done

    def everything(self, scope: Scope) -> Forgotten:
        """Forget all that is known about the scope's user, whatever agent or project it was kept for."""
        done = Forgotten()
        with self._file.transaction(scope) as database:
            for table in _TABLES:
                count = database.execute(f"DELETE FROM {table} WHERE {OWN}", scope.owner).rowcount  # noqa: S608
                done.removed += [f"{count} {table}"] if count and table not in ("vectors", "removed", "told") else []
            # Whoever holds this owner's vectors in memory must see that they went.
            database.execute("INSERT INTO removed(tenant, user, kind, id) VALUES (?, ?, '', NULL)", scope.owner)
        self._leave(scope)
        return done

    def _leave(self, scope: Scope) -> None:
        self._file.sweep()
        if self._settle is not None:
            try:
                self._settle(scope)
            except Unavailable as error:
                raise Unavailable(
                    f"It is forgotten here, but not its vectors elsewhere. {error.message}",
                    next_step=f"{error.next_step} They go with the next search.",
                ) from error

    def retain(self, scope: Scope, *, days: int = 0, pii_days: int = 0) -> Forgotten:
        """Forget what retention rules do not keep: turns after so many days, facts that are `pii` after `pii_days`.

        0 keeps for ever. A fact takes the turns that tell it with it.
        """
        ids = self.expired(scope, days) if days else []
        if pii_days:
            rows = self._file.rows(
                f"SELECT ref, tags FROM facts WHERE {OWN} AND recorded < ?",  # noqa: S608
                *scope.owner, utc(now() - timedelta(days=pii_days)),
            )  # fmt: skip
            ids += [str(row["ref"]) for row in rows if PII in json.loads(row["tags"])]
        return self.forget(scope, ids) if ids else Forgotten()

    def expired(self, scope: Scope, days: int) -> list[str]:
        """Return the turns said more than so many days ago: what a retention rule forgets."""
        rows = self._file.rows(
            f"SELECT * FROM turns WHERE {OWN} AND said < ?",  # noqa: S608
            *scope.owner, utc(now() - timedelta(days=days)),
        )  # fmt: skip
        return [turn_of(row).id for row in rows]

    def _meant(self, database: Connection, scope: Scope, ids: Sequence[str]) -> tuple[dict[str, Row], dict[str, Row]]:
        turns: dict[str, Row] = {}
        facts: dict[str, Row] = {}
        waiting = list(dict.fromkeys(ids))
        for name in waiting:
            kind, _, rest = name.partition(":")
            if kind == "fact":
                row = database.execute(f"SELECT * FROM facts WHERE {OWN} AND ref = ?", (*scope.owner, name)).fetchone()  # noqa: S608
                found: list[Row] = [row] if row else []
                facts |= dict(zip([name], found, strict=False))
                waiting += [source for row in found for source in json.loads(row["sources"]) if source not in waiting]
            else:
                thread, _, number = rest.rpartition("/") if kind == "turn" else (rest, "", "")
                place = int(number) if number.isdecimal() else -1
                which, values = ("AND number = ?", (place,)) if kind == "turn" else ("", ())
                found = database.execute(
                    f"SELECT * FROM turns WHERE {OWN} AND thread = ? {which}",  # noqa: S608
                    (*scope.owner, thread, *values),
                ).fetchall()
                turns |= {turn_of(row).id: row for row in found}
            if not found and name in ids:
                raise UserError(f"There is nothing called {name!r}.", next_step="Use an id that a search returned.")
        return turns, facts

    def _remember_number(self, database: Connection, row: Row) -> None:
        database.execute(
            "INSERT INTO forgotten VALUES (?, ?, ?, ?) ON CONFLICT(tenant, user, thread) DO UPDATE SET last ="
            " CASE WHEN excluded.last > forgotten.last THEN excluded.last ELSE forgotten.last END",
            (row["tenant"], row["user"], row["thread"], row["number"]),
        )

    def _taken_along(self, database: Connection, scope: Scope, turns: set[str], done: Forgotten) -> dict[str, Row]:
        """Return the facts that rest on forgotten turns alone; the others lose those turns from their reasons."""
        lost: dict[str, Row] = {}
        for row in database.execute(f"SELECT * FROM facts WHERE {OWN}", scope.owner).fetchall():  # noqa: S608
            sources: list[str] = json.loads(row["sources"])
            left = [source for source in sources if source not in turns]
            if sources and not left:
                lost[row["ref"]] = row
            elif left != sources:
                database.execute("UPDATE facts SET sources = ? WHERE id = ?", (json.dumps(left), row["id"]))
                done.rewritten.append(row["ref"])
        return lost

    def _rewrite(self, database: Connection, scope: Scope, copies: _Copies, done: Forgotten) -> None:
        for table, name in _COPIED.items():
            place = self._file.rowid
            rows = database.execute(f"SELECT {place} AS place, * FROM {table} WHERE {OWN}", scope.owner).fetchall()  # noqa: S608
            for row in rows:
                text = copies.removed_from(row["text"], by_line=table in ("blocks", "block_edits", "summaries"))
                if text != row["text"]:
                    database.execute(f"UPDATE {table} SET text = ? WHERE {place} = ?", (text, row["place"]))  # noqa: S608
                    done.rewritten.append(_told(table, row, name))
        done.rewritten = list(dict.fromkeys(done.rewritten))


def _told(table: str, row: Row, name: str) -> str:
    if table in ("turns", "facts"):
        return turn_of(row).id if table == "turns" else str(row[name])
    kinds = {"blocks": "block", "block_edits": "history of block", "summaries": "summary"}
    return f"{kinds[table]}:{row[name]}"


class _Copies:
    """The sentences to look for, in any case and spacing, and the ids whose lines go whole."""

    def __init__(self, texts: set[str], ids: set[str]) -> None:
        sentences = {" ".join(part.split()) for text in texts for part in SENTENCE.split(text)}
        cut = sorted({each.strip(" .!?") for each in sentences if len(each) >= SHORTEST}, key=len, reverse=True)
        self._said = [re.compile(r"\s+".join(map(re.escape, each.split())), re.IGNORECASE) for each in cut if each]
        self._keys = [max(each.casefold().split(), key=len) for each in cut if each]
        self._ids = [f"[{name}]" for name in ids]

    def removed_from(self, text: str, *, by_line: bool) -> str:
        if by_line:
            return "\n".join(line for line in text.split("\n") if not self._holds(line))
        folded = text.casefold()
        for key, said in zip(self._keys, self._said, strict=True):
            if key in folded:
                text = said.sub(GONE, text)
        return text

    def _holds(self, line: str) -> bool:
        return any(name in line for name in self._ids) or any(said.search(line) for said in self._said)
