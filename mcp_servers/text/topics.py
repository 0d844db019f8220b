"""Topics of a collection of texts by latent Dirichlet allocation (Blei et al. 2003), with gensim."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from mcp_servers.text.extra import library
from mcp_servers.text.messages import messages

FEWEST = 10  # documents
PASSES, ITERATIONS = 40, 200
TOGETHER = 4  # example messages of one document: a message alone has too few words to tell its topic by


class Topic(BaseModel):
    words: list[str]
    share: float = Field(description="Of all documents, those whose first topic it is.")


class Topics(BaseModel):
    """`coherence` (u_mass, 0 is best) falls where a topic's words do not stand together; `purity` is for the example
    documents only: the share that lies in a topic most of whose documents have its label.
    """

    documents: int
    vocabulary: int
    topics: list[Topic]
    coherence: float
    purity: float | None = None


def topics(text: str, count: int) -> Topics:
    """Find topics in documents parted by blank lines; the same text gives the same topics."""
    own = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    documents, labels = (own, None) if own else _examples()
    if len(documents) < FEWEST:
        raise ModelRetry(
            f"{len(documents)} documents are too few.",
            next_step=f"Send {FEWEST} or more, with a blank line between two.",
        )
    stop = library("spacy").blank("en").Defaults.stop_words
    stemmer = library("nltk.stem").SnowballStemmer("english")
    words = [[stemmer.stem(word) for word in _words(document) if word not in stop] for document in documents]
    dictionary = library("gensim.corpora").Dictionary(words)
    dictionary.filter_extremes(no_below=2, no_above=0.5)
    bags = [dictionary.doc2bow(each) for each in words]
    if len(dictionary) < count:
        raise ModelRetry("The documents have hardly a word in common.", next_step="Send more, or longer ones.")
    models = library("gensim.models")
    model = models.LdaModel(
        bags, id2word=dictionary, num_topics=count, passes=PASSES, iterations=ITERATIONS, random_state=1, alpha="auto"
    )
    first = [max(model.get_document_topics(bag, minimum_probability=0), key=lambda pair: pair[1])[0] for bag in bags]
    coherence = models.CoherenceModel(model=model, corpus=bags, dictionary=dictionary, coherence="u_mass")
    return Topics(
        documents=len(documents),
        vocabulary=len(dictionary),
        topics=[
            Topic(
                words=[word for word, _ in model.show_topic(number, topn=8)],
                share=round(first.count(number) / len(first), 4),
            )
            for number in range(count)
        ],
        coherence=round(float(coherence.get_coherence()), 4),
        purity=_purity(first, labels) if labels else None,
    )


def _examples() -> tuple[list[str], list[str]]:
    held = messages("training")
    starts = range(0, len(held.texts), TOGETHER)
    return [" ".join(held.texts[at : at + TOGETHER]) for at in starts], [held.labels[at] for at in starts]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{3,}", text.lower())


def _purity(topic: Sequence[int], labels: Sequence[str]) -> float:
    held = [[label for at, label in zip(topic, labels, strict=True) if at == number] for number in set(topic)]
    return round(sum(max(group.count(label) for label in set(group)) for group in held) / len(labels), 4)
