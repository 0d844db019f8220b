"""What a stand-in says in one answer, before a wire puts it into its own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Finish = Literal["stop", "tools", "length", "filter"]

SECRET = "sk-planted-4242-never-to-be-seen"
INPUT_TOKENS = 100
OUTPUT_TOKENS = 20


@dataclass(frozen=True)
class Call:
    """A tool call; one that is `cut` ends in the middle of its arguments, as JSON that cannot be read."""

    name: str
    arguments: dict[str, Any]
    cut: bool = False

    @property
    def text(self) -> str:
        whole = json.dumps(self.arguments)
        return whole[: -max(2, len(whole) // 4)] if self.cut else whole


@dataclass(frozen=True)
class Says:
    """One answer: text, calls or both, and why it ended."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    why: Finish | None = None

    @property
    def finish(self) -> Finish:
        return self.why or ("tools" if self.calls else "stop")


def pieces(text: str, size: int = 20) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def sse(events: list[tuple[str | None, Any]]) -> list[bytes]:
    """Frame events as server-sent events, with a name where the wire has names."""
    framed: list[bytes] = []
    for name, data in events:
        payload = data if isinstance(data, str) else json.dumps(data)
        framed.append(((f"event: {name}\n" if name else "") + f"data: {payload}\n\n").encode())
    return framed


@dataclass(frozen=True)
class Fault:
    """What one request gets instead of a good answer.

    `says` answers with something odd, `broken` with bytes that cannot be read; one that `dies` breaks off before the
    last quarter, when most of the prose was sent; `hang` is in seconds.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] | dict[str, str] = ()
    body: Any = None
    says: Says | None = None
    broken: bool = False
    dies: bool = False
    hang: float = 0.0
    in_stream: bytes = b""
