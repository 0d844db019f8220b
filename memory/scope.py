"""Whose memory a call is about. There is no call without a scope, and no way from one user's to another's."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Scope(BaseModel):
    """`tenant` and `user` separate people and are always matched exactly.

    `agent` and `project` narrow: what is kept under one is seen only there, what is kept without is seen everywhere.
    `thread` is the conversation that a new turn belongs to; searches look into all of a user's threads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(min_length=1, max_length=200)
    tenant: str = Field(default="local", min_length=1, max_length=200)
    agent: str = Field(default="", max_length=200)
    project: str = Field(default="", max_length=4096)
    thread: str = Field(default="", max_length=200)

    @field_validator("user", "tenant", "agent", "project", "thread")
    @classmethod
    def _is_kept_alike_everywhere(cls, name: str) -> str:
        if "\x00" in name:  # PostgreSQL keeps none, and two names must not become one
            raise ValueError("a name holds no NUL character")
        return name

    @property
    def owner(self) -> tuple[str, str]:
        return self.tenant, self.user

    @property
    def place(self) -> tuple[str, str, str, str]:
        """The columns (tenant, user, agent, project) under which something new is kept."""
        return (*self.owner, self.agent, self.project)


OWN = "tenant = ? AND user = ?"
SEEN = f"{OWN} AND agent IN ('', ?) AND project IN ('', ?)"  # with Scope.place as its values
