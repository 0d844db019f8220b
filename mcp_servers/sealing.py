"""The home's secret key, with which is sealed what clients hand back: task ids, and the state between two rounds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from functools import cached_property
from pathlib import Path

from mcp.server.mcpserver import AESGCMRequestStateCodec, RequestStateSecurity


def home_key(home: Path) -> bytes:
    """Return the home's secret key for what clients hand back, made on first use and readable by its owner only."""
    path = home / "mcp.key"
    home.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        mine = path.with_name(f".mcp.key.{os.getpid()}.{secrets.token_hex(4)}")
        mine.touch(mode=0o600)
        mine.write_bytes(secrets.token_bytes(32))
        try:
            path.hardlink_to(mine)  # all or nothing, and never over another process's key
        finally:
            mine.unlink()
    return path.read_bytes()


class _HomeCodec:
    """Seals with the home's key, which is made when the first state is sealed: listing tools writes nothing."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def seal(self, payload: bytes) -> str:
        return self._codec.seal(payload)

    def unseal(self, token: str) -> bytes:
        return self._codec.unseal(token)

    @cached_property
    def _codec(self) -> AESGCMRequestStateCodec:
        return AESGCMRequestStateCodec([hashlib.sha256(b"lyceum request state" + home_key(self._home)).digest()])


def home_state(home: Path) -> RequestStateSecurity:
    """Return what seals the state of a call between two rounds, so that a restarted process still takes it."""
    return RequestStateSecurity(codec=_HomeCodec(home))
