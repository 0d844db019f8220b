"""The clients that can be set up, each with the file that it reads and the entry that it wants for a server.

Sources, read November 2026: modelcontextprotocol.io (Claude Desktop), the documentation of Claude Code, VS Code,
Cursor, Goose and Open WebUI. What each of them does with the file was not run here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

NAME = "lyceum"
PORT = 8765


@dataclass(frozen=True)
class Command:
    """How a client starts the server: absolute, so that it needs neither the client's PATH nor its folder."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Client:
    """`file` gives the path that the client reads; `entry` what stands there under `keys` and the server's name."""

    title: str
    keys: tuple[str, ...]
    entry: Callable[[Command], dict[str, Any]]
    file: Callable[[], Path] | None = None
    form: Literal["json", "yaml"] = "json"
    link: Callable[[Command], str] | None = None
    after: str = ""


def own_command(toolsets: Sequence[str] = (), *, read_only: bool = False) -> Command:
    """Return the command that serves the tools from this environment, with this LYCEUM_HOME where one is set."""
    scripts = Path(sys.executable).parent
    program = next((scripts / name for name in ("lyceum.exe", "lyceum") if (scripts / name).exists()), None)
    start = ("mcp", "serve") if program else ("-m", "app.cli", "mcp", "serve")
    chosen = ("--toolsets", ",".join(toolsets)) if toolsets else ()
    home = os.environ.get("LYCEUM_HOME")
    return Command(
        str(program or sys.executable),
        (*start, *chosen, *(("--read-only",) if read_only else ())),
        {"LYCEUM_HOME": str(Path(home).absolute())} if home else {},
    )


def _plain(command: Command) -> dict[str, Any]:
    entry: dict[str, Any] = {"command": command.program, "args": list(command.arguments)}
    return {**entry, "env": dict(command.environment)} if command.environment else entry


def _typed(command: Command) -> dict[str, Any]:
    return {"type": "stdio", **_plain(command)}


def _goose(command: Command) -> dict[str, Any]:
    return {
        "enabled": True,
        "type": "stdio",
        "name": NAME,
        "cmd": command.program,
        "args": list(command.arguments),
        "envs": dict(command.environment),
        "timeout": 300,
    }


def _open_webui(command: Command) -> dict[str, Any]:
    del command
    return {
        "type": "mcp",
        "url": f"http://127.0.0.1:{PORT}/mcp",
        "auth_type": "none",
        "config": {"enable": True},
        "info": {"id": NAME, "name": "Lyceum", "description": "Typed tools for language-model engineering"},
    }


def _claude_desktop() -> Path:
    if sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support" / "Claude"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "Claude"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "Claude"
    return folder / "claude_desktop_config.json"


def _goose_file() -> Path:
    if sys.platform == "win32":
        return (
            Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
            / "Block"
            / "goose"
            / "config"
            / "config.yaml"
        )
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "goose" / "config.yaml"


def _vscode_link(command: Command) -> str:
    return "vscode:mcp/install?" + quote(json.dumps({"name": NAME, **_typed(command)}, separators=(",", ":")))


def _cursor_link(command: Command) -> str:
    from base64 import b64encode

    config = b64encode(json.dumps(_plain(command), separators=(",", ":")).encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?name={NAME}&config={quote(config)}"


CLIENTS = {
    "claude-desktop": Client(
        "Claude Desktop", ("mcpServers",), _plain, _claude_desktop, after="Restart Claude Desktop."
    ),
    "claude-code": Client(
        "Claude Code",
        ("mcpServers",),
        _typed,
        lambda: Path.cwd() / ".mcp.json",
        after="Start claude in this folder and approve the server once.",
    ),
    "vscode": Client(
        "VS Code",
        ("servers",),
        _typed,
        lambda: Path.cwd() / ".vscode" / "mcp.json",
        link=_vscode_link,
        after="Open this folder and start the server from the file, or trust it when asked.",
    ),
    "cursor": Client(
        "Cursor",
        ("mcpServers",),
        _plain,
        lambda: Path.cwd() / ".cursor" / "mcp.json",
        link=_cursor_link,
        after="Enable the server in Cursor's settings, under MCP.",
    ),
    "goose": Client("Goose", ("extensions",), _goose, _goose_file, form="yaml", after="Start a new session."),
    "open-webui": Client(
        "Open WebUI",
        (),
        _open_webui,
        after=f"Start `lyceum mcp serve --transport http --port {PORT}` and add this under External Tools, or put it"
        " into a JSON list in TOOL_SERVER_CONNECTIONS.",
    ),
    "json": Client("any other client", ("mcpServers",), _plain),
}
