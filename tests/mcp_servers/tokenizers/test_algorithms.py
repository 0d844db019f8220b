"""The algorithms written out agree with the library on any text; files of models are read as they are."""

from __future__ import annotations

import json
import struct
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.errors import ModelRetry
from lyceum.paths import home_from_environment
from mcp_servers.tokenizers.gguf import SPLITS, tokenizer_of
from mcp_servers.tokenizers.loaded import LibraryTokenizer, TiktokenEncoding
from mcp_servers.tokenizers.shelf import Shelf
from mcp_servers.tokenizers.steps import walk
from mcp_servers.tokenizers.training import Kind, bpe_steps, byte_alphabet, train
from mcp_servers.tokenizers.tree import as_text, trees_of
from tests.mcp_servers.tokenizers.conftest import TEXT

REAL_HOME = home_from_environment()  # before a test's own home takes its place: pulled models are there


@lru_cache
def trained(kind: Kind) -> LibraryTokenizer:
    return LibraryTokenizer(kind, train(TEXT, kind, 330))


WORDS = st.text(st.sampled_from("lowernstid naïvé,漢字🙂\n"), max_size=30) | st.text(max_size=12)


@settings(max_examples=150, deadline=None)
@given(text=WORDS, kind=st.sampled_from(["bpe", "wordpiece", "unigram"]))
def test_the_last_step_is_what_the_library_gives(text: str, kind: Kind) -> None:
    tokenizer = trained(kind)
    walked = [token for word in tokenizer.words(text) for token in walk(word, tokenizer.rules)[-1].tokens]
    tokenizer.tokenizer.encode_special_tokens = True
    assert walked == tokenizer.tokenizer.encode(text, add_special_tokens=False).tokens


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from("abc é\n'x1"), min_size=1, max_size=200))
def test_our_trainer_learns_the_librarys_merges(text: str) -> None:
    if not text.strip():
        return
    merges = json.loads(train(text, "bpe", 259 + 12).to_str())["model"]["merges"]
    assert [[step.left, step.right] for step in bpe_steps(text, 12)] == merges


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40))
def test_bytes_lose_nothing(text: str) -> None:
    tokenizer = trained("bpe")
    assert tokenizer.decode([piece.id for piece in tokenizer.encode(text)]) == text.encode("utf-8", "replace").decode()


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("lowest "), min_size=1, max_size=20))
def test_a_trees_leaves_are_the_text(text: str) -> None:
    tokenizer = trained("bpe")
    for word in tokenizer.words(text):
        nodes = trees_of(word, tokenizer.rules.ranks)
        leaves = [line for line in as_text(nodes).splitlines() if "merge" not in line]
        assert "".join(line[-1] for line in leaves) == word.replace("Ġ", "·")


def test_a_tiktoken_encoding_places_bytes_in_their_characters() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256}
    encoding = tiktoken.Encoding("tiny", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 257})
    tokenizer = TiktokenEncoding("tiktoken:tiny", encoding)
    pieces = tokenizer.encode("ab é<|end|>")
    assert [(piece.text, piece.start, piece.end) for piece in pieces[:4]] == [
        ("ab", 0, 2), (" ", 2, 3), ("<0xC3>", 3, 4), ("<0xA9>", 3, 4)
    ]  # fmt: skip
    assert not any(piece.special for piece in pieces)
    assert tokenizer.encode("ab<|end|>", inert=False)[-1].special


def gguf(path: Path, pairs: dict[str, Any]) -> Path:
    """Write a GGUF header: texts, lists of texts and lists of numbers."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def value(of: Any) -> bytes:
        if isinstance(of, str):
            return struct.pack("<I", 8) + text(of)
        kind, items = (8, b"".join(map(text, of))) if isinstance(of[0], str) else (5, struct.pack(f"<{len(of)}i", *of))
        return struct.pack("<IIQ", 9, kind, len(of)) + items

    body = b"".join(text(name) + value(of) for name, of in pairs.items())
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs)) + body)
    return path


def test_a_models_own_tokenizer_is_read_from_its_file(tmp_path: Path) -> None:
    tokens = [*byte_alphabet().values(), "lo", "low", "<|im_start|>"]
    path = gguf(
        tmp_path / "m.gguf",
        {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "qwen2",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [1] * 258 + [3],
            "tokenizer.ggml.merges": ["l o", "lo w"],
        },
    )
    tokenizer = LibraryTokenizer("m", tokenizer_of(path))
    assert [piece.text for piece in tokenizer.encode("low12 lo")] == ["low", "1", "2", " ", "lo"]
    assert tokenizer.special == {"<|im_start|>": 258}
    assert tokenizer.encode("<|im_start|>", inert=False)[0].id == 258
    assert len(tokenizer.encode("<|im_start|>")) == 12


@pytest.mark.local_model
def test_qwens_tokenizer_counts_as_its_model_does() -> None:
    names = [card.name for card in Shelf(REAL_HOME).cards() if card.name.startswith("gguf:qwen2.5")]
    if not names:
        pytest.skip("pull a model first: lyceum models pull qwen2.5-coder-1.5b")
    tokenizer = Shelf(REAL_HOME).open(names[0])
    ids = [piece.id for piece in tokenizer.encode("Hello world, 漢字 12")]
    assert ids == [9707, 1879, 11, 6567, 120, 95, 18600, 220, 16, 17]
    assert tokenizer.special["<|im_start|>"] == 151644
    assert set(SPLITS) >= {"qwen2", "llama-bpe"}


def test_a_hub_tokenizer_is_fetched_once_where_there_is_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = trained("bpe").tokenizer.to_str().encode()

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/ours/tiny/resolve/main/tokenizer.json"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        serving = threading.Thread(target=hub.serve_forever)
        serving.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
        tokenizer = Shelf(tmp_path).open("hub:ours/tiny")
        with pytest.raises(ModelRetry, match=r"could not be fetched here \(HTTPStatusError\)"):
            Shelf(tmp_path).open("hub:ours/none")
        hub.shutdown()
        serving.join()
    assert [piece.text for piece in tokenizer.encode(" lowest")] == [" lowest"]
    assert (tmp_path / "cache" / "hub" / "ours--tiny.json").read_bytes() == content
