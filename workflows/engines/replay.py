"""What a run has finished, as a flow that is run again meets it: the same calls in the same order, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lyceum.errors import UserError
from workflows.engines.journal_store import Entry, JournalStore

_PLACE = re.compile(r"(?P<scope>(?:.*/)?)(?P<number>\d+):[^/]*")


class PathChanged(BaseException):
    """The flow took another path than its record; no flow may catch this and go on."""

    def __init__(self, error: UserError) -> None:
        super().__init__(error.message)
        self.error = error


class Replay:
    """The journal of one run in memory, while it is driven.

    A key is `scope/number:name`: the number is a place in the flow, where no other call may stand on a resume.
    `asked` are the keys of its approvals, which hold a place too.
    """

    def __init__(self, run: str, store: JournalStore, entries: Mapping[str, Entry], asked: Iterable[str] = ()) -> None:
        self._run = run
        self._store = store
        self._entries = dict(entries)
        self._places: dict[tuple[str, int], str] = {}
        self._furthest: dict[str, int] = {}
        for key in [*entries, *asked]:
            self._place(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _place(self, key: str) -> None:
        if (found := _PLACE.fullmatch(key)) is None:
            return
        scope, number = found["scope"], int(found["number"])
        self._places[scope, number] = key
        self._furthest[scope] = max(number, self._furthest.get(scope, 0))

    def check(self, key: str) -> None:
        """Raise PathChanged where another call stands at this place of the recorded run."""
        found = _PLACE.fullmatch(key)
        recorded = found and self._places.get((found["scope"], int(found["number"])))
        if recorded and recorded != key:
            raise self._changed(f"it recorded {recorded} where its code now has {key}")

    def arguments(self, key: str) -> str | None:
        """Return the hash of the arguments that a finished unit was recorded with."""
        entry = self._entries.get(key)
        return entry.arguments if entry is not None else None

    def reached(self, scope: str, number: int) -> bool:
        """Tell whether the recorded run went further in this scope than `number`."""
        return self._furthest.get(scope, 0) > number

    def finish(self, scope: str, number: int) -> None:
        """Raise PathChanged where the recorded run went on in a scope that has now ended."""
        if self.reached(scope, number):
            key = self._places[scope, self._furthest[scope]]
            raise self._changed(f"it recorded {key}, which its code no longer reaches")

    async def get(self, key: str, arguments: str) -> tuple[bool, Any]:
        """Return whether the unit is finished and what it returned; raises what it raised, or a refusal."""
        self.check(key)
        entry = self._entries.get(key)
        if entry is None:
            return False, None
        if entry.arguments != arguments:
            raise self._changed(f"step {key} was recorded with other arguments")
        if entry.failure is not None:
            raise entry.failure.error()
        return True, await self._store.value(entry)

    def add(self, key: str, entry: Entry) -> None:
        self._entries[key] = entry
        self._place(key)

    def _changed(self, what: str) -> PathChanged:
        return path_changed(self._run, what)


def path_changed(run: str, what: str) -> PathChanged:
    """Return the refusal to raise, with what differs."""
    return PathChanged(
        UserError(
            f"Run {run} cannot be resumed: {what}, so its code or input changed since.",
            next_step=f"Start it anew with `lyceum runs fork {run}`, or guard the change with ctx.version.",
        )
    )


def after_failure(entries: Mapping[str, Entry]) -> list[str]:
    """Return the keys to forget so that a failed run is tried again: its failures, and what came after them.

    What finished before, and what other branches finished, stays.
    """
    failed = {key: entry.at for key, entry in entries.items() if entry.failure is not None}
    forgotten = set(failed)
    for key, at in failed.items():
        scopes = {key[: place + 1] for place, letter in enumerate(key) if letter == "/"} | {""}
        for other, entry in entries.items():
            within = _PLACE.fullmatch(other)
            if within is not None and within["scope"] in scopes and entry.at > at:
                forgotten.add(other)
    return sorted(forgotten)
