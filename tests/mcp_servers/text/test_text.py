"""Text pipelines keep what matters, and better representations make fewer mistakes on unseen messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services
from mcp_servers.text.classify import messages

pytestmark = pytest.mark.extra


async def call(home: Path, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(make("text", Settings(home=home), Services(home))) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content or {})


@pytest.mark.parametrize("engine", ["spacy", "nltk"])
async def test_a_pipeline_keeps_the_stems_of_content_words(tmp_path: Path, engine: str) -> None:
    told = await call(tmp_path, "text_preprocess", text="The cats were running. A cat runs!", engine=engine, n=1)
    assert told["stems"] == ["cat", "run", "cat", "run"]
    assert told["ngrams"] == [["cat", 2], ["run", 2]]
    assert len(told["sentences"]) == 2
    assert told["unavailable"]


async def test_embeddings_beat_word_counts_on_messages_in_other_words(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_classify_compare")
    counts, embeddings = told["methods"]
    assert embeddings["accuracy"] > counts["accuracy"] > 1 / len(told["labels"])
    assert len(counts["mistakes"]) == round((1 - counts["accuracy"]) * told["test"])


def test_no_test_message_was_trained_on() -> None:
    training, test = messages()
    assert (len(training.texts), len(test.texts)) == (100, 50)
    assert not set(training.texts) & set(test.texts)
