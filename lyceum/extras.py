"""Optional packages: one lock file an extra, installed with the uv that `make setup` brings."""

from __future__ import annotations


def install_command(*extras: str) -> str:
    """Return the command that installs these extras, from the project's folder."""
    return f".venv/bin/uv pip install {' '.join(f'-r requirements/{extra}.lock' for extra in extras)}"
