"""Which folders are workspaces: those that settings name or a person attached, never one that a model asks for."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from lyceum.errors import ModelRetry, UserError, nearest

_SIGNS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "tests", "test")


def is_repository(path: Path) -> bool:
    """Tell whether a folder looks like a repository of Python code: by git's folder, a build file or tests."""
    if not path.is_dir():
        return False
    return any((path / sign).exists() for sign in _SIGNS) or any(path.glob("test_*.py"))


def grant(home: Path, path: Path) -> str:
    """Let the workspace tools use a folder, for a person who attached it; returns the name to use it by."""
    path = path.resolve()
    if path in (Path(path.anchor), Path.home().resolve()) or home.resolve().is_relative_to(path):
        raise UserError(f"{path} is too much to be a workspace.", next_step="Attach the folder of one repository.")
    kept = _granted(home)
    name = _name(path)
    if kept.get(name) != str(path):
        home.mkdir(parents=True, exist_ok=True)
        temporary = home / f"workspaces.{os.getpid()}.tmp"
        temporary.write_text(json.dumps({**kept, name: str(path)}, indent=1), encoding="utf-8")
        temporary.replace(home / "workspaces.json")
    return name


class Roots:
    """The workspaces by name."""

    def __init__(self, home: Path, from_settings: Sequence[Path]) -> None:
        self._home = home
        self._fixed = {_name(path.expanduser().resolve()): str(path.expanduser().resolve()) for path in from_settings}

    def all(self) -> dict[str, str]:
        return {**_granted(self._home), **self._fixed}

    def path(self, name: str) -> tuple[str, Path]:
        """Return a workspace's name and folder; without a name, those of the only one."""
        known = self.all()
        if not known:
            raise ModelRetry(
                "No workspace is attached.",
                next_step="The user attaches one: lyceum chat --attach FOLDER, or servers.workspace.roots.",
            )
        if not name and len(known) == 1:
            name = next(iter(known))
        if name not in known:
            what = f"There is no workspace {name!r}." if name else "There are several workspaces."
            raise ModelRetry(what, next_step=nearest(name, known, what="workspaces"))
        return name, Path(known[name])


def _granted(home: Path) -> dict[str, str]:
    path = home / "workspaces.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _name(path: Path) -> str:
    """A name that the same folder gets again: its own, and a hash of where it is."""
    own = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:30] or "workspace"
    return f"{own}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"
