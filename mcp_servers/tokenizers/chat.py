"""Conversations as the text a model reads: templates with their control tokens, and text that must stay text.

A template's own parts are control tokens; what people and tools said is encoded with control tokens switched off, so
that a message which spells `<|im_end|>` ends nothing. Formats: as the model makers publish them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from lyceum.errors import ModelRetry
from mcp_servers.tokenizers.loaded import Loaded, Piece
from mcp_servers.tokenizers.results import Message

Template = Literal["chatml", "llama3", "llama2", "mistral", "gemma"]


class Part(NamedTuple):
    """`control` parts are the template's and become control tokens, the rest is somebody's text."""

    text: str
    control: bool
    role: str = ""


class Tokenized(NamedTuple):
    """`spelt` are control parts that the vocabulary does not have and that were encoded as ordinary text."""

    pieces: list[Piece]
    spelt: list[str]


def render(messages: Sequence[Message], template: Template, *, reply: bool = True) -> list[Part]:
    """Return a conversation as parts; `reply` opens the assistant's turn. Raises ModelRetry for a wrong order."""
    if not messages:
        raise ModelRetry("The conversation is empty.", next_step="Send at least one message of the user.")
    roles = [message.role for message in messages]
    if "system" in roles[1:]:
        raise ModelRetry("A system message stands in the middle.", next_step="Send it first.")
    if template in ("llama2", "mistral", "gemma"):
        turns = [role for role in roles if role != "system"]
        if turns != ["user" if place % 2 == 0 else "assistant" for place in range(len(turns))] or not turns:
            raise ModelRetry(
                f"{template} knows only turns of user and assistant in alternation.",
                next_step="Begin with the user and alternate.",
            )
    return _RENDER[template](messages, reply)


def _chatml(messages: Sequence[Message], reply: bool) -> list[Part]:
    parts: list[Part] = []
    for message in messages:
        parts += [Part("<|im_start|>", True), Part(f"{message.role}\n", False), _said(message)]
        parts += [Part("<|im_end|>", True), Part("\n", False)]
    return [*parts, *([Part("<|im_start|>", True), Part("assistant\n", False)] if reply else [])]


def _llama3(messages: Sequence[Message], reply: bool) -> list[Part]:
    def head(role: str) -> list[Part]:
        control = [Part("<|start_header_id|>", True), Part(role, False), Part("<|end_header_id|>", True)]
        return [*control, Part("\n\n", False)]

    parts = [Part("<|begin_of_text|>", True)]
    for message in messages:
        said = _said(message)
        parts += [*head(message.role), said._replace(text=said.text.strip()), Part("<|eot_id|>", True)]
    return [*parts, *(head("assistant") if reply else [])]


def _llama2(messages: Sequence[Message], reply: bool) -> list[Part]:
    """The instruction marks of Llama 2 are ordinary text: only `<s>` and `</s>` are control tokens."""
    system = messages[0].content if messages[0].role == "system" else ""
    parts: list[Part] = []
    for message in messages:
        if message.role == "user":
            parts += [Part("<s>", True), Part("[INST] ", False)]
            if system:
                parts += [Part("<<SYS>>\n", False), Part(system, False, "system"), Part("\n<</SYS>>\n\n", False)]
                system = ""
            parts += [_said(message), Part(" [/INST]", False)]
        elif message.role == "assistant":
            parts += [Part(" ", False), _said(message), Part(" ", False), Part("</s>", True)]
    return parts


def _mistral(messages: Sequence[Message], reply: bool) -> list[Part]:
    """Version 3 of Mistral's format: `[INST]` and `[/INST]` are control tokens; a system text joins the last user's."""
    system = messages[0].content if messages[0].role == "system" else ""
    last = max(place for place, message in enumerate(messages) if message.role == "user")
    parts = [Part("<s>", True)]
    for place, message in enumerate(messages):
        if message.role == "user":
            before = [Part(system, False, "system"), Part("\n\n", False)] if system and place == last else []
            parts += [Part("[INST]", True), Part(" ", False), *before, _said(message), Part("[/INST]", True)]
        elif message.role == "assistant":
            parts += [Part(" ", False), _said(message), Part("</s>", True)]
    return parts


def _gemma(messages: Sequence[Message], reply: bool) -> list[Part]:
    """Gemma has no system role: its text joins the first user's; the assistant is called `model`."""
    system = messages[0].content if messages[0].role == "system" else ""
    parts = [Part("<bos>", True)]
    for message in messages:
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        before = [Part(system, False, "system"), Part("\n\n", False)] if system else []
        system = ""
        parts += [Part("<start_of_turn>", True), Part(f"{role}\n", False), *before, _said(message)]
        parts += [Part("<end_of_turn>", True), Part("\n", False)]
    return [*parts, *([Part("<start_of_turn>", True), Part("model\n", False)] if reply else [])]


def _said(message: Message) -> Part:
    return Part(message.content, False, message.role)


_RENDER = {"chatml": _chatml, "llama3": _llama3, "llama2": _llama2, "mistral": _mistral, "gemma": _gemma}


def tokenize(parts: Sequence[Part], tokenizer: Loaded) -> Tokenized:
    """Encode part by part: only the template's own control parts become control tokens."""
    pieces: list[Piece] = []
    spelt: list[str] = []
    place = 0
    for part in parts:
        if part.control and part.text in tokenizer.special:
            number = tokenizer.special[part.text]
            pieces.append(Piece(number, part.text, place, place + len(part.text), special=True))
        else:
            if part.control and part.text not in spelt:
                spelt.append(part.text)
            found = tokenizer.encode(part.text)
            pieces += [piece._replace(start=piece.start + place, end=piece.end + place) for piece in found]
        place += len(part.text)
    return Tokenized(pieces, spelt)


def smuggled(parts: Sequence[Part], tokenizer: Loaded) -> list[str]:
    """Return the control tokens that somebody's text spells, in order."""
    found: list[str] = []
    for part in parts:
        if part.role and not part.control:
            found += [piece.text for piece in tokenizer.encode(part.text, inert=False) if piece.special]
    return found
