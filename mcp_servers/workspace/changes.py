"""Changes to a root, written down before they are made: all of one or none of it, and each can be undone exactly.

A change is a record (`NNNNNN.json`) and the bytes of its files before and after, in a folder outside the root. One
that was interrupted, even by the machine's end, is taken back when the root is next used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from lyceum.errors import LyceumError, ModelRetry, OperatorError
from mcp_servers.workspace.paths import TEMPORARY
from mcp_servers.workspace.root import Held, Root


class Kept(BaseModel):
    """A file's content by its hash, and its permission bits."""

    sha256: str
    mode: int


class FileChange(BaseModel):
    path: str
    before: Kept | None
    after: Kept | None


class Record(BaseModel):
    """One change; `state` is "begun" only while it is being made, and "undone" when it was taken back whole.
    A change with a `key` is made once, however often it is asked for.

    `conflicts` names files that somebody changed while it was interrupted: they are left as they were found.
    """

    number: int
    title: str
    at: datetime
    key: str = ""
    state: Literal["begun", "done", "undone"] = "begun"
    files: list[FileChange]
    made: list[str] = []
    conflicts: list[str] = []


@dataclass(frozen=True)
class Planned:
    """A file as the change was made for, and as it is to be; None: no file."""

    path: str
    before: Held | None
    after: Held | None


class Changes:
    """The history of one root; `folder` holds it."""

    def __init__(self, root: Root, folder: Path) -> None:
        self._root = root
        self._folder = folder

    def make(self, title: str, plan: Callable[[], Sequence[Planned]], key: str = "") -> Record:
        """Make a change whole, or not at all; `plan` is asked while no other process of ours writes here."""
        with self._alone():
            for record in self.records() if key else []:
                if record.key == key:
                    return record
            planned = [each for each in plan() if each.before != each.after]
            if not planned:
                raise ModelRetry("That changes nothing.", next_step="Send what differs from the file.")
            return self._carry_out(title, planned, key)

    def undo(self, checkpoint: int) -> Record:
        """Bring every file back to what it was after a change (0: before the first); that is a change itself."""
        with self._alone():
            numbers = [record.number for record in self.records()]
            if checkpoint not in (0, *numbers):
                raise ModelRetry(
                    f"There is no checkpoint {checkpoint}.", next_step=f"Send 0 or one of {numbers[-10:]}."
                )
            net: dict[str, tuple[Kept | None, Kept | None]] = {}
            for record in self.records():
                for file in record.files if record.number > checkpoint else []:
                    first = net[file.path][0] if file.path in net else file.before
                    net[file.path] = (first, file.after)
            planned = [
                Planned(path, self._held(last), self._held(first))
                for path, (first, last) in sorted(net.items())
                if first != last
            ]
            if not planned:
                raise ModelRetry("Nothing has changed since.", next_step="Send an earlier checkpoint.")
            folders = [folder for record in self.records() if record.number > checkpoint for folder in record.made]
            record = self._carry_out(f"undo to {checkpoint}", planned)
            for folder in sorted(folders, key=len, reverse=True):
                self._root.drop_folder(folder)
            return record

    def planned_of(self, record: Record) -> list[Planned]:
        """Return a change as it was planned."""
        return [Planned(file.path, self._held(file.before), self._held(file.after)) for file in record.files]

    def records(self) -> list[Record]:
        """Return the changes that stand, oldest first."""
        return [record for record in self._all() if record.state == "done"]

    def recover(self) -> list[Record]:
        """Take back what was interrupted; returns those changes."""
        if not any(record.state == "begun" for record in self._all()):
            return []
        with self._alone() as recovered:
            return recovered

    def _all(self) -> list[Record]:
        return [Record.model_validate_json(path.read_bytes()) for path in sorted(self._folder.glob("??????.json"))]

    def _carry_out(self, title: str, planned: Sequence[Planned], key: str = "") -> Record:
        number = 1 + max((record.number for record in self._all()), default=0)
        files = [
            FileChange(path=each.path, before=self._keep(each.before), after=self._keep(each.after)) for each in planned
        ]
        record = Record(number=number, title=title, at=datetime.now(UTC), key=key, files=files)
        self._write(record)
        try:
            for place, each in enumerate(planned):
                made: list[str] = []
                try:
                    self._root.swap(each.path, each.before, each.after, _temporary(number, place), made)
                finally:
                    record.made += made
        except (LyceumError, OSError) as error:
            self._take_back(record)
            if isinstance(error, OSError):
                raise OperatorError(
                    f"The change could not be written ({error.strerror}); nothing was changed.",
                    next_step="Check the permissions of the folder and the space on its disk.",
                ) from None
            raise
        record.state = "done"
        self._write(record)
        return record

    def _take_back(self, record: Record) -> None:
        """Bring every file of a change to what it was before, whichever of the two it is now."""
        record.conflicts = []
        for place, file in reversed(list(enumerate(record.files))):
            before, after = self._held(file.before), self._held(file.after)
            temporary = _temporary(record.number, place)
            with contextlib.suppress(OSError):
                self._root.drop(file.path, temporary, (before, after))
            try:
                now = self._root.look(file.path)
                if now == after and now != before:
                    self._root.swap(file.path, after, before, temporary, [])
                elif now != before:
                    record.conflicts.append(file.path)
            except (ModelRetry, OSError):
                record.conflicts.append(file.path)
        for folder in sorted(record.made, key=len, reverse=True):
            self._root.drop_folder(folder)
        record.state = "undone"
        self._write(record)

    @contextmanager
    def _alone(self) -> Generator[list[Record]]:
        """Hold the root's lock; what was interrupted before is taken back first."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            begun = [record for record in self._all() if record.state == "begun"]
            for record in reversed(begun):
                self._take_back(record)
            yield begun

    def _write(self, record: Record) -> None:
        self._store(self._folder / f"{record.number:06d}.json", record.model_dump_json().encode())

    def _keep(self, held: Held | None) -> Kept | None:
        if held is None:
            return None
        path = self._folder / "content" / held.sha256
        if not path.exists():
            self._store(path, held.data)
        return Kept(sha256=held.sha256, mode=held.mode)

    def _held(self, kept: Kept | None) -> Held | None:
        if kept is None:
            return None
        data = (self._folder / "content" / kept.sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != kept.sha256:
            raise OperatorError("A checkpoint was altered on disk.", next_step="Restore LYCEUM_HOME from a backup.")
        return Held(data, kept.mode)

    def _store(self, path: Path, data: bytes) -> None:
        """Write a file so that it is whole after the machine's end, or not there."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _temporary(number: int, place: int) -> str:
    return f"{TEMPORARY}{number}-{place}.tmp"
