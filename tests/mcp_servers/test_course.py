"""The course as its users meet it: notes that hold their promise, questions that find their passage, lessons."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.suites.course_questions.suite import suite
from mcp_servers.course.notes import FOLDER, Course

NOTES = sorted((FOLDER / "notes").glob("*.md"))


@pytest.fixture(scope="module")
def course() -> Course:
    return Course()


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.stem)
def test_every_note_explains_at_length_and_names_its_sources(note: Path, course: Course) -> None:
    text = note.read_text(encoding="utf-8")
    assert len(text.split()) >= 600
    assert "\n## Sources\n" in text
    assert len(course.notes[note.stem]) >= 8
    assert all(len(section.text.split()) >= 40 for section in course.notes[note.stem])


def test_citation_ids_are_unique(course: Course) -> None:
    ids = [section.id for section in course.sections]
    assert len(ids) == len(set(ids))


def test_every_term_of_the_glossary_points_to_a_note_and_to_other_terms_that_exist(course: Course) -> None:
    terms = {entry["term"] for entry in course.glossary}
    assert len(terms) >= 150
    for entry in course.glossary:
        assert entry["note"] in course.notes, entry["term"]
        assert set(entry["see"]) <= terms, entry["term"]


def test_the_passages_that_the_suite_expects_exist(course: Course) -> None:
    known = {section.id for section in course.sections}
    for case in suite().cases:
        gold = case.expected["gold"]
        assert isinstance(gold, list)
        assert set(map(str, gold)) <= known, case.id


def test_the_suite_asks_about_every_note_in_both_splits_and_knows_what_must_be_declined(course: Course) -> None:
    for split in ("dev", "heldout"):
        cases = [case for case in suite().cases if case.split == split]
        golds = [str(gold) for case in cases for gold in case.expected["gold"]]  # type: ignore[union-attr]
        assert set(course.notes) <= {gold.removeprefix("course:").partition("#")[0] for gold in golds}
        assert sum(not case.expected["gold"] for case in cases) >= 15
