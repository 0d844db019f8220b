"""Changes as a model writes them: a text that must occur exactly once and what replaces it."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from mcp_servers.workspace.text import Text

_NAMED = 6  # places


class Edit(BaseModel):
    """Replace `old`, which must occur exactly once in the file, by `new`; an empty `old` makes a new file."""

    path: str = Field(description="Path of the file, relative to the workspace.", max_length=1024)
    old: str = Field(description="The text to replace, exactly as it is; empty for a new file.", max_length=200_000)
    new: str = Field(description="What stands there afterwards.", max_length=200_000)


def replace_once(text: Text, edit: Edit) -> Text:
    """Apply an edit to a file's text; raises ModelRetry that says how often, and where, `old` occurs."""
    old = edit.old.replace("\r\n", "\n")
    shown = text.text
    places = _occurrences(shown, old)
    if len(places) == 1:
        return text.replaced(places[0], places[0] + len(old), edit.new)
    if places:
        lines = ", ".join(str(shown.count("\n", 0, place) + 1) for place in places[:_NAMED])
        raise ModelRetry(
            f"`old` occurs {len(places)} times in {edit.path}, at lines {lines}.",
            next_step="Send more of the lines around the one you mean.",
        )
    raise ModelRetry(f"`old` does not occur in {edit.path}.{_nearest(shown, old)}", next_step="Copy it exactly.")


def _occurrences(text: str, wanted: str) -> list[int]:
    places: list[int] = []
    place = text.find(wanted)
    while place >= 0:
        places.append(place)
        place = text.find(wanted, place + 1)
    return places


def _nearest(text: str, wanted: str) -> str:
    """Show the line of the file that is most like the first line that was looked for."""
    first = next((line for line in wanted.split("\n") if line.strip()), "")
    lines = text.split("\n")[:20_000]
    stripped = [number for number, line in enumerate(lines, 1) if line.strip() == first.strip()]
    if stripped:
        return f" Line {stripped[0]} has its first line; white space or what follows differs."
    close = difflib.get_close_matches(first, lines[:5000], n=1, cutoff=0.7)
    return f" The nearest is line {lines.index(close[0]) + 1}: {close[0][:200]!r}." if close else ""
