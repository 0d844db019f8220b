"""Programs of npm, installed as their lock file pins them, once, into the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs


class Unavailable(Exception):
    """What is needed cannot be had here."""


def installed(pinned: Path, name: str) -> tuple[str, Path]:
    """Install what `package.json` and `package-lock.json` in a folder say; return a Node.js and the new folder.

    Raises Unavailable where there is no npm, or it cannot install.
    """
    lock = (pinned / "package-lock.json").read_bytes()
    folder = Path(platformdirs.user_cache_dir("lyceum")) / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "node_modules").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("npm is not on PATH: install Node.js.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as building:
            for each in ("package.json", "package-lock.json"):
                shutil.copy(pinned / each, building)
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run([npm, "ci", *quiet], cwd=building, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"npm could not install {name}: {done.stderr[-500:]}")
            with contextlib.suppress(OSError):  # another run was quicker
                Path(building).rename(folder)
            Path(building).mkdir(exist_ok=True)
    nodes = sorted(folder.glob("node_modules/node-*/bin/node"))
    node = str(nodes[0]) if nodes else shutil.which("node")
    if node is None:
        raise Unavailable("There is no Node.js.")
    return node, folder
