"""A text cut into sentences and tokens, cleaned, stemmed and counted, by spaCy's blank pipelines or by NLTK."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry
from mcp_servers.text.extra import library

Engine = Literal["spacy", "nltk"]
Language = Literal["en", "de", "fr", "es", "it", "nl", "pt", "sv"]
_STEMMERS = {
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "nl": "dutch",
    "pt": "portuguese", "sv": "swedish",
}  # fmt: skip
_NLTK_DATA = {
    "punkt_tab (trained sentence ends)": "tokenizers/punkt_tab",
    "stopwords": "corpora/stopwords",
    "wordnet (lemmas)": "corpora/wordnet",
    "averaged_perceptron_tagger_eng (parts of speech)": "taggers/averaged_perceptron_tagger_eng",
}


class Preprocessed(BaseModel):
    """Each stage of the pipeline; `kept` are lower-cased words without stop words and punctuation, `stems` of those."""

    sentences: list[str]
    tokens: list[str]
    kept: list[str]
    stems: list[str]
    ngrams: list[tuple[str, int]] = Field(description="The most frequent n-grams of the stems, each with its count.")
    unavailable: list[str] = Field(description="What this pipeline would need data for that is not on this machine.")


def preprocess(text: str, engine: Engine, language: Language, n: int) -> Preprocessed:
    """Run the whole pipeline; raises ModelRetry for an empty text, OperatorError without the extra."""
    if not text.strip():
        raise ModelRetry("The text is empty.", next_step="Send some text.")
    blank = library("spacy").blank(language)
    if engine == "spacy":
        blank.add_pipe("sentencizer")
        read = blank(text)
        sentences = [sentence.text.strip() for sentence in read.sents]
        tokens = [token.text for token in read if not token.is_space]
        words = [token.lower_ for token in read if not (token.is_space or token.is_punct or token.is_stop)]
        unavailable = ["lemmas, parts of speech and named entities: they need a trained spaCy pipeline"]
    else:
        sentences = library("nltk.tokenize.punkt").PunktSentenceTokenizer().tokenize(text)
        cut = library("nltk.tokenize").TreebankWordTokenizer()
        tokens = [token for sentence in sentences for token in cut.tokenize(sentence)]
        stop = blank.Defaults.stop_words  # NLTK's own list is a download
        words = [token.lower() for token in tokens if any(map(str.isalnum, token)) and token.lower() not in stop]
        unavailable = [name for name, path in _NLTK_DATA.items() if not _has_data(path)]
    stemmer = library("nltk.stem").SnowballStemmer(_STEMMERS[language])
    stems = [stemmer.stem(word) for word in words]
    grams = Counter(" ".join(stems[at : at + n]) for at in range(len(stems) - n + 1))
    return Preprocessed(
        sentences=sentences,
        tokens=tokens,
        kept=words,
        stems=stems,
        ngrams=grams.most_common(10),
        unavailable=unavailable,
    )


def _has_data(path: str) -> bool:
    nltk: Any = library("nltk")
    try:
        nltk.data.find(path)
    except LookupError:
        return False
    return True
