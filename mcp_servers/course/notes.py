"""The course as sections with stable ids: notes, glossary and the lesson map, read from the files of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from lyceum.sources import Source

FOLDER = Path(__file__).parent
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Section:
    """One citable piece of the course: `text` is exactly what stands in the file.

    `names` are what it is called (a heading, or a term and its aliases); `questions` are ways to ask for it, which help
    search and are never shown.
    """

    id: str
    title: str
    heading: str
    text: str
    names: tuple[str, ...]
    questions: tuple[str, ...] = ()

    def source(self) -> Source:
        locator = f"heading {self.heading}" if self.heading else "glossary"
        return Source(id=self.id, kind="passage", title=self.title, uri=self.id, locator=locator, text=self.text)


def slug(heading: str) -> str:
    return _SLUG.sub("-", heading.lower()).strip("-")


class Course:
    """Notes, glossary and lesson map read from a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        questions: dict[str, dict[str, list[str]]] = _yaml(folder / "questions.yaml")
        self.notes = {
            path.stem: list(_sections(path, questions.get(path.stem, {})))
            for path in sorted((folder / "notes").glob("*.md"))
        }
        self.glossary: list[dict[str, Any]] = _yaml(folder / "glossary.yaml")
        self.lessons: list[dict[str, Any]] = _yaml(folder / "lessons.yaml")
        self.sections = [section for sections in self.notes.values() for section in sections]
        self.sections += [_glossary_section(entry) for entry in self.glossary]

    def section(self, section_id: str) -> Section | None:
        return next((section for section in self.sections if section.id == section_id), None)


def _sections(path: Path, questions: dict[str, list[str]]) -> Iterator[Section]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    title = str(cast("dict[str, Any]", yaml.safe_load(front))["title"])
    for part in re.split(r"^## ", body, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        heading = heading.strip()
        if heading.lower() != "sources":
            anchor = slug(heading)
            asks = tuple(questions.get(anchor, ()))
            yield Section(f"course:{path.stem}#{anchor}", title, heading, text.strip(), (heading,), asks)


def _glossary_section(entry: dict[str, Any]) -> Section:
    names = (str(entry["term"]), *names_of(entry, "aliases"))
    text = str(entry["definition"]).strip()
    return Section(f"course:glossary#{slug(names[0])}", " / ".join(names), "", text, names)


def names_of(entry: dict[str, Any], key: str) -> list[str]:
    """Return a list field of a glossary or lesson record as strings; a missing field is an empty list."""
    return [str(name) for name in cast("list[Any]", entry.get(key) or [])]


def _yaml(path: Path) -> Any:
    # The C loader reads the same YAML ten times faster: 1,600 lines of glossary are on the way to the first answer.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader either way
