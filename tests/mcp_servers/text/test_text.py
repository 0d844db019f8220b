"""Text pipelines keep what matters, and better representations make fewer mistakes on unseen messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_servers.text.messages import messages
from tests.mcp_servers.text.conftest import call


@pytest.mark.extra
@pytest.mark.parametrize("engine", ["spacy", "nltk"])
async def test_a_pipeline_keeps_the_stems_of_content_words(tmp_path: Path, engine: str) -> None:
    told = await call(tmp_path, "text_preprocess", text="The cats were running. A cat runs!", engine=engine, n=1)
    assert told["stems"] == ["cat", "run", "cat", "run"]
    assert told["ngrams"] == [["cat", 2], ["run", 2]]
    assert len(told["sentences"]) == 2
    assert told["unavailable"]


@pytest.mark.extra
async def test_embeddings_beat_word_counts_on_messages_in_other_words(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_classify_compare")
    counts, embeddings = told["methods"]
    assert embeddings["accuracy"] > counts["accuracy"] > 1 / len(told["labels"])
    assert len(counts["mistakes"]) == round((1 - counts["accuracy"]) * told["test"])


@pytest.mark.extra
async def test_topics_put_documents_about_the_same_together(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_topics")
    assert len(told["topics"]) == 5
    assert told["purity"] > 0.4, "one in five by chance, about a third by the best of small groups"
    pies = ["The baker sells bread, flour and pies."] * 6
    engines = ["The engine burns diesel and the piston moves."] * 6
    told = await call(tmp_path, "text_topics", text="\n\n".join(pies + engines), topics=2)
    assert sorted(topic["share"] for topic in told["topics"]) == [0.5, 0.5]
    few = await call(tmp_path, "text_topics", text="One.\n\nTwo.")
    assert "2 documents are too few" in few["error"]


def test_no_test_message_was_trained_on_and_the_development_part_is_of_the_training_ones() -> None:
    training, development, test = messages("training"), messages("development"), messages("test")
    assert (len(training.texts), len(development.texts), len(test.texts)) == (100, 30, 50)
    assert not set(training.texts) & set(test.texts)
    assert set(development.texts) < set(training.texts)
