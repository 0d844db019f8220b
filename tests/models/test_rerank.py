"""Rerankers: late interaction over MiniLM, a cross-encoder from a folder, and the providers' wires."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from pydantic import SecretStr
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from lyceum.errors import OperatorError, Unavailable
from models.embeddings import MiniLM
from models.rerank import WIRES, CrossEncoder, LateInteraction, ProviderReranker, RerankerSettings, open_reranker

PASSAGES = ["The cat sleeps on the warm roof.", "Interest rates rose again in May.", "A dog barked."]


def test_late_interaction_puts_the_passage_first_that_speaks_of_what_is_asked(tmp_path: Path) -> None:
    scores = LateInteraction(MiniLM(tmp_path)).scores("What happened to interest rates?", PASSAGES)
    assert int(np.argmax(scores)) == 1
    assert all(-1.001 <= score <= 1.001 for score in scores)


def test_token_vectors_sum_to_the_embedding_of_their_text(tmp_path: Path) -> None:
    embedder = MiniLM(tmp_path)
    lengths = [len(held) for held in embedder.tokens(PASSAGES)]
    assert len(set(lengths)) > 1
    assert all(np.allclose(np.linalg.norm(held, axis=1), 1, atol=1e-5) for held in embedder.tokens(PASSAGES))


def cross_encoder(folder: Path) -> Path:
    """Write a real ONNX cross-encoder, small enough to check by hand: it counts the passage's tokens that are word 2."""
    vocabulary = {"[UNK]": 0, "[SEP]": 1, "rates": 2, "interest": 3}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", pair="$A [SEP] $B:1 [SEP]:1", special_tokens=[("[SEP]", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    two = helper.make_tensor("two", TensorProto.INT64, [1], [2])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Equal", ["input_ids", "two"], ["is_two"]),
        helper.make_node("Cast", ["is_two"], ["hit"], to=TensorProto.INT64),
        helper.make_node("Mul", ["hit", "token_type_ids"], ["in_passage"]),
        helper.make_node("Mul", ["in_passage", "attention_mask"], ["seen"]),
        helper.make_node("Cast", ["seen"], ["seen_float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["seen_float", "axes"], ["logits"], keepdims=1),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["pairs", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["pairs", 1])]
    graph = helper.make_graph(nodes, "counts", inputs, outputs, [two, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


def test_a_cross_encoder_reads_question_and_passage_together(tmp_path: Path) -> None:
    reranker = open_reranker(RerankerSettings(kind="cross-encoder", path=cross_encoder(tmp_path)))
    assert reranker is not None
    passages = ["no such word", "rates and rates", *["interest"] * 9, "rates"]
    assert reranker.scores("rates rates rates", passages) == [0.0, 2.0, *[0.0] * 9, 1.0]


def test_a_folder_without_a_cross_encoder_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as refused:
        CrossEncoder(tmp_path)
    assert "export" in refused.value.next_step
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(OperatorError, match="cannot be read"):
        CrossEncoder(tmp_path).scores("a", ["b"])


@contextmanager
def provider(results: str, status: int = 200, answer: Any = None) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """Speak a provider's wire: score a document by its length, best first, as all three of them do."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            received.append({**body, "authorization": self.headers["authorization"]})
            scored = [
                {"index": n, "relevance_score": len(text) / 100, "document": None}
                for n, text in sorted(enumerate(body["documents"]), key=lambda each: -len(each[1]))
            ]
            sent = json.dumps(answer or {results: scored, "id": "x", "meta": {}}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.send_header("retry-after", "7")
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class names it
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/rerank", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("kind", ["cohere", "jina", "voyage"])
def test_a_provider_is_asked_in_its_own_words_and_its_order_is_undone(kind: Any) -> None:
    with provider(WIRES[kind].results) as (url, received):
        reranker = open_reranker(RerankerSettings(kind=kind, url=url, api_key=SecretStr("key-1")))
        assert reranker is not None
        assert reranker.scores("rates?", PASSAGES) == [len(text) / 100 for text in PASSAGES]
    (body,) = received
    assert body["authorization"] == "Bearer key-1"
    assert body["query"] == "rates?"
    assert body[WIRES[kind].most] == 3
    assert body["model"] == WIRES[kind].model


@pytest.mark.parametrize(
    ("status", "answer", "error", "says"),
    [
        (401, None, OperatorError, "refuses the key"),
        (429, None, Unavailable, "429"),
        (503, None, Unavailable, "503"),
        (422, None, OperatorError, "refuses the request"),
        (200, {"surprise": 1}, OperatorError, "another form"),
        (200, {"results": [{"index": 0, "relevance_score": 1}]}, OperatorError, "another form"),
    ],
)
def test_a_provider_that_fails_is_named_without_its_key(
    status: int, answer: Any, error: type[OperatorError], says: str
) -> None:
    with provider("results", status, answer) as (url, _), pytest.raises(error, match=says) as failed:
        ProviderReranker(WIRES["cohere"], SecretStr("sk-secret"), url=url).scores("q", PASSAGES)
    assert "sk-secret" not in str(failed.value)
    if isinstance(failed.value, Unavailable):
        assert failed.value.retry_after == 7
