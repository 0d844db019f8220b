"""What a safety probe found; `lyceum doctor --attack` runs those of every server that has some."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """One attack tried on this machine: `held` where it was stopped, `detail` says how, or what it reached."""

    name: str
    held: bool
    detail: str
