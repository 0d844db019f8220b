"""The course tools: search, read, define, and find a lesson."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, nearest
from lyceum.settings import Settings
from lyceum.sources import Source
from mcp_servers.server import ToolServer
from mcp_servers.services import Services


class Found(BaseModel):
    """Passages, best first; `confident` is false when none of them carries what was asked."""

    confident: bool
    confidence: float = Field(description="Share of the question's information that the best passage carries, 0 to 1.")
    sources: list[Source]


class Entry(BaseModel):
    term: str
    definition: str
    see: list[str]
    sources: list[Source]


class Lesson(BaseModel):
    module: str
    title: str
    part: str
    summary: str
    lessons: list[str]
    notes: list[str]
    labs: list[str]


class Lessons(BaseModel):
    modules: list[Lesson]


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings, services
    server = ToolServer("course", instructions="Notes on language models and agents: search first, then cite the ids.")

    @server.expose(title="Search the course", effect="read")
    async def course_search(
        query: Annotated[str, Field(description="The question, in the user's words.", min_length=1, max_length=2000)],
        limit: Annotated[int, Field(description="How many passages to return.", ge=1, le=20)] = 5,
    ) -> Found:
        """Find course passages that answer a question about language models, retrieval, agents, training, serving,
        evaluation or safety. Returns exact passages with ids to cite; `confident` false means: not covered.
        """
        from mcp_servers.course.notes import CONFIDENT

        hits = _course().search(query, limit)
        best = max((hit.confidence for hit in hits[:2]), default=0.0)
        return Found(
            confident=best >= CONFIDENT, confidence=round(best, 3), sources=[hit.section.source() for hit in hits]
        )

    @server.expose(title="Read a note", effect="read")
    async def course_read(
        id: Annotated[  # noqa: A002
            str, Field(description="A note (course:lora) or a section (course:lora#rank-and-alpha).", max_length=200)
        ],
    ) -> Found:
        """Open a whole note or one section by its citation id."""
        course = _course()
        note, _, heading = id.removeprefix("course:").partition("#")
        section = course.section(id)
        sections = [section] if section else [] if heading else course.notes.get(note, [])
        if not sections:
            ids = [known.id for known in course.sections] if heading else [f"course:{name}" for name in course.notes]
            raise ModelRetry(f"There is no passage {id!r}.", next_step=nearest(id, ids, what="notes")[:600])
        return Found(confident=True, confidence=1.0, sources=[section.source() for section in sections])

    @server.expose(title="Define a term", effect="read")
    async def course_glossary(
        term: Annotated[str, Field(description="A term or acronym, e.g. GQA.", min_length=1, max_length=200)],
    ) -> Entry:
        """Define one term of the course in a sentence or two."""
        from mcp_servers.course.notes import names_of, slug

        course = _course()
        names = {
            name.lower(): entry
            for entry in course.glossary
            for name in [str(entry["term"]), *names_of(entry, "aliases")]
        }
        entry = names.get(term.strip().lower())
        if entry is None:
            close = difflib.get_close_matches(term.lower(), list(names), n=5, cutoff=0.4)
            raise ModelRetry(
                f"The glossary has no {term!r}.", next_step=f"Nearest terms: {', '.join(close) or 'none'}."
            )
        section = course.section(f"course:glossary#{slug(str(entry['term']))}")
        return Entry(
            term=str(entry["term"]),
            definition=str(entry["definition"]).strip(),
            see=names_of(entry, "see"),
            sources=[section.source()] if section else [],
        )

    @server.expose(title="Find lessons", effect="read")
    async def course_lessons(
        query: Annotated[
            str, Field(description="A module number (05), a lab (L12) or topic words.", max_length=200)
        ] = "",
    ) -> Lessons:
        """Find the modules of the course that cover a topic: lessons, notes that help, labs. Empty for all."""
        from mcp_servers.course.notes import names_of
        from models.offline.skill import content_words

        wanted = set(content_words(query)) | {query.strip().lower()}
        found: list[Lesson] = []
        for record in _course().lessons:
            lesson = Lesson(
                module=str(record["module"]),
                title=str(record["title"]),
                part=str(record.get("part", "")),
                summary=str(record.get("summary", "")),
                lessons=names_of(record, "lessons"),
                notes=names_of(record, "notes"),
                labs=names_of(record, "labs"),
            )
            words = set(content_words(f"{lesson.title} {lesson.summary} {' '.join(lesson.lessons)}"))
            names = {lesson.module.lower(), lesson.module.lower().zfill(2), *(lab.lower() for lab in lesson.labs)}
            if not query.strip() or wanted & (words | names):
                found.append(lesson)
        return Lessons(modules=found)

    return server


@lru_cache(maxsize=1)
def _course():
    from mcp_servers.course.notes import Course

    return Course()
