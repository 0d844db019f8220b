"""What `[servers.sql]` in the settings may say."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, model_validator

from lyceum.settings import Section

SAMPLE = "chinook"


class DatabaseSettings(Section):
    """Where a database is, and how much of it is shown."""

    path: Path | None = None
    url: SecretStr | None = Field(default=None, description="postgresql://user:password@host:port/database")
    schemas: tuple[str, ...] = ("public",)
    tables: tuple[str, ...] | None = Field(default=None, description="Only these may be read; default all.")
    semantic: Path | None = Field(default=None, description="A semantic layer (YAML), which is all that is seen then.")

    @model_validator(mode="after")
    def _is_one_place(self) -> DatabaseSettings:
        if (self.path is None) == (self.url is None):
            raise ValueError("a database has either a path or a url")
        if self.url is not None and not self.url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("the url must start with postgresql://")
        return self


class SqlSettings(Section):
    max_rows: int = Field(default=200, ge=1, le=10_000, description="Most rows one query may return.")
    max_bytes: int = Field(default=1_000_000, ge=1_000, description="Most bytes of cells one query may return.")
    seconds: float = Field(default=5.0, gt=0, le=60, description="Longest time one query may take.")
    tries: int = Field(default=3, ge=1, le=20, description="Queries that may be tried for one question.")
    databases: dict[str, DatabaseSettings] = Field(default_factory=dict[str, DatabaseSettings])
