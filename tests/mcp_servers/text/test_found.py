"""A text tool is found by a question in plain words, among all tools of all servers."""

from __future__ import annotations

from pathlib import Path

from mcp import Client
from pydantic_ai.tools import ToolDefinition

from lyceum.settings import Settings
from mcp_servers.catalogue import make_all
from mcp_servers.server import combine
from mcp_servers.services import Services
from models.offline.select import select

ASKED = {
    "Who works for which company in this text?": "text_extract",
    "Find the named entities in this sentence": "text_extract",
    "Which is better at extracting entities, rules or a language model?": "text_extract_compare",
    "Is TF-IDF good enough, or do I need an LLM to classify text?": "text_classify_compare",
    "How good is my prompt at sorting support messages?": "text_score_prompt",
    "What are these texts about? Find topics": "text_topics",
    "Stem the words of this text and count bigrams": "text_preprocess",
    "Which words are similar to paris?": "text_word2vec",
    "Compare Qdrant and pgvector": "retrieval_compare_stores",
    "Build RAG from scratch without a framework": "retrieval_from_scratch",
}


async def test_plain_questions_find_their_tool(tmp_path: Path) -> None:
    server = combine("lyceum", make_all([], Settings(home=tmp_path), Services(tmp_path)))
    async with Client(server) as client:
        listed = (await client.list_tools()).tools
    tools = [
        ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.input_schema)
        for tool in listed
    ]
    chosen = {question: getattr(select(question, tools), "name", "none") for question in ASKED}
    assert sum(chosen[question] == tool for question, tool in ASKED.items()) >= 9, chosen
