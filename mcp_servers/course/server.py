"""The course tools: search, read, define, and find a lesson."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from lyceum.errors import LyceumError, ModelRetry, nearest
from lyceum.settings import Settings
from lyceum.sources import Source
from mcp_servers.course.resources import add_notes
from mcp_servers.selecting import Records
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

if TYPE_CHECKING:
    from mcp_servers.course.notes import Course, Section
    from mcp_servers.course.search import Index
    from models.embeddings import Embedder


class Found(BaseModel):
    """Passages, best first; `confident` is false when none of them carries what was asked."""

    confident: bool
    confidence: float = Field(description="Share of the question's information that the best passage carries, 0 to 1.")
    leading: int = Field(description="How many of the first sources are about as good as the best.")
    questions: dict[str, list[str]] = Field(description="By source id: questions that the leading sources answer.")
    sources: list[Source]


class Entry(BaseModel):
    term: str
    definition: str
    see: list[str]
    sources: list[Source]


class Lesson(BaseModel):
    title: str
    goal: str = Field(description="What a learner can do afterwards.")
    read: list[str] = Field(description="Notes and sections to read: course_read opens them.")
    terms: list[str] = Field(description="Terms to know: course_glossary defines them.")
    labs: list[str] = Field(description="Numbers of the syllabus's labs to try it in.")


class Module(BaseModel):
    module: str
    part: str
    title: str
    lessons: list[Lesson]


class Lessons(BaseModel):
    modules: list[Module]


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings
    server = ToolServer("course", instructions="Notes on language models and agents: search first, then cite the ids.")

    @server.expose(title="Search the course", effect="read", records=Records("sources"))
    async def course_search(
        query: Annotated[str, Field(description="The question, in the user's words.", min_length=1, max_length=2000)],
        limit: Annotated[int, Field(description="How many passages to return.", ge=1, le=20)] = 5,
    ) -> Found:
        """Search the course notes: find passages that say or answer something about language models, retrieval, agents,
        training, serving, evaluation or safety. Returns exact passages with ids to cite; `confident` false means: not
        covered.
        """
        from mcp_servers.course.search import leading

        hits = _index(services).search(query, limit)
        best = max((hit.confidence for hit in hits[:2]), default=0.0)
        return _found([hit.section for hit in hits], confidence=best, leading=leading(hits))

    @server.expose(title="Read a note", effect="read")
    async def course_read(
        id: Annotated[  # noqa: A002
            str, Field(description="A note (course:lora) or a section (course:lora#rank-and-alpha).", max_length=200)
        ],
    ) -> Found:
        """Open a whole note or one section by its citation id."""
        course = _course()
        name = f"course:{id.removeprefix('course:')}"
        section = course.section(name)
        sections = [section] if section else course.notes.get(name.removeprefix("course:"), [])
        if not sections:
            notes = [f"course:{note}" for note in course.notes]
            ids = [known.id for known in course.sections] if "#" in name else notes
            raise ModelRetry(f"There is no passage {id!r}.", next_step=nearest(name, ids, what="notes")[:600])
        return _found(sections, confidence=1.0, leading=len(sections))

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

    @server.expose(title="Find lessons", effect="read", records=Records("modules"))
    async def course_lessons(
        query: Annotated[
            str, Field(description="A module number (05), a lab (L12) or topic words.", max_length=200)
        ] = "",
    ) -> Lessons:
        """List the modules, lessons and labs that cover a topic: goal, what to read, terms. Empty for all."""
        from mcp_servers.course.lessons import find

        return Lessons(modules=[Module.model_validate(module) for module in find(_course().lessons, query)])

    add_notes(server, _course)
    return server


@lru_cache(maxsize=1)
def _course() -> Course:
    from mcp_servers.course.notes import Course

    return Course()


def _found(sections: Sequence[Section], *, confidence: float, leading: int) -> Found:
    from mcp_servers.course.search import CONFIDENT

    return Found(
        confident=confidence >= CONFIDENT,
        confidence=round(confidence, 3),
        leading=leading,
        questions={section.id: list(section.questions) for section in sections[:leading]},
        sources=[section.source() for section in sections],
    )


def _index(services: Services) -> Index:
    """Return the search by words and by meaning, or by words alone where the embedder cannot be had."""
    try:
        return _by_words_and_meaning(services.embedder)
    except (LyceumError, OSError, ImportError) as error:
        logging.getLogger(__name__).info("The course is searched by words alone: %s", error)
        return _by_words()


@lru_cache(maxsize=1)
def _by_words_and_meaning(embedder: Embedder) -> Index:
    from mcp_servers.course.meaning import Meaning
    from mcp_servers.course.search import Index

    return Index(_course(), Meaning(_course(), embedder))


@lru_cache(maxsize=1)
def _by_words() -> Index:
    from mcp_servers.course.search import Index

    return Index(_course())
