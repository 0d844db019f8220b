"""Filters, context, tables, several questions, near copies, other scripts: what a search may be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from lyceum.errors import ModelRetry
from mcp_servers.retrieval.filters import parsed
from mcp_servers.retrieval.questions import parts, rewritten
from models.analysis import asked, bag, words

NOTES = {
    "north.md": "---\nauthor: Ann Reef\ndate: 2024-03-01\n---\n\n# Harbour\n\n## Depth\n\n"
    "The harbour is nine metres deep.\n\n"
    "## Fees\n\nMooring costs twelve euros a night.\n\n| length | fee |\n| --- | --- |\n| 10 m | 12 |\n| 20 m | 30 |\n",
    "south.md": "---\nauthor: Bo Lund\ndate: 2021-07-09\n---\n\n# Harbour\n\n## Depth\n\n"
    "The harbour is four metres deep.\n",
}


@pytest.fixture
async def harbours(call: Any, tmp_path: Path) -> Any:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in NOTES.items():
        (folder / name).write_text(text)
    await call("ingest", path=str(folder))
    return call


@pytest.mark.parametrize(
    ("conditions", "documents"),
    [
        (["author=bo lund"], {"south.md"}),
        (["author!=Bo Lund"], {"north.md"}),
        (["date>=2022-01-01"], {"north.md"}),
        (["name~s*.md"], {"south.md"}),
        (["kind=table"], {"north.md"}),
        (["heading~fees", "author~reef"], {"north.md"}),
        (["author=nobody"], set()),
    ],
)
async def test_only_what_all_conditions_let_through_is_found(
    harbours: Any, conditions: list[str], documents: set[str]
) -> None:
    found = await harbours(
        "search", query="How deep is the harbour and what are the fees?", filters=conditions, limit=20
    )
    assert {source["title"] for source in found["sources"]} == documents


async def test_a_wrong_condition_says_which_fields_there_are(harbours: Any) -> None:
    assert "'author'" in (await harbours("search", query="depth", filters=["autor=Ann"]))["error"]
    assert "operator" in (await harbours("search", query="depth", filters=["Ann Reef"]))["error"]
    assert (await harbours("list", collection="default"))["fields"]["author"] == ["Ann Reef", "Bo Lund"]


async def test_a_table_comes_with_its_columns_and_rows(harbours: Any) -> None:
    found = await harbours("search", query="mooring fee by length", filters=["kind=table"])
    assert found["hits"][0]["columns"] == ["length", "fee"]
    assert found["hits"][0]["rows"] == [["10 m", "12"], ["20 m", "30"]]


async def test_context_adds_what_stands_around_and_leaves_the_cited_passage_exact(harbours: Any) -> None:
    asked_for = {"query": "What does mooring cost a night?", "limit": 1}
    plain = await harbours("search", **asked_for)
    around = await harbours("search", expand="neighbours", **asked_for)
    section = await harbours("search", expand="section", **asked_for)
    assert plain["sources"] == around["sources"] == section["sources"]
    assert "nine metres" in around["hits"][0]["context"]
    assert "20 m" in section["hits"][0]["context"]
    assert "nine metres" not in section["hits"][0]["context"]


async def test_a_question_of_two_parts_finds_a_passage_for_each(harbours: Any) -> None:
    found = await harbours("search", query="How deep is it, and what does mooring cost?", rewrite="rules", limit=3)
    assert found["questions"][1:] == ["How deep is it", "what does mooring cost?"]
    texts = " ".join(source["text"] for source in found["sources"])
    assert "metres deep" in texts
    assert "twelve euros" in texts


async def test_near_copies_are_shown_once_and_named(call: Any, tmp_path: Path) -> None:
    text = "# Rules\n\n" + " ".join(
        f"Rule {n} says that boat {n + 100} must keep clear of pier {n + 200}." for n in range(12)
    )
    for name, changed in (
        ("one.md", text),
        ("two.md", text.replace("clear", "away")),
        ("other.md", "# Rules\n\nBoats."),
    ):
        (tmp_path / name).write_text(changed)
        await call("ingest", path=str(tmp_path / name))
    found = await call("search", query="Which boat must keep clear of pier 207?", limit=20)
    assert [source["title"] for source in found["sources"]] == ["one.md", "other.md"]
    assert found["hits"][0]["also"] == ["two.md"]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("図書館は午前九時に開きます。", "図書館はいつ開きますか"),
        ("博物馆星期一不开放。", "博物馆星期几不开放？"),
        ("도서관은 아홉 시에 엽니다.", "도서관이 언제 엽니까?"),
        ("ห้องสมุดเปิดเวลาเก้าโมงเช้า", "ห้องสมุดเปิดกี่โมง"),
        ("पुस्तकालय सुबह नौ बजे खुलता है।", "पुस्तकालय कब खुलता है?"),
        ("Библиотека открывается в девять часов.", "Когда открывается библиотека?"),
        ("تفتح المكتبة في الساعة التاسعة.", "متى تفتح المكتبة؟"),
        ("Die Bücherei öffnet um neun Uhr.", "Wann offnet die Bucherei?"),
    ],
)
async def test_words_of_other_scripts_are_found(call: Any, tmp_path: Path, text: str, question: str) -> None:
    (tmp_path / "other.md").write_text(
        "# Other\n\nNothing of this has to do with what is asked.\n\n## 雑\n\n天気は晴れです。\n"
    )
    (tmp_path / "it.md").write_text(text)
    for name in ("other.md", "it.md"):
        await call("ingest", path=str(tmp_path / name))
    assert (await call("search", query=question, limit=1))["sources"][0]["text"] == text


@given(st.text(max_size=300))
def test_every_text_has_words_and_asks_for_some_of_them(text: str) -> None:
    found = words(text)
    assert all(word and not word.isspace() for word in found)
    assert sum(bag(text).values()) == len(found)
    assert set(asked(text)) <= set(bag(text))
    assert bool(asked(text)) == bool(found)


@given(st.text(max_size=80))
def test_a_condition_is_read_or_refused_with_a_next_step(text: str) -> None:
    try:
        read = parsed([text], {"author"})
    except ModelRetry as refused:
        read = [refused]
    assert all(getattr(each, "next_step", "") or getattr(each, "value", "") for each in read)


def test_rules_split_and_compare_and_leave_a_plain_question_alone() -> None:
    assert parts("Compare BM25 with dense retrieval in terms of speed")[1:] == ("BM25 speed", "dense retrieval speed")
    assert parts("What is salt and pepper made of?") == ("What is salt and pepper made of?",)
    both = ("who won the cup?", "Where is the stadium?")
    assert parts("Can you tell me who won the cup? Where is the stadium?")[1:] == both
    assert parts("Who won the cup? When was it?") == ("Who won the cup? When was it?",)


async def test_a_model_rephrases_and_imagines_and_its_failure_costs_only_that() -> None:
    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        del info
        text = str(messages[-1].parts[0].content)  # type: ignore[union-attr]
        lines = "1. harbour depth\n- water level at the quay" if "queries" in text else "The quay is nine metres deep."
        return ModelResponse(parts=[TextPart(lines)])

    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise RuntimeError("sk-secret")

    question = "How deep is it, and what does it cost?"
    rephrased = await rewritten(question, "model", lambda: FunctionModel(answer))
    assert rephrased.questions == (question, "harbour depth", "water level at the quay")
    imagined = await rewritten(question, "hyde", lambda: FunctionModel(answer))
    assert imagined.questions == (question,)
    assert "nine metres" in imagined.meant
    for without in (lambda: None, lambda: FunctionModel(fail)):
        ruled = await rewritten(question, "hyde", without)
        assert len(ruled.questions) == 3
        assert "by rules" in ruled.note
        assert "secret" not in ruled.note
