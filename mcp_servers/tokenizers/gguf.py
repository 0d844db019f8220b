"""Reading a tokenizer out of a GGUF model file: its header only, without the weights.

The layout is GGUF version 3 (the ggml project's `gguf.md`): magic, version, counts, then key-value pairs.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO, cast

from tokenizers import Tokenizer

from lyceum.errors import ModelRetry

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MOST = 4_000_000  # entries or characters of one value: a damaged file must not ask for all memory

# How the byte-level tokenizers of these families split text into words (their published patterns).
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPLITS = {
    "qwen2": rf"{_SHORT}|{_LETTERS}|\p{{N}}|{_SIGNS}",
    "llama-bpe": rf"{_SHORT}|{_LETTERS}|\p{{N}}{{1,3}}|{_SIGNS}",
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}


def metadata(path: Path) -> dict[str, Any]:
    """Return a GGUF file's key-value pairs; raises ModelRetry for what is no GGUF file of version 2 or 3."""
    try:
        with path.open("rb") as file:
            magic, version, _tensors, count = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF" or version not in (2, 3) or count > 10_000:
                raise ValueError("its head is not GGUF 2 or 3")
            return {_string(file): _value(file, *struct.unpack("<I", file.read(4))) for _ in range(count)}
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise ModelRetry(f"{path.name} is no readable GGUF file: {error}.", next_step="Pull the model again.") from None


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", file.read(12))
        if count > _MOST:
            raise ValueError(f"an array of {count} entries")
        return [_value(file, inner) for _ in range(count)]
    form = _NUMBERS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _MOST:
        raise ValueError(f"a text of {length} bytes")
    return file.read(length).decode("utf-8", "replace")


def tokenizer_of(path: Path) -> Tokenizer:
    """Return a byte-level BPE model's tokenizer; raises ModelRetry for another kind, saying which."""
    known = metadata(path)
    kind, split = known.get("tokenizer.ggml.model"), known.get("tokenizer.ggml.pre")
    if kind != "gpt2" or split not in SPLITS:
        raise ModelRetry(
            f"{path.name} has a {kind} tokenizer ({split or 'no split named'}).",
            next_step=f"Byte-level BPE of these families is read: {', '.join(SPLITS)}.",
        )
    tokens = cast("list[str]", known["tokenizer.ggml.tokens"])
    kinds = cast("list[int]", known.get("tokenizer.ggml.token_type", []))
    added = [
        {
            "id": place,
            "content": tokens[place],
            "special": kinds[place] == 3,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
        }
        for place in range(len(kinds))
        if kinds[place] in (3, 4)  # control and user-defined tokens
    ]
    whole = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if split == "qwen2" else None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": SPLITS[split]}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            ],
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {
            "type": "BPE",
            "vocab": {token: place for place, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in cast("list[str]", known["tokenizer.ggml.merges"])],
        },
    }
    return Tokenizer.from_str(json.dumps(whole))
