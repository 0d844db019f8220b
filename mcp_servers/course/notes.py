"""The course as sections with stable ids, and a search over them that knows when it found nothing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from lyceum.sources import Source
from models.offline.skill import content_words

FOLDER = Path(__file__).parent
_SLUG = re.compile(r"[^a-z0-9]+")
K1, B = 1.2, 0.6  # BM25: sections are short and of similar length
TITLE_WEIGHT, HEADING_WEIGHT = 2, 4
GLOSSARY_WEIGHT = 0.4  # a definition is short, so BM25 would put it above the section that explains
CONFIDENT = 0.6  # share of the question's information that the best section must carry


@dataclass(frozen=True)
class Section:
    """One citable piece of the course: `text` is exactly what stands in the file."""

    id: str
    title: str
    heading: str
    text: str
    words: Counter[str] = field(compare=False, default_factory=Counter[str])

    def source(self) -> Source:
        locator = f"heading {self.heading}" if self.heading else "glossary"
        return Source(id=self.id, kind="passage", title=self.title, uri=self.id, locator=locator, text=self.text)


@dataclass(frozen=True)
class Hit:
    section: Section
    score: float
    confidence: float


def slug(heading: str) -> str:
    return _SLUG.sub("-", heading.lower()).strip("-")


class Course:
    """Notes, glossary and lesson map read from a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.notes: dict[str, list[Section]] = {}
        for path in sorted((folder / "notes").glob("*.md")):
            self.notes[path.stem] = list(_sections(path))
        self.glossary = _records(folder / "glossary.yaml")
        self.lessons = _records(folder / "lessons.yaml")
        self._aliases = _aliases(self.glossary)
        self.sections = [section for sections in self.notes.values() for section in sections]
        self.sections += [_glossary_section(entry) for entry in self.glossary]
        for section in self.sections:
            section.words.update(self._weighted(section))
        self._length = sum(sum(section.words.values()) for section in self.sections) / max(1, len(self.sections))
        counts = Counter(word for section in self.sections for word in section.words)
        total = len(self.sections)
        self._idf = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in counts.items()}
        self._unknown = math.log(1 + total / 0.5)

    def section(self, section_id: str) -> Section | None:
        return next((section for section in self.sections if section.id == section_id), None)

    def search(self, query: str, limit: int) -> list[Hit]:
        """Rank sections by BM25 over weighted title, heading and text; acronyms and their expansions count as one."""
        wanted = list(dict.fromkeys(self._expanded(content_words(query))))
        asked = content_words(query)
        weight = sum(self._idf.get(word, self._unknown) for word in asked) or 1.0
        hits: list[Hit] = []
        for section in self.sections:
            score = sum(self._gain(section, word) for word in wanted) * (1.0 if section.heading else GLOSSARY_WEIGHT)
            if score <= 0:
                continue
            held = sum(self._idf.get(word, 0.0) for word in asked if self._holds(section, word))
            hits.append(Hit(section, score, held / weight))
        return sorted(hits, key=lambda hit: (-hit.score, hit.section.id))[:limit]

    def _gain(self, section: Section, word: str) -> float:
        count = section.words.get(word, 0)
        if not count:
            return 0.0
        length = sum(section.words.values()) / self._length
        return self._idf[word] * count * (K1 + 1) / (count + K1 * (1 - B + B * length))

    def _holds(self, section: Section, word: str) -> bool:
        return word in section.words or any(other in section.words for other in self._aliases.get(word, ()))

    def _expanded(self, words: Sequence[str]) -> list[str]:
        return [other for word in words for other in (word, *self._aliases.get(word, ()))]

    def _weighted(self, section: Section) -> list[str]:
        body = content_words(section.text)
        heading = content_words(section.heading or section.title)
        return body + heading * HEADING_WEIGHT + content_words(section.title) * TITLE_WEIGHT


def _sections(path: Path):
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    title = str(cast("dict[str, Any]", yaml.safe_load(front))["title"])
    for part in re.split(r"^## ", body, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        if heading.strip().lower() != "sources":
            yield Section(f"course:{path.stem}#{slug(heading)}", title, heading.strip(), text.strip())


def _glossary_section(entry: dict[str, Any]) -> Section:
    names = " / ".join([str(entry["term"]), *names_of(entry, "aliases")])
    return Section(f"course:glossary#{slug(str(entry['term']))}", names, "", str(entry["definition"]).strip())


def names_of(entry: dict[str, Any], key: str) -> list[str]:
    """Return a list field of a glossary or lesson record as strings; a missing field is an empty list."""
    return [str(name) for name in cast("list[Any]", entry.get(key) or [])]


def _records(path: Path) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", yaml.safe_load(path.read_text(encoding="utf-8"))) if path.exists() else []


def _aliases(glossary: Sequence[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Map a one-word name (an acronym, mostly) to the words of the other names of the same term, and back."""
    known: dict[str, tuple[str, ...]] = {}
    for entry in glossary:
        names = [content_words(name) for name in [str(entry["term"]), *names_of(entry, "aliases")]]
        for name in names:
            if len(name) == 1:
                others = [word for other in names if other != name for word in other]
                known[name[0]] = tuple(dict.fromkeys(others))
    return known
