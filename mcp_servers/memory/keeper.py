"""The memory behind the tools: whose it is by the server's settings, and what an agent may write into a block."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError

from lyceum.errors import UserError
from lyceum.settings import Section, Settings
from memory.answers import coverage
from memory.extraction import suspicious
from memory.forgetting import Forgotten
from memory.ranking import expression
from memory.scope import Scope
from memory.store import MemoryStore, minilm
from models.offline.skill import content_words

HERE = "here"
SAID = 0.8  # share of an edit's words that a turn carries: then the turn said it, whoever writes it down


class MemorySection(Section):
    """`[servers.memory]`: whose memory this process works with.

    `saving`: "auto" keeps facts as they are told, "ask" only through `lyceum memory consolidate`, "off" keeps no turn.
    `project` keeps this process's memory to one folder ("here": the repository that it runs in). `url` is the address
    of a PostgreSQL, for several machines; empty: a file in the home folder. `qdrant_url` is that of a Qdrant server,
    which then compares the archive's vectors. With `agent` this process sees the shared blocks and facts and those of
    that agent, and what it keeps is that agent's. `keep_days` and `keep_pii_days` are retention rules: turns, and facts
    tagged `pii` with the turns that tell them, are forgotten after so many days; 0 keeps them.
    """

    user: str = Field(default="me", min_length=1, max_length=200)
    tenant: str = Field(default="local", min_length=1, max_length=200)
    project: str = Field(default="", max_length=4096)
    saving: Literal["auto", "ask", "off"] = "auto"
    agent: str = Field(default="", max_length=200)
    keep_days: int = Field(default=0, ge=0, le=100_000)
    keep_pii_days: int = Field(default=0, ge=0, le=100_000)
    url: SecretStr = SecretStr("")
    qdrant_url: str = ""
    qdrant_api_key: SecretStr = SecretStr("")


class Keeper:
    def __init__(self, settings: Settings, home: Path) -> None:
        self.section = settings.section("memory", MemorySection)
        self._retained: set[tuple[str, str]] = set()
        self.store = MemoryStore(
            home,
            minilm(home),
            url=self.section.url.get_secret_value(),
            qdrant=(self.section.qdrant_url, self.section.qdrant_api_key.get_secret_value()),
        )

    @property
    def scope(self) -> Scope:
        """Whose memory a call is about: the settings' user's, over HTTP that of the one whose token it came with."""
        who = _token_of()
        if not who:
            return self._own
        try:
            return Scope.model_validate({**self._own.model_dump(), "user": who})
        except ValidationError:
            raise UserError(
                "The token's subject is no name.", next_step="Use a subject of at most 200 characters."
            ) from None

    @cached_property
    def _own(self) -> Scope:
        project = self.section.project
        if project:
            project = str(_repository(Path.cwd()) if project == HERE else Path(project).expanduser().resolve())
        return Scope(user=self.section.user, tenant=self.section.tenant, agent=self.section.agent, project=project)

    def retain(self) -> Forgotten:
        """Forget what the retention rules do not keep: when a process first writes, and with each consolidation."""
        days, pii_days = self.section.keep_days, self.section.keep_pii_days
        if not (days or pii_days):
            return Forgotten()
        return self.store.forgetting.retain(self.scope, days=days, pii_days=pii_days)

    def retain_once(self) -> None:
        """Do so for each user on the first write of a process."""
        owner = self.scope.owner
        if owner not in self._retained:
            self._retained.add(owner)
            self.retain()

    def in_thread(self, thread: str) -> Scope:
        return self.scope.model_copy(update={"thread": thread})

    def refuse_foreign(self, text: str) -> None:
        """Raise UserError where an agent would write into a block what a tool said, or an order to the assistant."""
        if suspicious(text):
            raise UserError(
                "That reads like an order to the assistant, and blocks hold facts.",
                next_step="Write what is so, in the user's words; the turn itself is kept.",
            )
        wanted = content_words(text)
        hits = self.store.log.search(self.scope, text, limit=20) if expression(text) and wanted else []
        said = [hit.turn for hit in hits if coverage(wanted, hit.turn.text) >= SAID]
        tools = [turn for turn in said if turn.origin == "tool"]
        if tools and not any(turn.origin == "user" for turn in said):
            raise UserError(
                f"A tool said that ({tools[0].id}), not the user.",
                next_step="Ask the user: what they say in their own words can be written.",
            )


def _token_of() -> str:
    """Return the subject of the token that a call came with; empty for the one token of a server of one's own."""
    module = sys.modules.get("mcp.server.auth.middleware.auth_context")  # loaded wherever tokens are read
    token = module.get_access_token() if module else None
    return str(token.subject or "") if token else ""


def moment(text: str, name: str) -> datetime | None:
    """Read an ISO 8601 date or time; None for an empty text."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise UserError(f"{name} is no date.", next_step="Send ISO 8601, e.g. 2026-05-01.") from None


def _repository(folder: Path) -> Path:
    """Return the repository that a folder is in, else the folder."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
