"""The tokenizer tools: train, look inside, encode, compare, render conversations, and reckon what text costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lyceum.settings import Settings
from mcp_servers.given import text_given
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from mcp_servers.tokenizers.results import (
    Card,
    Comparison,
    Conversation,
    Cost,
    Decoded,
    Encoded,
    Listed,
    Merges,
    Message,
    Trained,
)

if TYPE_CHECKING:
    from mcp_servers.tokenizers.shelf import Shelf

Name = Annotated[
    str,
    Field(description="A trained one, minilm, gguf:NAME, tiktoken:ENCODING or hub:OWNER/NAME.", max_length=200),
]
Text = Annotated[str, Field(description="The text.", min_length=1, max_length=200_000)]
Short = Annotated[str, Field(description="The text.", min_length=1, max_length=20_000)]
USUAL = ["gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"]


def create_server(settings: Settings, services: Services) -> ToolServer:
    server = ToolServer("tokenizers", instructions="Trains and compares tokenizers; tokenizers_list names them.")

    @server.expose(title="Train a tokenizer", effect="write")
    async def tokenizers_train(
        name: Annotated[str, Field(description="Its name: lower-case letters, digits and -.", max_length=40)],
        text: Annotated[str, Field(description="Text to learn from.", max_length=200_000)] = "",
        path: Annotated[str, Field(description="Or a UTF-8 text file to learn from.", max_length=1000)] = "",
        kind: Annotated[Literal["bpe", "wordpiece", "unigram"], Field(description="The algorithm.")] = "bpe",
        vocabulary_size: Annotated[int, Field(description="At most so many entries.", ge=16, le=50_000)] = 1000,
        min_frequency: Annotated[int, Field(description="Merge no pair seen less often.", ge=1, le=1000)] = 2,
        replace: Annotated[bool, Field(description="Replace one of the same name.")] = False,
    ) -> Trained:
        """Train a byte-level BPE, WordPiece or Unigram tokenizer on a text and keep it under a name.
        Tells for BPE which pairs were merged first, how often they stood in the text and how the text shrank.
        """
        from mcp_servers.tokenizers.answers import trained
        from mcp_servers.tokenizers.training import MOST_CHARACTERS

        whole = await asyncio.to_thread(text_given, text, path, most=MOST_CHARACTERS)
        return await asyncio.to_thread(
            trained, _shelf(services), name, whole, kind, vocabulary_size, min_frequency, replace=replace
        )

    @server.expose(title="List tokenizers", effect="read")
    async def tokenizers_list() -> Listed:
        """List the tokenizers that can be used by name: trained here, of local models, tiktoken and hub ones."""
        return Listed(tokenizers=_shelf(services).cards())

    @server.expose(title="Delete a trained tokenizer", effect="destroy")
    async def tokenizers_delete(
        name: Annotated[str, Field(description="The name of one that was trained here.", max_length=40)],
    ) -> Card:
        """Delete a tokenizer that was trained here; the others cannot be deleted."""
        return _shelf(services).delete(name)

    @server.expose(title="Draw a merge tree", effect="run")
    async def tokenizers_merges(
        tokenizer: Name,
        text: Annotated[str, Field(description="A word, or a few.", min_length=1, max_length=120)],
    ) -> Merges:
        """Draw which merges of a BPE tokenizer build the tokens of a few words, as text and as a picture (SVG)."""
        from mcp_servers.tokenizers.answers import merges

        return await merges(_shelf(services), tokenizer, text, services.artifacts)

    @server.expose(title="Encode", effect="read")
    async def tokenizers_encode(
        tokenizer: Name,
        text: Short,
        steps: Annotated[bool, Field(description="Also tell how each word became its tokens.")] = False,
    ) -> Encoded:
        """Encode a text, cut into tokens: ids, tokens, their places in the text, bytes and unknown parts; with `steps`,
        every merge (BPE), longest match (WordPiece) or best split (Unigram) of the first 20 words.
        """
        from mcp_servers.tokenizers.answers import encoded

        return await asyncio.to_thread(encoded, _shelf(services), tokenizer, text, steps=steps)

    @server.expose(title="Decode", effect="read")
    async def tokenizers_decode(
        tokenizer: Name,
        ids: Annotated[
            list[Annotated[int, Field(ge=0, le=10_000_000)]],
            Field(description="Token ids.", min_length=1, max_length=20_000),
        ],
    ) -> Decoded:
        """Turn token ids back into the text that they stand for."""
        from mcp_servers.tokenizers.answers import decoded

        return await asyncio.to_thread(decoded, _shelf(services), tokenizer, ids)

    @server.expose(title="Compare tokenizers", effect="read")
    async def tokenizers_compare(
        tokenizers: Annotated[
            list[Annotated[str, Field(max_length=200)]],
            Field(description="Names, as tokenizers_list gives them.", min_length=1, max_length=12),
        ],
        samples: Annotated[
            list[Annotated[str, Field(max_length=40)]],
            Field(description="Built-in ones, e.g. english, arabic, python; all by default.", max_length=40),
        ] = [],  # noqa: B006 - pydantic copies it
        text: Annotated[str, Field(description="Compare on this text instead.", max_length=200_000)] = "",
    ) -> Comparison:
        """Compare tokenizers over languages, scripts and code: tokens, tokens a word (fertility), characters a token,
        and how many times the tokens of the same text in English. One that cannot be had here is named with the reason.
        """
        from mcp_servers.tokenizers.answers import compared

        return await asyncio.to_thread(compared, _shelf(services), tokenizers, samples, text)

    @server.expose(title="Render a conversation", effect="read")
    async def tokenizers_chat(
        tokenizer: Name,
        messages: Annotated[list[Message], Field(description="The conversation.", min_length=1, max_length=100)],
        template: Annotated[
            Literal["chatml", "llama3", "llama2", "mistral", "gemma"], Field(description="The format.")
        ] = "chatml",
        reply: Annotated[bool, Field(description="Open the assistant's turn at the end.")] = True,
    ) -> Conversation:
        """Render a conversation in a chat format and tokenize it: which parts are control tokens, what the format
        costs, and which control tokens a message tried to smuggle in (they are encoded as ordinary text).
        """
        from mcp_servers.tokenizers.answers import conversation

        return await asyncio.to_thread(conversation, _shelf(services), tokenizer, messages, template, reply=reply)

    @server.expose(title="Reckon the cost", effect="read")
    async def tokenizers_cost(
        text: Text,
        models: Annotated[
            list[Annotated[str, Field(max_length=100)]],
            Field(description="Models, e.g. gpt-5-mini or anthropic:claude-sonnet-4-5.", max_length=20),
        ] = USUAL,
        tokenizer: Annotated[
            str, Field(description="Whose count to take; o200k_base or, without it, a local one.", max_length=200)
        ] = "",
        output_tokens: Annotated[int, Field(description="Tokens of one answer.", ge=0, le=1_000_000)] = 0,
        requests: Annotated[int, Field(description="How many such requests.", ge=1, le=1_000_000_000)] = 1,
    ) -> Cost:
        """Reckon what sending a text to models costs: its tokens times the published price, in US dollars."""
        from mcp_servers.tokenizers.answers import cost
        from models.prices import Prices

        return await asyncio.to_thread(
            cost, _shelf(services), Prices(settings.prices), text, models, tokenizer, output_tokens, requests
        )

    return server


def _shelf(services: Services) -> Shelf:
    from mcp_servers.tokenizers.shelf import Shelf

    return Shelf(services.home)
