"""What `[servers.web]` in the settings may say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from mcp_servers.reading.limits import ReadingSettings

Provider = Literal["searxng", "brave", "tavily"]


class WebSettings(ReadingSettings):
    """One search provider is enough; where several are set, `search` chooses, else the first one in this order."""

    search: Provider | None = None
    searxng_url: str | None = Field(default=None, description="A SearXNG of one's own, with its JSON format on.")
    brave_api_key: SecretStr | None = None
    brave_url: str = "https://api.search.brave.com/res/v1/web/search"
    tavily_api_key: SecretStr | None = None
    tavily_url: str = "https://api.tavily.com/search"
    cache_hours: float = Field(default=24, ge=0, description="How long a page that was read is used again; 0: never.")
    browser: Literal["auto", "off"] = Field(
        default="auto",
        description="Whether pages that are made by scripts are opened in a browser, where there is one.",
    )

    def provider(self) -> Provider | None:
        """Return who searches, or None where nothing is set for anybody, or not for the one that was chosen."""
        ready: dict[Provider, bool] = {
            "searxng": self.searxng_url is not None,
            "brave": self.brave_api_key is not None,
            "tavily": self.tavily_api_key is not None,
        }
        if self.search is not None:
            return self.search if ready[self.search] else None
        return next((name for name, there in ready.items() if there), None)
