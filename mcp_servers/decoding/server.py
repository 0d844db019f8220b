"""The decoding tools: train a small model, see its distributions warped, write with any method, compare."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lyceum.settings import Settings
from mcp_servers.decoding.results import Distributions, Method, Model, Models, Texts, Trained
from mcp_servers.given import text_given
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

if TYPE_CHECKING:
    from mcp_servers.decoding.answers import Shelf

Name = Annotated[str, Field(description="A trained model's name, or gguf:NAME of a pulled one.", max_length=200)]
Prompt = Annotated[str, Field(description="The text to continue.", max_length=10_000)]
Methods = Annotated[
    list[Method],
    Field(description="How tokens are chosen, each way with its settings.", min_length=1, max_length=12),
]


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings
    server = ToolServer("decoding", instructions="How text is chosen from a model's probabilities, with small models.")

    @server.expose(title="Train a language model", effect="write")
    async def decoding_train(
        name: Annotated[str, Field(description="Its name: lower-case letters, digits and -.", max_length=40)],
        text: Annotated[str, Field(description="Text to learn from, one text a line.", max_length=200_000)] = "",
        path: Annotated[str, Field(description="Or a UTF-8 text file to learn from.", max_length=1000)] = "",
        order: Annotated[int, Field(description="Words that are looked at together.", ge=1, le=6)] = 3,
        replace: Annotated[bool, Field(description="Replace one of the same name.")] = False,
    ) -> Trained:
        """Train a word n-gram model on a text and keep it under a name; tells its perplexity on held-out lines."""
        from mcp_servers.decoding.ngram import MOST_CHARACTERS

        whole = await asyncio.to_thread(text_given, text, path, most=MOST_CHARACTERS)
        return await asyncio.to_thread(_shelf(services).train, name, whole, order, replace=replace)

    @server.expose(title="List language models", effect="read")
    async def decoding_models() -> Models:
        """List the models that can be decoded: n-gram models trained here and pulled GGUF models."""
        return Models(models=await asyncio.to_thread(_shelf(services).cards))

    @server.expose(title="Delete a trained model", effect="destroy")
    async def decoding_delete(
        name: Annotated[str, Field(description="The name of one that was trained here.", max_length=40)],
    ) -> Model:
        """Delete an n-gram model that was trained here; pulled models stay."""
        return await asyncio.to_thread(_shelf(services).delete, name)

    @server.expose(title="See a distribution warped", effect="run")
    async def decoding_distribution(
        model: Name,
        prompt: Prompt,
        methods: Methods,
        top: Annotated[int, Field(description="Tokens to show.", ge=1, le=50)] = 12,
    ) -> Distributions:
        """Show the probabilities of the next token under several methods side by side, with entropy and how many
        tokens each leaves, as data and as a picture (SVG).
        """
        from mcp_servers.decoding.answers import distributions

        return await distributions(_shelf(services), model, prompt, methods, top, services.artifacts)

    @server.expose(title="Continue a text", effect="run")
    async def decoding_write(
        model: Name,
        prompt: Prompt,
        methods: Methods,
        max_tokens: Annotated[int, Field(description="At most so many tokens each.", ge=1, le=200)] = 40,
        reference: Annotated[str, Field(description="A text to compare with, by ROUGE.", max_length=10_000)] = "",
        steps: Annotated[bool, Field(description="Also tell the choice at every token.")] = False,
    ) -> Texts:
        """Continue a text with each method and compare: probability, perplexity, variety, repetition, overlap with a
        reference. The same seed draws the same text.
        """
        from mcp_servers.decoding.answers import written

        return await asyncio.to_thread(
            written, _shelf(services), model, prompt, methods, max_tokens, reference, steps=steps
        )

    return server


def _shelf(services: Services) -> Shelf:
    from mcp_servers.decoding.answers import Shelf

    return Shelf(services.home)
