"""What a role's offline skill sees and may answer: the engine knows tools and schemas, the role knows its output."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from lyceum.sources import Source

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")

# Function words carry no topic; a question is matched by what is left.
FUNCTION_WORDS = frozenset(
    """
    a about all also am an and any are as at be been being but by can could did do does doing for from had has
    have how i if in into is it its just me more most much my no not of on or our please should so some such
    tell than that the their them then there these they this those to us use used using was we were what when
    where which while who whom whose why will with would you your give explain describe show work works mean
    means between compare
    """.split()
)


@dataclass(frozen=True)
class Call:
    """A tool call that a skill wants made; `votes`: how many samples of a language model asked for it."""

    tool: str
    arguments: dict[str, Any]
    votes: int = 1


@dataclass(frozen=True)
class Result:
    """A tool call that was made: `content` is the tool's structured answer, or its error text when not `ok`.

    `step`: which of the turn's model responses asked for it, from 0.
    """

    tool: str
    content: Any
    ok: bool = True
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    votes: int = 1
    step: int = 0

    @property
    def sources(self) -> list[Source]:
        held = cast("dict[str, Any]", self.content) if isinstance(self.content, dict) else {}
        found = cast("list[Any]", held.get("sources", []))
        return [Source.model_validate(source) for source in found]


@dataclass(frozen=True)
class Turn:
    """One moment of an agent's work: the request, the tools there are and the results so far.

    `definitions` describe the tools, for the roles that do not know theirs beforehand.
    """

    request: str
    tools: frozenset[str] = frozenset()
    results: Sequence[Result] = field(default_factory=list[Result])
    definitions: Sequence[ToolDefinition] = field(default=(), repr=False, compare=False)

    def of(self, tool: str) -> list[Result]:
        return [result for result in self.results if result.tool == tool]

    @property
    def sources(self) -> list[Source]:
        return [source for result in self.results for source in result.sources]


Skill = Callable[[Turn], Sequence[Call] | BaseModel]


def content_words(text: str) -> list[str]:
    """Return the lower-case words of a text that carry its topic, in order, plural endings cut."""
    words = [word.lower() for word in _WORD.findall(text)]
    return [_singular(word) for word in words if word not in FUNCTION_WORDS and len(word) > 1]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def field_of(request: str, name: str) -> str:
    """Return the value of a `Name: value` line that a flow put above the question, or an empty string."""
    found = re.search(rf"^{re.escape(name)}: (.*)$", request, re.MULTILINE)
    return found.group(1).strip() if found else ""


def question_of(request: str) -> str:
    """Return the question without the `Name: value` lines above it (they end at the first blank line)."""
    head, blank, rest = request.partition("\n\n")
    lines = head.splitlines()
    return rest.strip() if blank and all(re.match(r"[A-Z][\w ]*: ", line) for line in lines) else request.strip()
