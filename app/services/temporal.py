"""A Temporal server of one's own: the `temporal` on PATH, else one built with Go, once."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.services.server import Running, Server, go_install

VERSION = "v1.5.1"  # later ones cannot be installed by `go install`
MODULE = f"github.com/temporalio/cli/cmd/temporal@{VERSION}"


def find(cache: Path) -> Path | None:
    """Return a `temporal` that is here already."""
    kept = cache / f"temporal-{VERSION}" / "temporal"
    on_path = shutil.which("temporal")
    return Path(on_path) if on_path else kept if kept.is_file() else None


def build(cache: Path) -> Path:
    """Build one into the cache, in a few minutes; raises OperatorError without Go, or where the build fails."""
    folder = cache / f"temporal-{VERSION}"
    go_install(MODULE, folder)
    return folder / "temporal"


def up(home: Path, *, port: int = 7233, cache: Path | None = None) -> Running:
    """Start a server with its data in the home folder; it listens on loopback only."""
    cache = cache or home / "cache"
    server = server_of(home)
    server.folder.mkdir(parents=True, exist_ok=True)
    binary = find(cache) or build(cache)
    command = [str(binary), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--db-filename", str(server.folder / "temporal.db"), "--log-level", "warn"]
    # A worker is handed a step with the answer that asked for it, not by another poll: about half the time of a step.
    command += ["--dynamic-config-value", "system.enableActivityEagerExecution=true"]
    return server.start(command, port)


def server_of(home: Path) -> Server:
    return Server("temporal", home / "services" / "temporal")
