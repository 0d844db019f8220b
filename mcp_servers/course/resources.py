"""The course's notes as resources, and a prompt that has a term explained from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import UserMessage
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from pydantic import Field

from lyceum.errors import nearest
from mcp_servers.server import ToolServer

if TYPE_CHECKING:
    from mcp_servers.course.notes import Course

INDEX = "course://notes"
NOTE = "course://notes/{note}"
MARKDOWN = "text/markdown"

_EXPLAIN = """Explain {term} to somebody who is new to it, in at most ten sentences. Look it up with course_glossary and
course_search first, say only what the passages say, and end each sentence with the id of its passage."""


def add_notes(server: ToolServer, course: Callable[[], Course]) -> None:
    """Serve each note under its name, with the names suggested while they are typed."""

    @server.resource(INDEX, name="notes", title="Notes", description="The notes of the course.", mime_type=MARKDOWN)
    def index() -> str:  # pyright: ignore[reportUnusedFunction]
        notes = course().notes
        lines = [f"- [{sections[0].title}]({INDEX}/{name})" for name, sections in notes.items() if sections]
        return "\n".join(["# Notes", "", *lines]) + "\n"

    @server.resource(NOTE, name="note", title="A note", description="One note of the course.", mime_type=MARKDOWN)
    def read(note: str) -> str:  # pyright: ignore[reportUnusedFunction]
        sections = course().notes.get(note)
        if not sections:
            raise ResourceNotFoundError(f"There is no note {note!r}. {nearest(note, course().notes, what='notes')}")
        return (
            "\n\n".join([f"# {sections[0].title}", *(f"## {each.heading}\n\n{each.text}" for each in sections)]) + "\n"
        )

    @server.complete(NOTE, "note")
    async def notes(typed: str) -> Sequence[str]:  # pyright: ignore[reportUnusedFunction]
        return _fitting(typed, list(course().notes))

    @server.prompt(title="Explain a term", description="Have a term explained from the course, with citations.")
    def course_explain(term: Annotated[str, Field(description="A term or a topic.")]) -> list[UserMessage]:
        return [UserMessage(_EXPLAIN.format(term=term))]

    @server.complete("course_explain", "term")
    async def terms(typed: str) -> Sequence[str]:  # pyright: ignore[reportUnusedFunction]
        return _fitting(typed, [str(entry["term"]) for entry in course().glossary])


def _fitting(typed: str, known: Sequence[str]) -> list[str]:
    """Return what begins with what was typed, then what contains it."""
    wanted = typed.strip().lower()
    found = [name for name in known if wanted in name.lower()]
    return sorted(found, key=lambda name: (not name.lower().startswith(wanted), name.lower()))
