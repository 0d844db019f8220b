"""Draws `graph.onnx`: `python -m models.minilm.draw` (needs the `onnx` package, which only development brings).

The graph holds no weights. Each of its tensors names a stretch of `model.safetensors` (a header, then raw tensors), so
that onnxruntime reads the published file as it is. Hidden states stay two-dimensional, one row a token: `Gemm` takes
PyTorch's (out, in) matrices as they lie, and nothing is transposed at load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from onnx import ModelProto, NodeProto, TensorProto, helper

GRAPH = Path(__file__).with_name("graph.onnx")
WEIGHTS = "model.safetensors"
LAYERS, HEADS, SIZE = 6, 12, 384
EPSILON = 1e-12
ONNX_OPSET = 20  # the first with Gelu


class Drawing:
    """Nodes and tensors as they are added; every method returns the name of what it made."""

    def __init__(self, weights: Path) -> None:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            self._header = cast("dict[str, dict[str, Any]]", json.loads(file.read(length)))
        self._data = 8 + length
        self.nodes: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def weight(self, name: str) -> str:
        start, end = self._header[name]["data_offsets"]
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=self._header[name]["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", self._data + start), ("length", end - start)):
            tensor.external_data.add(key=key, value=str(value))
        self.tensors[name] = tensor
        return name

    def constant(self, kind: int, values: list[float], *, scalar: bool = False) -> str:
        name = f"constant_{len(self.tensors)}"
        self.tensors[name] = helper.make_tensor(name, kind, [] if scalar else [len(values)], values)
        return name

    def whole(self, *values: int) -> str:
        return self.constant(TensorProto.INT64, list(values))

    def number(self, value: float) -> str:
        return self.constant(TensorProto.FLOAT, [value], scalar=True)

    def linear(self, hidden: str, name: str) -> str:
        return self.add("Gemm", hidden, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), transB=1)

    def norm(self, hidden: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", hidden, scale, shift, axis=-1, epsilon=EPSILON)


def draw(weights: Path) -> ModelProto:
    """Return ids int64 (texts, tokens) and mask float32 of the same shape -> vectors float32 (texts, 384) and
    tokens float32 (texts, tokens, 384): the last hidden states, not scaled, zero where `mask` is.
    """
    d = Drawing(weights)
    texts_tokens = d.add("Shape", "ids")
    by_text = d.add("Concat", texts_tokens, d.whole(SIZE), axis=0)  # (texts, tokens, 384)
    by_head = d.add("Concat", texts_tokens, d.whole(HEADS, SIZE // HEADS), axis=0)
    rows = d.whole(-1, SIZE)
    tokens = d.add("Slice", texts_tokens, d.whole(1), d.whole(2))

    words = d.add("Gather", d.weight("embeddings.word_embeddings.weight"), "ids")
    places = d.add("Slice", d.weight("embeddings.position_embeddings.weight"), d.whole(0), tokens)
    first = d.add("Gather", d.weight("embeddings.token_type_embeddings.weight"), d.constant(7, [0], scalar=True))
    embedded = d.add("Add", words, d.add("Add", places, first))
    hidden = d.norm(d.add("Reshape", embedded, rows), "embeddings.LayerNorm")

    unseen = d.add("Mul", d.add("Sub", d.number(1.0), "mask"), d.number(-1e9))
    unseen = d.add("Unsqueeze", unseen, d.whole(1, 2))  # (texts, 1, 1, tokens)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            d.add("Reshape", d.linear(hidden, f"{name}.attention.self.{part}"), by_head)
            for part in ("query", "key", "value")
        )
        query, value = (d.add("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
        scores = d.add("MatMul", query, d.add("Transpose", key, perm=[0, 2, 3, 1]))
        scores = d.add("Add", d.add("Mul", scores, d.number((SIZE // HEADS) ** -0.5)), unseen)
        mixed = d.add("MatMul", d.add("Softmax", scores, axis=-1), value)
        mixed = d.add("Reshape", d.add("Transpose", mixed, perm=[0, 2, 1, 3]), rows)
        attended = d.linear(mixed, f"{name}.attention.output.dense")
        hidden = d.norm(d.add("Add", hidden, attended), f"{name}.attention.output.LayerNorm")
        inner = d.add("Gelu", d.linear(hidden, f"{name}.intermediate.dense"))
        hidden = d.norm(d.add("Add", hidden, d.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    seen = d.add("Unsqueeze", "mask", d.whole(2))
    tokens_seen = d.add("Mul", d.add("Reshape", hidden, by_text), seen, name="tokens")
    summed = d.add("ReduceSum", tokens_seen, d.whole(1), keepdims=0)
    length = d.add("ReduceL2", summed, d.whole(1), keepdims=1)  # a mean and a sum point the same way
    d.add("Div", summed, length, name="vectors")

    graph = helper.make_graph(
        d.nodes,
        "all-MiniLM-L6-v2",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["texts", "tokens"]),
        ],
        [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", SIZE]),
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["texts", "tokens", SIZE]),
        ],
        list(d.tensors.values()),
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=9, producer_name="lyceum"
    )


if __name__ == "__main__":
    from models.embeddings import package_folder

    GRAPH.write_bytes(draw(package_folder() / WEIGHTS).SerializeToString(deterministic=True))
