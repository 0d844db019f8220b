"""What `[servers.web]` in the settings may say."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from lyceum.settings import Section

Provider = Literal["searxng", "brave", "tavily"]


class WebSettings(Section):
    """One search provider is enough; where several are set, `search` chooses, else the first one in this order."""

    search: Provider | None = None
    searxng_url: str | None = Field(default=None, description="A SearXNG of one's own, with its JSON format on.")
    brave_api_key: SecretStr | None = None
    brave_url: str = "https://api.search.brave.com/res/v1/web/search"
    tavily_api_key: SecretStr | None = None
    tavily_url: str = "https://api.tavily.com/search"
    max_bytes: int = Field(default=5_000_000, ge=10_000, le=100_000_000, description="Of one page; a PDF too.")
    seconds: float = Field(default=20, gt=0, le=120, description="Longest time one page may take, redirects and all.")
    redirects: int = Field(default=5, ge=0, le=20)
    robots: bool = Field(default=True, description="Keep to what sites ask of programs in robots.txt.")
    cache_hours: float = Field(default=24, ge=0, description="How long a page that was read is used again; 0: never.")
    allow_private: tuple[str, ...] = Field(
        default=(), description="Addresses or networks that may be read although they are not public: 10.1.0.0/16."
    )

    @field_validator("allow_private", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take `a, b` too: an environment variable holds no list."""
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value

    @field_validator("allow_private")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each, strict=False)
        return value

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
