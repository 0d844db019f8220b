"""Where research looks, as a client writes it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from lyceum.errors import ModelRetry

KINDS = ("docs", "sql", "web")


def place_of(source: str) -> dict[str, str]:
    """Read docs:FOLDER, sql:FILE or web; raises ModelRetry that says what to send."""
    kind, _, where = source.partition(":")
    if kind not in KINDS:
        raise ModelRetry(f"{source[:80]!r} names no source.", next_step="Send docs:FOLDER, sql:FILE or web.")
    if kind == "web":
        return {"kind": "web", "name": "web"}
    path = existing(where, f"{kind}:PATH")
    return {"kind": kind, "name": name_of(path), "uri": str(path)}


def existing(where: str, form: str) -> Path:
    """Return a file or folder that there is, in full; raises ModelRetry that asks for it in this form."""
    try:
        path = Path(where).expanduser().resolve()
        there = bool(where) and path.exists()
    except (OSError, ValueError, RuntimeError):
        there, path = False, Path()
    if not there:
        raise ModelRetry(f"There is no such file or folder: {where[:200]!r}.", next_step=f"Send {form}, absolute.")
    return path


def name_of(path: Path) -> str:
    """Return the collection's name: every face gives the same folder the same one, so it is taken in once."""
    own = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:30] or "documents"
    return f"{own}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"
