"""MiniLM gives the published vectors, whatever the batch; its weights are checked once; texts are embedded once."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lyceum.errors import OperatorError, Unavailable
from models.checked import check
from models.embedding_cache import CachedEmbedder
from models.embeddings import MiniLM, default_embedder, package_folder

REFERENCE = Path(__file__).parent / "minilm_reference.json"


@pytest.fixture
def minilm(tmp_path: Path) -> MiniLM:
    return MiniLM(tmp_path / "cache")


def test_vectors_equal_those_of_an_independent_implementation(minilm: MiniLM) -> None:
    held = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert np.abs(minilm.embed(held["texts"]) - np.array(held["vectors"])).max() < 1e-3


def test_what_means_the_same_lies_close_and_what_does_not_lies_apart(minilm: MiniLM) -> None:
    question, answer, other = minilm.embed(
        ["How do I get my money back?", "Refunds are paid within ten days.", "The bridge was painted green."]
    )
    assert question @ answer > 0.35
    assert question @ other < 0.15


def test_a_text_gets_the_same_vector_alone_and_in_a_batch(minilm: MiniLM) -> None:
    texts = ["short", "a somewhat longer text about bridges " * 9, "", "naïve café", "x" * 5000, "\udcff"]
    together = minilm.embed(texts)
    assert together.shape == (6, 384)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, np.concatenate([minilm.embed([text]) for text in texts]), atol=1e-5)


def test_no_text_gives_no_vector(minilm: MiniLM) -> None:
    assert minilm.embed([]).shape == (0, 384)


def test_the_committed_graph_is_what_its_script_draws() -> None:
    from models.minilm.draw import GRAPH, WEIGHTS, draw

    assert draw(package_folder() / WEIGHTS).SerializeToString(deterministic=True) == GRAPH.read_bytes()


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Unavailable, match="reinstall"):
        MiniLM(tmp_path)


def test_a_checked_file_is_not_read_again_until_it_is_touched(tmp_path: Path) -> None:
    weights, memory = tmp_path / "weights", tmp_path / "home" / "cache"
    weights.write_bytes(b"published")
    with pytest.raises(OperatorError, match="get it again"):
        check(weights, hashlib.sha256(b"another").hexdigest(), memory, next_step="get it again")
    right = hashlib.sha256(b"published").hexdigest()
    check(weights, right, memory, next_step="")
    before = weights.stat()
    weights.write_bytes(b"PUBLISHED")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    check(weights, right, memory, next_step="")  # same size and time: it is not hashed
    os.utime(weights)
    with pytest.raises(OperatorError, match="damaged"):
        check(weights, right, memory, next_step="")


class Counting:
    """An embedder that counts the texts it is given; a vector holds the text's length."""

    name = "counting"
    dimensions = 2

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        self.embedded += len(texts)
        return np.array([[len(text), 1] for text in texts], dtype=np.float32).reshape(-1, 2)


def test_a_text_is_embedded_once_by_whichever_process(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    file = tmp_path / "cache" / "embeddings.db"
    one, other = CachedEmbedder(first, file), CachedEmbedder(second, file)
    assert one.embed(["a", "bb", "a"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert other.embed(["bb", "ccc"]).tolist() == [[2, 1], [3, 1]]
    assert (first.embedded, second.embedded) == (2, 1)


def test_another_models_vectors_are_never_used(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    second.name = "another"
    CachedEmbedder(first, tmp_path / "e.db").embed(["a"])
    CachedEmbedder(second, tmp_path / "e.db").embed(["a"])
    assert second.embedded == 1


@pytest.mark.parametrize("broken", ["garbage", "folder", "short vector"])
def test_a_cache_that_cannot_be_used_costs_time_and_nothing_else(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "embeddings.db"
    if broken == "garbage":
        file.write_bytes(b"not a database" * 100)
    elif broken == "folder":
        file.mkdir()
    else:
        CachedEmbedder(Counting(), file).embed(["a"])
        with sqlite3.connect(file) as database:
            database.execute("UPDATE embeddings SET vector = x'00'")
        database.close()
    embedder = Counting()
    assert CachedEmbedder(embedder, file).embed(["a"]).tolist() == [[1, 1]]
    assert embedder.embedded == 1


def test_the_default_embedder_keeps_what_it_made_in_the_home_folder() -> None:
    embedder = default_embedder()
    assert embedder.embed(["kept"]).shape == (1, 384)
    assert default_embedder() is embedder
    assert (Path(os.environ["LYCEUM_HOME"]) / "cache" / "embeddings.db").exists()
