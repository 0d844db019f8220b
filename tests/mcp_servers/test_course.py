"""The course as its users meet it: notes that hold their promise, questions that find their passage, lessons."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from evals.suite import Case
from evals.suites.course_questions.suite import suite
from lyceum.errors import OperatorError
from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.course.meaning import FILE, Meaning, fingerprint, lines
from mcp_servers.course.notes import FOLDER, Course
from mcp_servers.course.search import CONFIDENT, Index, leading
from mcp_servers.course.words import terms
from mcp_servers.services import Services
from models.embeddings import MiniLM, default_embedder

NOTES = sorted((FOLDER / "notes").glob("*.md"))


@pytest.fixture(scope="module")
def course() -> Course:
    return Course()


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return suite().cases


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


def test_the_passages_that_the_suite_expects_exist(course: Course, cases: tuple[Case, ...]) -> None:
    known = {section.id for section in course.sections}
    for case in cases:
        gold = case.expected["gold"]
        assert isinstance(gold, list)
        assert set(map(str, gold)) <= known, case.id


def test_the_suite_asks_about_every_note_in_both_splits_and_knows_what_must_be_declined(
    course: Course, cases: tuple[Case, ...]
) -> None:
    for split in ("dev", "heldout"):
        chosen = [case for case in cases if case.split == split]
        golds = [str(gold) for case in chosen for gold in case.expected["gold"]]  # type: ignore[union-attr]
        assert set(course.notes) <= {gold.removeprefix("course:").partition("#")[0] for gold in golds}
        assert sum(not case.expected["gold"] for case in chosen) >= 15


def test_the_lesson_map_points_only_to_passages_terms_and_labs_that_exist(course: Course) -> None:
    readable = {section.id.removeprefix("course:") for section in course.sections} | set(course.notes)
    terms = {entry["term"] for entry in course.glossary}
    lessons = [lesson for module in course.lessons for lesson in module["lessons"]]
    for lesson in lessons:
        assert lesson["read"], lesson["title"]
        assert set(lesson["read"]) <= readable, lesson["title"]
        assert set(lesson["terms"]) <= terms, lesson["title"]
    assert [module["module"] for module in course.lessons] == [f"{n:02}" for n in range(28)]
    assert sorted(lab for lesson in lessons for lab in lesson["labs"]) == [f"L{n:02}" for n in range(1, 79)]
    read = {passage.partition("#")[0] for lesson in lessons for passage in lesson["read"]}
    assert read == set(course.notes), "every note is read somewhere"


def test_the_questions_that_help_search_belong_to_sections_and_are_none_of_the_suite(
    course: Course, cases: tuple[Case, ...]
) -> None:
    written = yaml.safe_load((FOLDER / "questions.yaml").read_text(encoding="utf-8"))
    anchors = {f"course:{note}#{anchor}" for note, sections in written.items() for anchor in sections}
    assert anchors == {section.id for section in course.sections if section.heading}
    asked = {case.input for case in cases}
    assert not asked & {question for section in course.sections for question in section.questions}


def test_the_vectors_that_ship_are_those_of_the_course_as_it_stands(course: Course) -> None:
    texts = [text for _, text in lines(course)]
    with np.load(FILE) as held:
        assert str(held["fingerprint"]) == fingerprint(texts, MiniLM.name), "python -m mcp_servers.course.meaning"
        assert held["vectors"].shape == (len(texts), MiniLM.dimensions)


def test_vectors_of_another_course_are_refused(tmp_path: Path, course: Course) -> None:
    np.savez(tmp_path / "old.npz", vectors=np.zeros((1, 384)), fingerprint=np.array("another"))
    with pytest.raises(OperatorError, match="out of date"):
        Meaning(course, default_embedder(), tmp_path / "old.npz")


@pytest.mark.parametrize(("by_meaning", "right", "invented"), [(False, 112, 14), (True, 130, 8)])
def test_search_finds_the_passage_and_knows_when_there_is_none(
    course: Course, cases: tuple[Case, ...], by_meaning: bool, right: int, invented: int
) -> None:
    index = Index(course, Meaning(course, default_embedder()) if by_meaning else None)
    found = answered = 0
    for case in (case for case in cases if case.split == "dev"):
        gold = set(map(str, case.expected["gold"]))  # type: ignore[arg-type]
        hits = index.search(case.input, 2)
        sure = max((hit.confidence for hit in hits), default=0.0) >= CONFIDENT
        found += sure and bool(gold & {hit.section.id for hit in hits[: leading(hits)]})
        answered += sure and not gold
    assert found >= right
    assert answered <= invented


def test_a_question_without_any_word_of_the_course_finds_nothing(course: Course) -> None:
    assert not Index(course).search("zzz qqq", 5)
    assert not Index(course).search("???", 5)


def test_a_question_that_names_no_subject_is_not_answered(course: Course) -> None:
    assert all(hit.confidence < CONFIDENT for hit in Index(course).search("How does it really work?", 5))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("quantization", "quantizing quantized"),
        ("fine-tuning", "finetuning finetuned"),
        ("min-p", "min_p"),
        ("embeddings", "embedding embedded"),
    ],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert set(terms(one)) >= set(terms(other))


async def called(home: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(make("course", Settings(home=home), Services(home))) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def test_a_search_says_how_many_passages_lead_and_what_they_answer(tmp_path: Path) -> None:
    found = await called(tmp_path, "course_search", query="How does HNSW search a graph of vectors?")
    assert found["confident"]
    assert found["sources"][0]["id"] == "course:vector-search#hnsw"
    assert 1 <= found["leading"] <= len(found["sources"])
    assert found["questions"]["course:vector-search#hnsw"]


async def test_words_alone_answer_where_the_embedder_cannot_be_had(tmp_path: Path) -> None:
    class Broken(Services):
        @cached_property
        def embedder(self) -> Any:
            raise OperatorError("The weights are gone.", next_step="Reinstall.")

    async with Client(make("course", Settings(home=tmp_path), Broken(tmp_path))) as client:
        result = await client.call_tool("course_search", {"query": "What is grouped-query attention?"})
    found: dict[str, Any] = result.structured_content or {}
    assert found["confident"]
    assert found["sources"][0]["id"] == "course:attention#grouped-query-attention"


@pytest.mark.parametrize(
    ("query", "module", "lesson"),
    [
        ("8", "08", "The KV cache"),
        ("module 22", "22", "Teams and durable workflows"),
        ("L12", "06", "Objectives and scaling laws"),
        ("speculative decoding", "08", "Speculative decoding"),
        ("how do I fine-tune with LoRA", "14", "LoRA and QLoRA"),
    ],
)
async def test_lessons_are_found_by_module_lab_and_topic(tmp_path: Path, query: str, module: str, lesson: str) -> None:
    found = (await called(tmp_path, "course_lessons", query=query))["modules"]
    titles = {each["module"]: [one["title"] for one in each["lessons"]] for each in found}
    assert lesson in titles[module]
    assert len(titles) <= 3


async def test_all_lessons_are_listed_in_order_and_an_unknown_topic_has_none(tmp_path: Path) -> None:
    every = (await called(tmp_path, "course_lessons"))["modules"]
    assert [module["module"] for module in every] == sorted(module["module"] for module in every)
    assert (await called(tmp_path, "course_lessons", query="gardening"))["modules"] == []


async def test_a_note_opens_whole_or_by_section_and_a_wrong_id_names_the_nearest(tmp_path: Path) -> None:
    note = await called(tmp_path, "course_read", id="course:rag")
    assert len(note["sources"]) > 8
    section = await called(tmp_path, "course_read", id="rag#chunking")
    assert [source["id"] for source in section["sources"]] == ["course:rag#chunking"]
    async with Client(make("course", Settings(home=tmp_path), Services(tmp_path))) as client:
        wrong = await client.call_tool("course_read", {"id": "course:rag#chunkin"})
    assert wrong.is_error
    assert "course:rag#chunking" in wrong.content[0].text  # type: ignore[union-attr]


async def test_notes_are_resources_whose_names_are_suggested() -> None:
    async with Client(make("course", Settings(), Services(Path("unused")))) as client:
        index = (await client.read_resource("course://notes")).contents[0]
        assert "(course://notes/lora)" in index.text  # type: ignore[union-attr]
        note = (await client.read_resource("course://notes/lora")).contents[0]
        assert note.mime_type == "text/markdown"
        assert note.text.startswith("# ")  # type: ignore[union-attr]
        template = ResourceTemplateReference(uri="course://notes/{note}")
        suggested = await client.complete(template, {"name": "note", "value": "lo"})
        assert suggested.completion.values[0].startswith("lo")
        assert "lora" in suggested.completion.values
        terms = await client.complete(PromptReference(name="course_explain"), {"name": "term", "value": "quant"})
        assert terms.completion.values[0].lower().startswith("quant")
        with pytest.raises(MCPError, match=r"no note 'lorra'.*lora"):
            await client.read_resource("course://notes/lorra")
