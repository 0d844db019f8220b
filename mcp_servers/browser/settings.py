"""What `[servers.browser]` in the settings may say."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mcp_servers.reading.limits import ReadingSettings


class BrowserSettings(ReadingSettings):
    """`max_bytes` counts all that a page loads, `seconds` all the time that it may take."""

    max_bytes: int = Field(default=30_000_000, ge=10_000, le=200_000_000)
    connections: int = Field(default=300, ge=1, le=5000, description="That one page may make.")
    executable: Path | None = Field(default=None, description="A Chromium or Chrome; None: the first on PATH.")
    environment: Path | None = Field(
        default=None, description="Where browser-use is installed; None: the cache folder."
    )
