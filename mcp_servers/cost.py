"""What a list of tools costs the conversation that it is put in front of, counted always with the same tokenizer.

`merges.txt.gz` holds the first 32,000 merges of Qwen2.5's byte-level BPE (Apache-2.0). The whole vocabulary is five
times as large and counts 7 % less on our pages, so a count made here is an upper one.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mcp_types import Tool
from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as InTurn

from mcp_servers.structured import compact

MERGES = Path(__file__).with_name("merges.txt.gz")
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Cost:
    """In tokens: `shown` is what a model sees (name, description, parameters), `whole` all that is sent."""

    shown: int
    whole: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.shown + other.shown, self.whole + other.whole)


def cost_of(tools: Sequence[Tool]) -> Cost:
    """Return what these tools cost together."""
    return sum((_cost(tool) for tool in tools), Cost(0, 0))


def tokens(text: str) -> int:
    """Return how many tokens a text is."""
    return len(_tokenizer().encode(text).ids)


def _cost(tool: Tool) -> Cost:
    shown = {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
    return Cost(tokens(compact(shown)), tokens(compact(tool.model_dump(mode="json", by_alias=True, exclude_none=True))))


@cache
def _tokenizer() -> Tokenizer:
    lines = gzip.decompress(MERGES.read_bytes()).decode("utf-8").split("\n")
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines)]
    vocabulary = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    words: PreTokenizer = Split(Regex(_WORDS), "isolated")
    tokenizer.pre_tokenizer = InTurn([words, ByteLevel(add_prefix_space=False, use_regex=False)])
    return tokenizer
