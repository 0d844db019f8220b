"""Training byte-level BPE, WordPiece and Unigram on given text, with the `tokenizers` library.

The same text and sizes give the same BPE and WordPiece tokenizer. The library's Unigram trainer reads words in the
order of a randomly seeded hash table: its scores differ in the third decimal from one training to the next. What the
library does not tell, how often each merged pair was seen and how the text shrinks, comes from `bpe_steps`, the
algorithm written out.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, cast

import regex
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from lyceum.errors import ModelRetry

Kind = Literal["bpe", "wordpiece", "unigram"]

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MOST_CHARACTERS = 2_000_000
SMALLEST = {"bpe": 256 + len(SPECIAL), "wordpiece": 1 + len(SPECIAL), "unigram": 257 + len(SPECIAL)}
# GPT-2's split (its published pattern): a word takes the space before it along, digits and signs stay apart.
WORDS = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class MergeStep(NamedTuple):
    """Merge number `rank` (from 0): the pair, how often it stood in the text, and how many tokens were left after."""

    rank: int
    left: str
    right: str
    seen: int
    tokens_left: int


def train(text: str, kind: Kind, vocabulary: int, min_frequency: int = 2) -> Tokenizer:
    """Return a tokenizer of at most `vocabulary` entries; raises ModelRetry when the text or size cannot do."""
    if not text.strip():
        raise ModelRetry("The text is empty.", next_step="Send text to learn from.")
    if len(text) > MOST_CHARACTERS:
        raise ModelRetry(
            f"The text has {len(text):,} characters.",
            next_step=f"Send at most {MOST_CHARACTERS:,}.",
        )
    if vocabulary < SMALLEST[kind]:
        raise ModelRetry(
            f"A {kind} vocabulary of {vocabulary} has no room for its base.",
            next_step=f"Send vocabulary_size of at least {SMALLEST[kind]}.",
        )
    # The library's threads survive no fork, and other servers of this process may fork.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    lines = text.splitlines(keepends=True)
    if kind == "bpe":
        return _bpe(lines, vocabulary, min_frequency)
    return _wordpiece(lines, vocabulary, min_frequency) if kind == "wordpiece" else _unigram(lines, vocabulary)


def _bpe(lines: Sequence[str], vocabulary: int, min_frequency: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=min_frequency,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def _wordpiece(lines: Sequence[str], vocabulary: int, min_frequency: int) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    # The library numbers `##x` in the order of a hash table, and ties go by number. Reserving them in order makes
    # training repeatable; they are no special tokens, so the reservation is taken back below.
    seen = Counter(character for line in lines for character in line if not character.isspace())
    inner = sorted(f"##{character}" for character, _ in seen.most_common(min(1000, vocabulary // 3)))
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=min_frequency,
        special_tokens=["[UNK]", *SPECIAL, *inner],
        limit_alphabet=min(1000, vocabulary // 3),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    whole = json.loads(tokenizer.to_str())
    whole["added_tokens"] = [added for added in whole["added_tokens"] if added["content"] not in inner]
    return Tokenizer.from_str(json.dumps(whole))


def _unigram(lines: Sequence[str], vocabulary: int) -> Tokenizer:
    """Train, then add the 256 bytes: what was never seen is spelt in bytes rather than lost."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary - 256,
        special_tokens=["<unk>", *SPECIAL],
        unk_token="<unk>",  # noqa: S106
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    whole = json.loads(tokenizer.to_str())
    model = whole["model"]
    floor = min(score for _, score in model["vocab"]) - 10
    model["vocab"] += [[f"<0x{byte:02X}>", floor] for byte in range(256)]
    model["byte_fallback"] = True
    return Tokenizer.from_str(json.dumps(whole))


def bpe_steps(text: str, merges: int, min_frequency: int = 2) -> list[MergeStep]:
    """Byte-pair encoding as Sennrich et al. (2016) describe it, on bytes: merge the commonest pair, again and again.

    Symbols are in the byte alphabet of GPT-2 (`Ġ` is a space). Ties go to the pair whose symbols were made first, as
    in the library.
    """
    alphabet = byte_alphabet()
    number = {symbol: place for place, symbol in enumerate(sorted(alphabet.values()))}
    counted = Counter(
        word for line in text.splitlines(keepends=True) for word in cast("list[str]", regex.findall(WORDS, line))
    )
    words = [(tuple(alphabet[byte] for byte in word.encode()), count) for word, count in counted.items()]
    total = sum(len(word) * count for word, count in words)
    pairs: Counter[tuple[str, str]] = Counter()
    where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def tell(place: int, sign: int) -> None:
        word, count = words[place]
        for pair in pairwise(word):
            pairs[pair] += sign * count
            where[pair].add(place)

    for place in range(len(words)):
        tell(place, 1)
    steps: list[MergeStep] = []
    while len(steps) < merges and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], number[pair[0]], number[pair[1]]))
        seen = pairs[best]
        if seen < min_frequency:
            break
        for place in where.pop(best):
            word, count = words[place]
            tell(place, -1)
            words[place] = (merge_pair(word, best), count)
            total -= (len(word) - len(words[place][0])) * count
            tell(place, 1)
        where.pop(best, None)
        del pairs[best]
        number.setdefault("".join(best), len(number))
        steps.append(MergeStep(len(steps), *best, seen, total))
    return steps


def merge_pair(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Return the symbols with every occurrence of a pair joined, from left to right."""
    merged: list[str] = []
    place = 0
    while place < len(symbols):
        joined = symbols[place : place + 2] == pair
        merged.append("".join(pair) if joined else symbols[place])
        place += 2 if joined else 1
    return tuple(merged)


def byte_alphabet() -> dict[int, str]:
    """Return GPT-2's picture of every byte: printable ones are themselves, the rest move above U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(moved)}


def readable(token: str) -> str:
    """Return a byte-level token as text where its bytes are whole characters, else byte by byte (`<0xE4>`)."""
    if re.fullmatch(r"<0x[0-9A-F]{2}>", token):
        return token
    back = _bytes_of()
    if any(character not in back for character in token):
        return token
    raw = bytes(back[character] for character in token)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in raw)


def _bytes_of() -> dict[str, int]:
    return {symbol: byte for byte, symbol in byte_alphabet().items()}
