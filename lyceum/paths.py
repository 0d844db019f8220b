"""Where Lyceum keeps what it knows: one folder; deleting it resets everything, copying it moves everything."""

from __future__ import annotations

import os
from pathlib import Path

from lyceum.errors import OperatorError


def default_home() -> Path:
    """Return the platform's data folder for Lyceum (not created)."""
    import platformdirs

    return Path(platformdirs.user_data_dir("lyceum", appauthor=False))


def home_from_environment() -> Path:
    """Return `LYCEUM_HOME`, or the platform's data folder (not created)."""
    named = os.environ.get("LYCEUM_HOME")
    return Path(named).expanduser().resolve() if named else default_home()


def ensure_writable(folder: Path) -> Path:
    """Create `folder` where needed and check that it can be written; raises OperatorError with the way out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OperatorError(
            f"{folder} cannot be written ({error.strerror}).",
            next_step="Make it writable, or set LYCEUM_HOME to a folder of yours.",
        ) from error
    return folder
