"""The text tools: pipelines, word vectors, topics, extraction and classification compared, prompts scored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server.mcpserver.context import Context
from pydantic import Field

from lyceum.errors import OperatorError
from lyceum.settings import Settings
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from mcp_servers.text.classify import Compared, Method
from mcp_servers.text.extraction import Extractions, Found, Way, compare, extract
from mcp_servers.text.language_model import LanguageModel, Models
from mcp_servers.text.preprocess import Engine, Language, Preprocessed
from mcp_servers.text.prompts import Example, Label, Prompt, PromptScore
from mcp_servers.text.topics import Topics
from mcp_servers.text.word2vec import Trained

if TYPE_CHECKING:
    from models.embeddings import Embedder


def create_server(settings: Settings, services: Services) -> ToolServer:
    models = Models(settings)
    server = ToolServer(
        "text", instructions="Text processing: pipelines, topics, entities and relations, classifiers, prompts scored."
    )

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

    @server.expose(title="Extract entities and relations", effect="read")
    async def text_extract(
        text: Annotated[str, Field(description="A sentence or a few.", min_length=1, max_length=20_000)],
        way: Annotated[
            Way,
            Field(
                description="rules: spaCy's matchers; learned: a tagger trained on 44 sentences of trade news;"
                " llm: the language model."
            ),
        ] = "learned",
    ) -> Found:
        """Find the people, companies, products, places, dates and sums of money that a text names (named entity
        recognition), and who works for which company, where it is based, what it makes and what that costs.
        """
        return await extract(text, way, models.get)

    @server.expose(title="Compare ways of extracting", effect="run")
    async def text_extract_compare(
        context: Context[object, object],
        ways: Annotated[
            list[Way], Field(description="Which to score; llm takes seconds for each sentence.", max_length=3)
        ] = ["rules", "learned"],  # noqa: B006 - never changed
    ) -> Extractions:
        """Compare information extraction by spaCy rules, by a trained sequence tagger and by a language model with
        examples: precision, recall, F1 of entities and relations, time and cost over 32 annotated test sentences.
        """
        return await compare(ways, models.get, context.report_progress)

    @server.expose(title="Compare classifiers", effect="run")
    async def text_classify_compare(
        context: Context[object, object],
        methods: Annotated[
            list[Method],
            Field(
                description="Which to train or ask, and test. few-shot asks the language model with ten examples;"
                " few-shot-schema leaves it no answer but a label.",
                max_length=4,
            ),
        ] = ["tfidf", "embeddings"],  # noqa: B006 - never changed
    ) -> Compared:
        """Compare text classification by TF-IDF with a linear model, by sentence embeddings and by a language model
        with a few examples: accuracy, macro F1, latency, cost and reliability on 50 support messages.
        """
        from mcp_servers.text.classify import compare

        return await compare(methods, lambda: _uncached(services), models.get, context.report_progress)

    @server.expose(title="Score a prompt", effect="run")
    async def text_score_prompt(
        context: Context[object, object],
        labels: Annotated[
            list[Label],
            Field(
                description="delivery, billing, returns, technical, account: each with what the prompt says of it.",
                min_length=2,
                max_length=12,
            ),
        ],
        instructions: Annotated[str, Field(description="What the prompt begins with.", max_length=4000)] = "",
        examples: Annotated[
            list[Example], Field(description="Messages with their labels, shown in the prompt.", max_length=40)
        ] = [],  # noqa: B006 - never changed
        part: Annotated[
            Literal["development", "test"],
            Field(description="development to improve a prompt on; test to be looked at once, at the end."),
        ] = "development",
    ) -> PromptScore:
        """Measure how well a prompt classifies support messages: accuracy, answers in the wanted form, and the mistakes
        to improve it by. Change the prompt, score it again, and keep what helps. Without a language model only what it
        says of its labels is judged, by embeddings.
        """
        from mcp_servers.text.messages import messages
        from mcp_servers.text.prompts import score

        prompt = Prompt(instructions=instructions, labels=labels, examples=examples)
        embedder = await asyncio.to_thread(_uncached, services)
        return await score(prompt, part, messages(part), _or_none(models), embedder, context.report_progress)

    @server.expose(title="Find topics", effect="run")
    async def text_topics(
        text: Annotated[
            str,
            Field(description="Documents, a blank line between two; empty for support messages.", max_length=2_000_000),
        ] = "",
        topics: Annotated[int, Field(description="How many topics.", ge=2, le=30)] = 5,
    ) -> Topics:
        """Find what a collection of texts is about: topics as lists of words, by topic modelling (LDA) with gensim."""
        from mcp_servers.text.topics import topics as find

        return await asyncio.to_thread(find, text, topics)

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
        """Train Word2Vec on a corpus: which words are similar to a word, and what completes an analogy."""
        from mcp_servers.text.word2vec import train

        return await asyncio.to_thread(train, text, word, analogy, epochs)

    return server


def _uncached(services: Services) -> Embedder:
    """Return MiniLM without the shared cache, which would answer for it: the times would be those of a look-up."""
    from models.embeddings import MiniLM

    return MiniLM(services.home / "cache")


def _or_none(models: Models) -> LanguageModel | None:
    try:
        return models.get()
    except OperatorError:
        return None
