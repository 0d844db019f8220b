"""What the tokenizer tools take and give; light, because every process that serves the tools imports it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact


class Message(BaseModel):
    role: Literal["system", "user", "assistant"] = Field(description="Who speaks.")
    content: str = Field(description="What is said.", max_length=50_000)


class Card(BaseModel):
    """What is known of a tokenizer without opening it; `unavailable` says what one still lacks here."""

    name: str
    kind: str = ""
    vocabulary: int = 0
    origin: str
    trained: str = ""
    characters: int = Field(default=0, description="Characters of the text it was trained on.")
    unavailable: str = ""


class Merge(BaseModel):
    """One learnt merge. `count` is how often the pair stood in the training text, `tokens_left` the text's length."""

    rank: int
    left: str
    right: str
    token: str
    count: int
    tokens_left: int


class Trained(BaseModel):
    tokenizer: Card
    tokens: int = Field(description="The training text in tokens of the new tokenizer.")
    characters_per_token: float
    first_merges: list[Merge] = Field(description="For BPE: the first merges with their counts in the text.")
    longest: list[str] = Field(description="The longest entries of the vocabulary.")


class Listed(BaseModel):
    tokenizers: list[Card]


class Merges(BaseModel):
    """The merges behind words; `drawing` is the picture (SVG) as an artifact."""

    tokenizer: str
    tree: str
    tokens: list[str]
    merges_used: int
    deepest: int = Field(description="Merges on the longest way from a symbol to its token.")
    drawing: Artifact


class Piece(BaseModel):
    """A token and its place in the text, in characters; bytes that are no whole character are shown as <0xE4>."""

    id: int
    text: str
    start: int
    end: int
    special: bool = False
    unknown: bool = False
    in_bytes: bool = False


class Step(BaseModel):
    rule: str
    tokens: list[str]
    rank: int | None = Field(default=None, description="The number of the merge that was applied.")


class Word(BaseModel):
    word: str
    steps: list[Step]


class Encoded(BaseModel):
    tokenizer: str
    count: int
    pieces: list[Piece]
    words: list[Word] = Field(description="With `steps`: how each word became its tokens, for the first words.")


class Decoded(BaseModel):
    text: str


class Row(BaseModel):
    tokenizer: str
    sample: str
    tokens: int
    characters: int
    bytes: int
    tokens_per_word: float | None = Field(default=None, description="Fertility; none where words are not spaced.")
    characters_per_token: float
    versus_english: float | None = Field(default=None, description="Tokens divided by those of the same English text.")
    unknown: int = Field(description="Tokens that stand for text the vocabulary cannot spell: it is lost.")
    in_bytes: int = Field(description="Tokens that are bytes and no whole character.")


class Comparison(BaseModel):
    rows: list[Row]
    unavailable: dict[str, str] = Field(description="By name: why a tokenizer could not be used here.")


class Segment(BaseModel):
    """A part of the rendered conversation; `control` parts are the template's own."""

    text: str
    control: bool
    role: str
    tokens: int


class Conversation(BaseModel):
    template: str
    tokenizer: str
    rendered: str
    marked: str = Field(description="The same with control parts between ⟦ and ⟧.")
    segments: list[Segment]
    tokens: int
    control_tokens: int
    overhead: float = Field(description="Share of tokens that the template costs, 0 to 1.")
    spelt: list[str] = Field(description="Control parts that this vocabulary lacks and had to spell as text.")
    smuggled: list[str] = Field(description="Control tokens that a message's text spells; they were kept inert.")
    control_tokens_if_naive: int = Field(description="Control tokens if the whole text were encoded in one go.")


class Price(BaseModel):
    model: str
    dollars: float | None = Field(default=None, description="US dollars for all requests, where a price is known.")


class Cost(BaseModel):
    tokenizer: str
    input_tokens: int = Field(description="Of one request.")
    exact_for: str = Field(description="Whose count this is exactly; for other models it is an estimate.")
    prices: list[Price]
    unavailable: dict[str, str]
