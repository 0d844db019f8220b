"""A corpus that was never seen is read from any shape in which such corpora come, or refused with the shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.memory_corpora import read
from lyceum.errors import UserError

SAID = [("Ana", "I adopted a dog."), ("Ben", "What is its name?"), ("Ana", "She is called Selma.")]
ASKED, ANSWER = "What is Ana's dog called?", "D1:3"


def locomo(folder: Path) -> Path:
    turns = [{"dia_id": f"D1:{n}", "speaker": who, "text": text} for n, (who, text) in enumerate(SAID, 1)]
    conversation: dict[str, Any] = {"session_1": turns, "session_1_date_time": "1:56 pm on 8 May, 2023"}
    asked = [
        {"question": ASKED, "category": 4, "evidence": [ANSWER]},
        {"question": "?", "category": 5, "evidence": []},
    ]
    return written(folder / "l.json", [{"sample_id": "c", "conversation": conversation, "qa": asked}])


def longmemeval(folder: Path) -> Path:
    roles = {"Ana": "user", "Ben": "assistant"}
    said = [{"role": roles[who], "content": text, "has_answer": "Selma" in text} for who, text in SAID]
    row = {
        "question_id": "q", "question_type": "4", "question": ASKED, "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["a", "b"], "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 02:21"],
        "haystack_sessions": [[{"role": "user", "content": "Hi!"}], said], "answer_session_ids": ["b"],
    }  # fmt: skip
    unanswered = row | {"question_id": "q_abs", "haystack_sessions": [[], []], "answer_session_ids": []}
    return written(folder / "m.json", [row, unanswered])


def lmeb(folder: Path, scene: str = "c") -> Path:
    below = folder / "single"
    below.mkdir(parents=True)
    texts = [{"id": f"c_D1:{n}", "title": "", "text": f"{who}: {text}"} for n, (who, text) in enumerate(SAID, 1)]
    other = {"id": "d_D1:1", "title": "", "text": "Selma is a film."}
    lines(folder / "corpus.jsonl", [*texts, other])
    lines(folder / "candidates.jsonl", [{"scene_id": scene, "candidate_doc_ids": [text["id"] for text in texts]}])
    lines(below / "queries.jsonl", [{"id": "c_q1", "text": ASKED}])
    (below / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\nc_q1\tc_{ANSWER}\t1\nc_q1\tc_D1:1\t0\n")
    return folder


def test_each_shape_gives_the_same_turns_and_the_turn_that_answers(tmp_path: Path) -> None:
    for path in (locomo(tmp_path), lmeb(tmp_path / "lmeb")):
        (conversation,) = read(path)
        assert [(turn.speaker, turn.text) for turn in conversation.turns] == SAID
        (question,) = conversation.questions
        (answer,) = question.evidence
        assert next(turn.text for turn in conversation.turns if turn.id == answer) == SAID[2][1]
        assert len({turn.session for turn in conversation.turns}) == 1


def test_longmemeval_s_turns_keep_their_role_their_time_and_the_history_of_their_question(tmp_path: Path) -> None:
    first, unanswered = read(longmemeval(tmp_path))
    assert [(turn.speaker, turn.origin) for turn in first.turns][2:] == [("assistant", "assistant"), ("user", "user")]
    assert f"{first.turns[1].said:%Y-%m-%d %H:%M}" == "2023-05-21 02:21"
    (question,) = first.questions
    assert [turn.text for turn in first.turns if turn.id in question.evidence] == ["She is called Selma."]
    assert not unanswered.questions  # nothing answers it: it is not scored


@pytest.mark.parametrize("text", ["", "[]", "{", '[{"a": 1}]', "plain text", '[{"haystack_sessions": 1}]'])
def test_what_is_no_corpus_is_refused_with_the_shapes_that_are(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=r"(?s)LMEB.*LongMemEval.*LoCoMo"):
        read(tmp_path / "x.json")


def test_a_folder_whose_candidates_belong_to_no_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"candidates.jsonl has nothing for the question c_q1"):
        read(lmeb(tmp_path / "lmeb", scene="elsewhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no queries.jsonl"):
        read(tmp_path / "empty")


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps(rows))
    return path


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
