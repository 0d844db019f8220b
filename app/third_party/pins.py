"""What a person has seen and approved: entries of projects' files, and tools' definitions by their hash."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from app.third_party.config import Server
from app.third_party.definitions import Definition
from app.third_party.lint import Finding
from lyceum.errors import OperatorError

State = Literal["pinned", "unpinned", "changed"]


class Pinned(BaseModel):
    """A tool's definition as it was when it was approved."""

    sha256: str
    at: str
    definition: dict[str, Any]


class ServerPins(BaseModel):
    """`entry` is the hash of the entry that all of this was said about: of another one, nothing has been said."""

    entry: str
    tools: dict[str, Pinned] = {}


class Pins:
    """The file `mcp/pins.json` of the home folder; every reading is fresh, every writing is one step."""

    def __init__(self, home: Path) -> None:
        self._path = home / "mcp" / "pins.json"

    def of(self, server: Server) -> ServerPins | None:
        """Return what was approved of a server as it is configured now; None where nothing was."""
        held = self._read().get(server.key)
        return held if held is not None and held.entry == server.entry.sha256 else None

    def may_start(self, server: Server) -> bool:
        """Tell whether the server may be started: a home's always, a project's once its entry is trusted."""
        return server.origin == "home" or self.of(server) is not None

    def state(self, server: Server, definition: Definition) -> State:
        """Compare a definition with what was approved; without an approval of the entry nothing is pinned."""
        pins = self.of(server)
        if pins is None or definition.name not in pins.tools:
            return "unpinned"
        return "pinned" if pins.tools[definition.name].sha256 == definition.sha256 else "changed"

    def trust(self, server: Server) -> None:
        """Let a project's server be started as its entry says now."""
        held = self._read()
        if self.of(server) is None:
            held[server.key] = ServerPins(entry=server.entry.sha256)
            self._write(held)

    def pin(self, server: Server, definitions: list[Definition]) -> None:
        """Make these the server's approved definitions; what it no longer lists is forgotten."""
        held = self._read()
        known = self.of(server)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        tools: dict[str, Pinned] = {}
        for each in definitions:
            old = known.tools.get(each.name) if known else None
            same = old is not None and old.sha256 == each.sha256
            tools[each.name] = old if old and same else Pinned(sha256=each.sha256, at=now, definition=each.raw)
        held[server.key] = ServerPins(entry=server.entry.sha256, tools=tools)
        self._write(held)

    def forget(self, server: Server) -> None:
        held = self._read()
        if held.pop(server.key, None) is not None:
            self._write(held)

    def _read(self) -> dict[str, ServerPins]:
        try:
            held: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            return {key: ServerPins.model_validate(value) for key, value in held.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, ValidationError, AttributeError):
            raise OperatorError(
                f"{self._path} cannot be read.", next_step="Remove it, then `lyceum mcp inspect NAME --approve` again."
            ) from None

    def _write(self, held: dict[str, ServerPins]) -> None:
        text = json.dumps({key: value.model_dump() for key, value in held.items()}, indent=1, ensure_ascii=False)
        write_private(self._path, text)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step; raises OperatorError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written ({error.strerror}).", next_step="Make it writable, then try again."
        ) from None


def withheld(state: State, definition: Definition, findings: list[Finding]) -> str:
    """Say why a tool is not offered; empty where it is."""
    if definition.problem:
        return definition.problem
    if state == "changed":
        return "its definition has changed since it was approved"
    if state == "unpinned" and findings:
        return (
            f"its definition looks poisoned ({', '.join(sorted({each.kind for each in findings}))}), and is not pinned"
        )
    return ""
