"""What tokenizers spend on texts: tokens a word (fertility), characters a token, and the premium over English."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import regex
import yaml
from pydantic import BaseModel

from mcp_servers.tokenizers.loaded import Loaded
from mcp_servers.tokenizers.results import Row

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*|\p{N}+")


class Sample(BaseModel):
    """`words` is false for scripts without spaces between words; `parallel` texts say the same in each language."""

    name: str
    text: str
    words: bool = True
    parallel: bool = True


@lru_cache(maxsize=1)
def samples() -> tuple[Sample, ...]:
    raw = yaml.safe_load(Path(__file__).with_name("samples.yaml").read_text(encoding="utf-8"))
    return tuple(Sample.model_validate(entry) for entry in raw)


def compare(tokenizers: Sequence[Loaded], texts: Sequence[Sample]) -> list[Row]:
    """Count every text with every tokenizer, in the order given."""
    rows: list[Row] = []
    for tokenizer in tokenizers:
        counted = [_row(tokenizer, sample) for sample in texts]
        english = next((row.tokens for row in counted if row.sample == "english"), 0)
        for row, sample in zip(counted, texts, strict=True):
            if english and sample.parallel:
                row.versus_english = round(row.tokens / english, 2)
        rows += counted
    return rows


def _row(tokenizer: Loaded, sample: Sample) -> Row:
    pieces = tokenizer.encode(sample.text)
    words = len(_WORD.findall(sample.text)) if sample.words else 0
    return Row(
        tokenizer=tokenizer.name,
        sample=sample.name,
        tokens=len(pieces),
        characters=len(sample.text),
        bytes=len(sample.text.encode("utf-8", "replace")),
        tokens_per_word=round(len(pieces) / words, 2) if words else None,
        characters_per_token=round(len(sample.text) / max(1, len(pieces)), 2),
        unknown=sum(piece.unknown for piece in pieces),
        in_bytes=sum(piece.in_bytes for piece in pieces),
    )
