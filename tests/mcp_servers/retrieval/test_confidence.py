"""Whether a search is sure of itself: measured on the documents of an invented company, in six formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client
from pydantic import BaseModel

from lyceum.errors import Unavailable
from lyceum.settings import Settings
from mcp_servers.retrieval.server import create_server
from mcp_servers.services import Services

QUESTIONS = Path(__file__).parents[2] / "fixtures" / "company" / "questions.yaml"


class WordsOnly(Services):
    @property
    def embedder(self) -> Any:
        raise Unavailable("There is no embedding model here.")


class Counted(BaseModel):
    answered: int = 0
    found_first: int = 0
    refused: int = 0


async def count(home: Path, folder: Path, services: Services) -> Counted:
    counted = Counted()
    async with Client(create_server(Settings(home=home), services)) as client:
        await client.call_tool("retrieval_ingest", {"path": str(folder)})
        for case in yaml.safe_load(QUESTIONS.read_text(encoding="utf-8")):
            found = (await client.call_tool("retrieval_search", {"query": case["question"]})).structured_content
            assert found is not None
            if "carries" in case:
                counted.answered += found["confident"]
                counted.found_first += bool(found["sources"]) and case["carries"] in found["sources"][0]["text"]
            else:
                counted.refused += not found["confident"]
    return counted


@pytest.mark.parametrize(
    ("services", "answered", "found_first", "refused"), [(Services, 29, 28, 14), (WordsOnly, 24, 26, 15)]
)
async def test_thirty_questions_are_answered_and_fifteen_are_not(
    tmp_path: Path, company: Path, services: type[Services], answered: int, found_first: int, refused: int
) -> None:
    counted = await count(tmp_path / "home", company, services(tmp_path / "home"))
    assert counted.answered >= answered
    assert counted.found_first >= found_first
    assert counted.refused >= refused
