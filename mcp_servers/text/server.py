"""The text tools: preprocessing pipelines, and classification methods compared."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from lyceum.settings import Settings
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from mcp_servers.text.classify import Compared, Method
from mcp_servers.text.preprocess import Engine, Language, Preprocessed
from mcp_servers.text.word2vec import Trained


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings
    server = ToolServer("text", instructions="Classical text processing: pipelines and classification.")

    @server.expose(title="Preprocess a text", effect="read")
    async def text_preprocess(
        text: Annotated[str, Field(description="The text.", min_length=1, max_length=200_000)],
        engine: Annotated[Engine, Field(description="Whose tokenizer and sentence splitter.")] = "spacy",
        language: Annotated[Language, Field(description="The text's language.")] = "en",
        n: Annotated[int, Field(description="Words of an n-gram.", ge=1, le=5)] = 2,
    ) -> Preprocessed:
        """Split a text into sentences and tokens, remove stop words, stem, and count n-grams, with spaCy or NLTK."""
        from mcp_servers.text.preprocess import preprocess

        return await asyncio.to_thread(preprocess, text, engine, language, n)

    @server.expose(title="Compare classifiers", effect="run")
    async def text_classify_compare(
        methods: Annotated[list[Method], Field(description="Which methods to train and test.", max_length=2)] = [  # noqa: B006
            "tfidf",
            "embeddings",
        ],
    ) -> Compared:
        """Train classifiers on 100 support messages and test them on 50 others: accuracy, macro F1, time, mistakes."""
        from mcp_servers.text.classify import compare
        from models.embeddings import MiniLM

        # Not the shared embedder: its cache would answer for the model, and the times would be those of a look-up.
        return await asyncio.to_thread(compare, methods, lambda: MiniLM(services.home / "cache"))

    @server.expose(title="Train word vectors", effect="run")
    async def text_word2vec(
        text: Annotated[
            str, Field(description="A corpus; empty for one made by rules, about countries.", max_length=5_000_000)
        ] = "",
        word: Annotated[str, Field(description="A word to list neighbours of.", max_length=60)] = "",
        analogy: Annotated[
            list[Annotated[str, Field(max_length=60)]],
            Field(description="a, b, c: a is to b as c is to what?", max_length=3),
        ] = [],  # noqa: B006
        epochs: Annotated[int, Field(description="Passes over the corpus.", ge=1, le=50)] = 10,
    ) -> Trained:
        """Train Word2Vec on a corpus and ask its vectors for a word's neighbours and for an analogy."""
        from mcp_servers.text.word2vec import train

        return await asyncio.to_thread(train, text, word, analogy, epochs)

    return server
