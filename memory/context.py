"""What goes before a model: blocks, a summary, recent turns and recalled items under a token limit, and what stays out.

Blocks come first because they are always needed, then the newest turns, the summary and what was recalled. A tool call
and its result are one unit: both go in or neither, whatever the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from memory.blocks import escaped
from models.budgets import tokens_of

Kind = Literal["blocks", "summary", "turn", "recalled"]
Count = Callable[[str], int]
RECALLED_SHARE = 0.3  # of the limit
NEWEST = 2  # units of the conversation that come before anything is recalled


class Message(BaseModel):
    """Something said in the present thread; a tool call and its result carry the same `call`."""

    id: str
    role: Literal["user", "assistant", "call", "result"]
    text: str
    call: str = ""


class Item(BaseModel):
    """A part of the context with the reason where it was left out."""

    id: str
    kind: Kind
    text: str
    tokens: int
    reason: str = ""


class Window(BaseModel):
    """What a model sees: `kept` in the order of the prompt, `left` with reasons; never more than `limit` tokens."""

    limit: int
    used: int = 0
    kept: list[Item] = []
    left: list[Item] = Field(default_factory=list[Item], description="Left out, and why.")

    def render(self) -> str:
        """Return the context as one tagged text: what was recalled cannot open or close a tag."""
        parts: list[str] = []
        for kind, tag in (("blocks", ""), ("summary", "summary"), ("turn", "recent"), ("recalled", "recalled")):
            texts = [item.text for item in self.kept if item.kind == kind]
            if texts:
                body = "\n".join(texts if not tag else map(escaped, texts))
                parts.append(f"<{tag}>\n{body}\n</{tag}>" if tag else body)
        return "\n".join(parts)


def units(messages: Sequence[Message]) -> list[list[Message]]:
    """Cut a conversation where no tool call stands between its beginning and its result.

    A result without its call and a call without its result make no unit: a provider refuses both.
    """
    spans: dict[str, list[int]] = {}
    for place, message in enumerate(messages):
        if message.call:
            spans.setdefault(message.call, []).append(place)
    whole = {
        call: (places[0], places[-1])
        for call, places in spans.items()
        if {messages[place].role for place in places} >= {"call", "result"} and messages[places[0]].role == "call"
    }
    cut: list[list[Message]] = []
    end = -1
    for place, message in enumerate(messages):
        if message.role in ("call", "result") and message.call not in whole:
            continue
        if place > end or not cut:
            cut.append([])
        cut[-1].append(message)
        end = max(end, whole[message.call][1] if message.call in whole else place)
    return cut


def plan(
    limit: int,
    *,
    blocks: str = "",
    summary: str = "",
    messages: Sequence[Message] = (),
    recalled: Sequence[tuple[str, str]] = (),
    count: Count = tokens_of,
) -> Window:
    """Choose what fits into `limit` tokens; `recalled` are (id, text), best first."""
    window = Window(limit=limit)
    chosen: list[tuple[int, Item]] = []

    def take(order: int, item: Item, most: int = limit) -> bool:
        room = min(limit - window.used, most)
        if item.tokens > room:
            reason = item.reason or f"{item.tokens} tokens, and {max(room, 0)} were left"
            window.left.append(item.model_copy(update={"reason": reason}))
            return False
        chosen.append((order, item.model_copy(update={"reason": ""})))
        window.used += item.tokens
        return True

    if blocks:
        take(0, _item("blocks", "blocks", blocks, count))
    recent = units(messages)
    dropped = len(messages) - sum(map(len, recent))
    whole = _recent(recent[-NEWEST:], len(recent), take, count)
    if summary:
        take(1, _item("summary", "summary", summary, count))
    shown = {message.id for unit in recent[-NEWEST:] for message in unit}
    budget = int(limit * RECALLED_SHARE)
    for place, (id_, text) in enumerate(recalled):
        item = _item(id_, "recalled", text, count)
        if id_ in shown:
            window.left.append(item.model_copy(update={"reason": "it is among the recent turns"}))
        elif take(1_000_000 + place, item, budget):
            budget -= item.tokens
    if whole:
        _recent(recent[:-NEWEST], len(recent) - NEWEST, take, count)
    else:
        for unit in recent[:-NEWEST]:
            window.left += [_turn(message, count, "older than what fits") for message in unit]
    if dropped:
        kept = {message.id for unit in recent for message in unit}
        lost = [message for message in messages if message.id not in kept]
        window.left += [_turn(message, count, "a tool call without its result, or the reverse") for message in lost]
    window.kept = [item for _, item in sorted(chosen, key=lambda each: each[0])]
    return window


def _recent(recent: list[list[Message]], top: int, take: Callable[..., bool], count: Count) -> bool:
    """Take units from the newest back until one does not fit, so that no gap opens in the conversation."""
    for back, unit in enumerate(reversed(recent)):
        text = "\n".join(f"{message.role}: {message.text}" for message in unit)
        item = _item(unit[0].id, "turn", text, count)
        if not take(2 + top - back, item):
            for older in recent[: len(recent) - back - 1]:
                for message in older:
                    take(0, _turn(message, count, "older than what fits"), -1)
            return False
    return True


def _turn(message: Message, count: Count, reason: str) -> Item:
    return _item(message.id, "turn", f"{message.role}: {message.text}", count).model_copy(update={"reason": reason})


def _item(id_: str, kind: Kind, text: str, count: Count) -> Item:
    return Item(id=id_, kind=kind, text=text, tokens=count(text))
