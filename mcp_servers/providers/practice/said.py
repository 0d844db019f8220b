"""What a stand-in hears and says, before and after a wire puts it into its own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, cast

Finish = Literal["stop", "tools", "length", "filter"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call; one that is `cut` ends in the middle of its arguments, as JSON that cannot be read."""

    name: str
    arguments: Json
    cut: bool = False

    @property
    def text(self) -> str:
        whole = json.dumps(self.arguments)
        return whole[: -max(2, len(whole) // 4)] if self.cut else whole

    @property
    def given(self) -> Json:
        """The arguments on a wire that carries an object: one that was cut has lost what came last."""
        return dict(list(self.arguments.items())[:-1]) if self.cut else self.arguments


@dataclass(frozen=True)
class Says:
    """One answer: text, calls or both, why it ended, and what it is counted as."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    why: Finish | None = None
    input_tokens: int = 100
    output_tokens: int = 20
    cached_tokens: int = 0

    @property
    def finish(self) -> Finish:
        return self.why or ("tools" if self.calls else "stop")


@dataclass(frozen=True)
class Heard:
    """What a request asks, whatever its wire: `results` is how many tool results it brings back.

    `instructions_at` names the field in which the wire carries the instructions.
    """

    instructions: str
    instructions_at: str
    prompt: str
    tools: list[str]
    results: int


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a string or a list of parts on most wires."""
    if isinstance(content, str):
        return content
    parts = cast("list[Json]", content) if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if "text" in part)


def pieces(text: str, size: int = 20) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def sse(events: list[tuple[str | None, Any]]) -> list[bytes]:
    """Frame events as server-sent events, with a name where the wire has names."""
    framed: list[bytes] = []
    for name, data in events:
        payload = data if isinstance(data, str) else json.dumps(data)
        framed.append(((f"event: {name}\n" if name else "") + f"data: {payload}\n\n").encode())
    return framed
