"""Files that a case brings along: its tags say which, as `attach:NAME`."""

from __future__ import annotations

from pathlib import Path

from evals.suite import Case


def attachments(case: Case, folder: Path) -> tuple[Path, ...]:
    """Return the paths of a case's files; a missing one raises FileNotFoundError."""
    paths = tuple(folder / tag.removeprefix("attach:") for tag in case.tags if tag.startswith("attach:"))
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(path)
    return paths
