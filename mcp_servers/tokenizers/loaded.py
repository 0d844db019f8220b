"""A tokenizer that is ready to encode, whatever it was read from: pieces with ids, texts and offsets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, cast

from tokenizers import Tokenizer

from lyceum.errors import ModelRetry
from mcp_servers.tokenizers.steps import Rules
from mcp_servers.tokenizers.training import readable


class Piece(NamedTuple):
    """One token: its text for a reader (`<0xE4>` for bytes that are no whole character) and its place in the text.

    `start` and `end` count characters. Tokens that share a character have overlapping places.
    """

    id: int
    text: str
    start: int
    end: int
    special: bool = False
    unknown: bool = False

    @property
    def in_bytes(self) -> bool:
        return "<0x" in self.text and not self.special


class Loaded(Protocol):
    """`inert` encodes special tokens that stand in the text as the ordinary characters they are."""

    name: str
    kind: str
    size: int

    @property
    def special(self) -> dict[str, int]: ...

    def encode(self, text: str, *, inert: bool = True) -> list[Piece]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class LibraryTokenizer:
    """A tokenizer of the `tokenizers` library: trained here, MiniLM's, a GGUF model's or one of the hub."""

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.name = name
        self.tokenizer = tokenizer
        self.kind = {"BPE": "bpe", "WordPiece": "wordpiece", "Unigram": "unigram"}.get(
            type(tokenizer.model).__name__, type(tokenizer.model).__name__.lower()
        )
        self.size = tokenizer.get_vocab_size()
        added = cast("dict[int, Any]", tokenizer.get_added_tokens_decoder())
        self.special = {str(token.content): number for number, token in added.items() if token.special}

    @cached_property
    def byte_level(self) -> bool:
        return "ByteLevel" in str(self.tokenizer.pre_tokenizer)

    @cached_property
    def _unknown(self) -> str:
        return str(getattr(self.tokenizer.model, "unk_token", None) or ("<unk>" if self.kind == "unigram" else ""))

    def encode(self, text: str, *, inert: bool = True) -> list[Piece]:
        self.tokenizer.encode_special_tokens = inert
        whole = text.encode("utf-8", "replace").decode()  # the library takes no lone surrogate
        encoding = self.tokenizer.encode(whole, add_special_tokens=False)
        return [
            Piece(
                id=number,
                text=readable(token) if self.byte_level else token,
                start=start,
                end=end,
                special=not inert and token in self.special,
                unknown=token == self._unknown,
            )
            for number, token, (start, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)

    @cached_property
    def rules(self) -> Rules:
        """What it goes by, for a walk step by step."""
        model = json.loads(self.tokenizer.to_str())["model"]
        vocabulary: Any = model["vocab"]
        entries = dict(vocabulary) if self.kind == "unigram" else cast("dict[str, float]", vocabulary)
        merges = cast("list[tuple[str, str]]", model.get("merges", []))
        ranks = {(left, right): rank for rank, (left, right) in enumerate(merges)}
        return Rules(self.kind, ranks, entries, self._unknown)

    def words(self, text: str) -> list[str]:
        """Split a text into the words that are encoded on their own, in the model's alphabet."""
        normalizer, splitter = self.tokenizer.normalizer, self.tokenizer.pre_tokenizer
        normal = normalizer.normalize_str(text) if normalizer else text
        return [word for word, _ in splitter.pre_tokenize_str(normal)] if splitter else [normal]


class TiktokenEncoding:
    """An encoding of OpenAI's `tiktoken`; its tables are fetched once and kept."""

    kind = "bpe"

    def __init__(self, name: str, encoding: Any) -> None:
        self.name = name
        self._encoding = encoding
        self.size: int = encoding.n_vocab
        self.special: dict[str, int] = dict(encoding._special_tokens)

    def encode(self, text: str, *, inert: bool = True) -> list[Piece]:
        whole = text.encode("utf-8", "replace").decode()
        ids: list[int] = self._encoding.encode(whole, allowed_special=set() if inert else "all", disallowed_special=())
        raw = [cast("bytes", self._encoding.decode_single_token_bytes(number)) for number in ids]
        starts = self._starts(whole)
        pieces: list[Piece] = []
        place = 0
        for number, part in zip(ids, raw, strict=True):
            text_of = _text(part)
            first, last = starts[place], starts[place + len(part) - 1]
            special = not inert and text_of in self.special
            pieces.append(Piece(number, text_of, first, last + 1, special=special))
            place += len(part)
        return pieces

    @staticmethod
    def _starts(text: str) -> list[int]:
        """Return the character that each byte of the text belongs to."""
        return [place for place, character in enumerate(text) for _ in character.encode()]

    def decode(self, ids: Sequence[int]) -> str:
        return self._encoding.decode(list(ids))


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in part)


def with_rules(tokenizer: Loaded) -> LibraryTokenizer:
    """Return a tokenizer that can be walked through; raises ModelRetry for one whose rules are not kept here."""
    if isinstance(tokenizer, LibraryTokenizer) and tokenizer.kind in ("bpe", "wordpiece", "unigram"):
        return tokenizer
    raise ModelRetry(
        f"{tokenizer.name} encodes, but its merges are not open to a walk.",
        next_step="Take a trained one, minilm or a pulled model's.",
    )
