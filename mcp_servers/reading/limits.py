"""What may be read of the web, and how much of it: settings that the web and the browser have in common."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from pydantic import Field, field_validator

from lyceum.settings import Section


class ReadingSettings(Section):
    max_bytes: int = Field(default=5_000_000, ge=10_000, le=100_000_000, description="Of one page; a PDF too.")
    seconds: float = Field(default=20, gt=0, le=120, description="Longest time one page may take, redirects and all.")
    redirects: int = Field(default=5, ge=0, le=20)
    robots: bool = Field(default=True, description="Keep to what sites ask of programs in robots.txt.")
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
