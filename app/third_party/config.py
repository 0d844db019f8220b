"""`mcp.json`: which third-party servers there are, read strictly, from the home folder and from the project's.

The format is the one that MCP clients share (`mcpServers`, by name), with `${VAR}` and `${VAR:-default}` in values.
A project's file may come with a cloned repository: it is read, and starts nothing until a person trusts the entry.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lyceum.errors import UserError, nearest

FILE = "mcp.json"
KEY = "mcpServers"
LARGEST = 1_000_000  # bytes
SHORTEST_SECRET = 6  # characters: a shorter value is in too many words to be hidden everywhere

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Origin = Literal["home", "project"]


class OAuthEntry(BaseModel):
    """How to sign in, where discovery and registration are not enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str | None = Field(default=None, description="Of a client that was registered by hand.")
    client_secret: str | None = None
    client_metadata_url: str | None = Field(default=None, description="https:// address of a client id document.")
    scope: str | None = None
    port: int = Field(default=0, ge=0, le=65535, description="Of the address the browser comes back to; 0: any.")


class Entry(BaseModel):
    """One server: a `command` that speaks over stdio, or a `url` that speaks streamable HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["stdio", "http", "streamable-http"] | None = None
    command: str | None = Field(default=None, min_length=1)
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}
    oauth: OAuthEntry | None = None
    tools: tuple[str, ...] | None = Field(default=None, description="Only these tools; None: all of them.")
    approve: Literal["writes", "always"] = Field(default="writes", description="Which calls need a person's yes.")
    timeout: float = Field(default=60, gt=0, le=600, description="Seconds that one call may take.")
    disabled: bool = False

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either a command or a url")
        if self.url is None and (self.headers or self.oauth):
            raise ValueError("headers and oauth go with a url")
        if self.command is None and (self.args or self.env or self.cwd):
            raise ValueError("args, env and cwd go with a command")
        if self.type is not None and (self.type == "stdio") != (self.command is not None):
            raise ValueError(f"type {self.type} does not go with it")
        return self

    @property
    def sha256(self) -> str:
        """What a person trusted when they trusted the entry: what is started, or reached, and with what."""
        told = self.model_dump(mode="json", include={"command", "args", "env", "cwd", "url", "headers", "oauth"})
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def shown(self) -> str:
        """The entry in one line, with variables as written; values given in the file itself are left out."""
        if self.url is not None:
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        return " ".join([self.command or "", *self.args])

    @property
    def variables(self) -> list[str]:
        """The environment variables whose values the server would get."""
        return sorted({found.group(1) for found in _VARIABLE.finditer(self.model_dump_json())})


@dataclass(frozen=True)
class Server:
    """A configured server; `key` names it in what was pinned, and a project's differs from a home's."""

    name: str
    entry: Entry
    origin: Origin
    file: Path

    @property
    def key(self) -> str:
        return self.name if self.origin == "home" else f"{self.name}@{self.file}"


@dataclass(frozen=True)
class Expanded:
    """An entry with its variables filled in, and every value that must appear nowhere else."""

    entry: Entry
    secrets: tuple[str, ...]

    def hide(self, text: str) -> str:
        """Take the secrets out of a text, longest first."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        return text


@dataclass
class Loaded:
    """The servers of both files, a home's before a project's of the same name; `problems` are for the person."""

    servers: dict[str, Server] = field(default_factory=dict[str, Server])
    problems: list[str] = field(default_factory=list[str])


def check_name(name: str, taken: frozenset[str] | set[str] = frozenset()) -> None:
    """Refuse a name that could be mistaken for one of ours, or that would make a tool's name unreadable."""
    if not _NAME.fullmatch(name) or len(name) > 30:
        raise UserError(
            f"{name[:40]!r} is no name for a server.", next_step="Take letters, digits, single - or _; 30 at most."
        )
    if name.lower() in {each.lower() for each in taken}:
        raise UserError(f"{name!r} is the name of a server of ours.", next_step="Give it another name.")


def read(path: Path, origin: Origin, taken: frozenset[str] | set[str] = frozenset()) -> dict[str, Server]:
    """Return the file's servers by name, none where there is no file; raises UserError naming what is wrong."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} is larger than {LARGEST:,} bytes.", next_step="Keep only servers in it.")
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise UserError(f"{path} cannot be read ({where}).", next_step="Mend it: it is plain JSON.") from None
    if not isinstance(held, dict):
        raise UserError(f"{path} holds no object.", next_step=f'Write {{"{KEY}": {{}}}}.')
    top = cast("dict[str, Any]", held)
    for key in top:
        if key != KEY:
            raise UserError(f"{path} has an unknown key {key!r}.", next_step=nearest(key, [KEY], what="keys"))
    entries = top.get(KEY, {})
    if not isinstance(entries, dict):
        raise UserError(f"{path}: {KEY} is no object.", next_step="Write the servers by name.")
    found: dict[str, Server] = {}
    for name, raw in cast("dict[str, Any]", entries).items():
        check_name(name, taken)
        found[name] = Server(name, parse(name, raw, str(path)), origin, path)
    return found


def parse(name: str, raw: Any, where: str) -> Entry:
    """Check one entry; raises UserError that names the key and never its value."""
    try:
        entry = Entry.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = OAuthEntry.model_fields if first["loc"][0] == "oauth" else Entry.model_fields
            raise UserError(
                f"{where}: {name} has an unknown key {key!r}.",
                next_step=nearest(str(first["loc"][-1]), known, what="keys"),
            ) from None
        said = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"{where}: {name}{f', {key}' if key else ''}: {said}.", next_step="See docs/third-party.md."
        ) from None
    if entry.url is not None:
        _check_url(name, entry, where)
    return entry


def load(home: Path, folder: Path, taken: frozenset[str] | set[str] = frozenset()) -> Loaded:
    """Read both files; a broken one is a problem to tell, and takes nothing else with it."""
    loaded = Loaded()
    places: tuple[tuple[Path, Origin], ...] = ((home / FILE, "home"), (folder / FILE, "project"))
    for path, origin in places:
        if origin == "project" and path.resolve() == (home / FILE).resolve():
            continue
        try:
            found = read(path, origin, taken)
        except UserError as error:
            loaded.problems.append(f"{error.message} {error.next_step}")
            continue
        for name, server in found.items():
            if name in loaded.servers:
                loaded.problems.append(f"{path} names {name} too; the one in {home / FILE} is used.")
            else:
                loaded.servers[name] = server
    return loaded


def expand(server: Server, environment: Mapping[str, str]) -> Expanded:
    """Fill in the variables; raises UserError for one that is not set and has no default."""
    secrets: set[str] = set()

    def filled(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = found.group(1), found.group(2)
            given = environment.get(name)
            if given is None and default is None:
                raise UserError(
                    f"{server.name} needs the environment variable {name}.",
                    next_step=f"Set it, or write ${{{name}:-DEFAULT}} in {server.file}.",
                )
            if given:
                secrets.add(given)
            return given or default or ""

        return _VARIABLE.sub(value, text)

    def walk(node: Any) -> Any:
        if isinstance(node, str):
            return filled(node)
        if isinstance(node, dict):
            return {key: walk(value) for key, value in cast("dict[str, Any]", node).items()}
        return [walk(each) for each in cast("list[Any]", node)] if isinstance(node, list) else node

    raw = server.entry.model_dump(mode="json", exclude_none=True)
    entry = parse(server.name, walk(raw), str(server.file))
    secrets |= {*entry.env.values(), *entry.headers.values()}
    secrets |= {value.split(" ", 1)[1] for value in entry.headers.values() if " " in value}  # Bearer KEY
    if entry.oauth and entry.oauth.client_secret:
        secrets.add(entry.oauth.client_secret)
    return Expanded(entry, tuple(each for each in secrets if len(each) >= SHORTEST_SECRET))


def _check_url(name: str, entry: Entry, where: str) -> None:
    url = entry.url or ""
    if "${" in url:
        return  # looked at again when it is filled in
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(f"{where}: {name}: the url is no web address.", next_step="Write https://HOST/PATH.")
    if parts.username or parts.password:
        raise UserError(
            f"{where}: {name}: the url holds a password.", next_step='Use headers, as in "Bearer ${TOKEN}".'
        )
    if parts.scheme == "http" and host not in LOOPBACK and (entry.headers or entry.oauth):
        raise UserError(
            f"{where}: {name}: its headers would travel unencrypted to {host}.",
            next_step="Use https://, or no headers.",
        )
