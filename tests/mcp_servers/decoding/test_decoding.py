"""What the decoding tools promise, through MCP, on a model that is trained in the test."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client

from lyceum.artifacts import FolderArtifacts
from lyceum.paths import home_from_environment
from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.decoding import measures, warps
from mcp_servers.decoding.distribution import Distribution
from mcp_servers.decoding.ngram import NGram
from mcp_servers.decoding.results import Method
from mcp_servers.decoding.search import write
from mcp_servers.services import Services

# "the" is followed by "cat" more often than by "dog", but what "dog" begins is surer to its end.
TEXT = "the cat ran\n" * 2 + "the cat sat\n" * 2 + "the cat ate\n" * 2 + "the dog slept\n" * 5
GREEDY = {"kind": "greedy"}
REAL_HOME = home_from_environment()  # before a test's own home takes its place: pulled models are there


class Refused(Exception):
    """The tool's own words about a call that it did not carry out."""


@pytest.fixture
def decoding(tmp_path: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Callable[..., Any]]:
        async with Client(make("decoding", Settings(home=tmp_path), Services(tmp_path))) as client:

            async def call(tool: str, **arguments: Any) -> dict[str, Any]:
                result = await client.call_tool(f"decoding_{tool}", arguments)
                if result.is_error:
                    raise Refused(result.content[0].text)  # type: ignore[union-attr]
                return result.structured_content or {}

            await call("train", name="pets", text=TEXT, replace=True)
            yield call

    return opened


async def test_beams_find_a_likelier_text_than_greedy(decoding: Callable[[], Any]) -> None:
    async with decoding() as call:
        beam = {"kind": "beam", "beams": 3, "length_penalty": 0}
        greedy, beams = (await call("write", model="pets", prompt="the", methods=[GREEDY, beam]))["texts"]
    assert greedy["text"].startswith(" cat")
    assert beams["text"] == " dog slept"
    assert beams["log_probability"] > greedy["log_probability"]
    assert beams["ended"]


async def test_the_same_seed_draws_the_same_text_and_another_seed_another(decoding: Callable[[], Any]) -> None:
    async with decoding() as call:
        methods = [{"seed": seed, "temperature": 1.5} for seed in (1, 1, *range(2, 9))]
        texts = [text["text"] for text in (await call("write", model="pets", prompt="", methods=methods))["texts"]]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 3


async def test_temperature_moves_the_entropy_and_filters_cut(decoding: Callable[[], Any], tmp_path: Path) -> None:
    methods: list[dict[str, Any]] = [
        {"temperature": 0.5}, {}, {"temperature": 2}, {"top_k": 2}, {"top_p": 0.4}, {"min_p": 0.9}, GREEDY
    ]  # fmt: skip
    async with decoding() as call:
        shown = await call("distribution", model="pets", prompt="the", methods=methods)
    cold, plain, hot, two, nucleus, near, greedy = shown["methods"]
    assert cold["entropy"] < plain["entropy"] < hot["entropy"]
    assert (two["kept"], nucleus["kept"], near["kept"], greedy["kept"]) == (2, 1, 1, 1)
    assert shown["tokens"][0]["token"] == "·cat"
    assert shown["tokens"][2]["probabilities"][3] == 0, "top-k 2 cuts the third"
    svg = await FolderArtifacts(tmp_path / "artifacts").get(shown["drawing"]["sha256"])
    assert ElementTree.fromstring(svg).tag.endswith("svg")


async def test_a_repetition_penalty_breaks_a_loop(decoding: Callable[[], Any]) -> None:
    async with decoding() as call:
        await call("train", name="loop", text="la la la di da\n" * 3, order=2)
        methods = [GREEDY, {**GREEDY, "repetition_penalty": 5}]
        plain, penalised = (await call("write", model="loop", prompt="la", methods=methods, max_tokens=12))["texts"]
    assert plain["repeated"] > 0.8
    assert penalised["repeated"] < plain["repeated"]


async def test_longer_contexts_fit_better_and_models_are_kept(decoding: Callable[[], Any]) -> None:
    async with decoding() as call:
        trained = await call("train", name="more", text=TEXT.replace("ran", "ran home") * 10)
        assert trained["perplexity"]["1"] > trained["perplexity"]["2"] > 1
    async with decoding() as call:
        assert [model["name"] for model in (await call("models"))["models"]] == ["more", "pets"]
        await call("delete", name="more")
        with pytest.raises(Refused, match="no model 'more'"):
            await call("write", model="more", prompt="", methods=[GREEDY])


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("train", {"name": "pets", "text": "a"}, "replace true"),
        ("train", {"name": "../x", "text": "a"}, "lower-case"),
        ("train", {"name": "x", "text": " \n"}, "empty"),
        ("train", {"name": "x"}, "Send one of the two"),
        ("train", {"name": "x", "path": "/nowhere.txt"}, "cannot be read"),
        ("write", {"model": "pet", "prompt": "", "methods": [GREEDY]}, "Did you mean 'pets'"),
        ("write", {"model": "pets", "prompt": "", "methods": [{"temperature": -1}]}, "temperature"),
        ("write", {"model": "pets", "prompt": "", "methods": [{"beams": 17}]}, r"beams: .*less than or equal to 16"),
        ("write", {"model": "pets", "prompt": "", "methods": [{"top_q": 1}]}, "top_q: .*not permitted.* settings"),
        ("delete", {"name": "gguf:x"}, "trained here"),
    ],
)
async def test_a_wrong_call_says_what_to_send(
    tool: str, arguments: dict[str, Any], said: str, decoding: Callable[[], Any]
) -> None:
    async with decoding() as call:
        with pytest.raises(Refused, match=said):
            await call(tool, **arguments)


LOGITS = st.lists(st.floats(-30, 0), min_size=1, max_size=40)
FILTERS: dict[str, Callable[[Distribution], Distribution]] = {
    "temperature": lambda given: warps.temperature(given, 0.3),
    "top-k": lambda given: warps.top_k(given, 3),
    "top-p": lambda given: warps.top_p(given, 0.5),
    "min-p": lambda given: warps.min_p(given, 0.2),
    "typical": lambda given: warps.typical(given, 0.5),
    "penalty": lambda given: warps.repetition_penalty(given, [0, 2], 1.5),
    "mirostat": warps.Mirostat(3.0).warp,
}


@settings(deadline=None)
@given(logits=LOGITS, name=st.sampled_from(sorted(FILTERS)))
def test_every_warp_leaves_a_distribution_over_some_of_the_tokens(logits: list[float], name: str) -> None:
    before = Distribution.of(np.arange(len(logits)), np.array(logits))
    after = FILTERS[name](before)
    assert len(after.ids) >= 1
    assert set(after.ids) <= set(before.ids)
    assert after.probabilities.sum() == pytest.approx(1)


@settings(deadline=None)
@given(logits=LOGITS, p=st.floats(0.05, 1))
def test_a_nucleus_is_the_smallest_set_that_reaches_its_probability(logits: list[float], p: float) -> None:
    before = Distribution.of(np.arange(len(logits)), np.array(logits))
    kept = len(warps.top_p(before, p).ids)
    assert before.probabilities[:kept].sum() >= min(p, 1) - 1e-9
    assert before.probabilities[: kept - 1].sum() < p


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab c."), min_size=1, max_size=20), min_size=1, max_size=6))
def test_an_ngram_models_probabilities_sum_to_one_and_its_beam_of_one_is_greedy(lines: list[str]) -> None:
    text = "\n".join(lines)
    if not text.replace("\n", " ").strip():
        return
    model = NGram("m", text, 3)
    assert model.next("a b", []).probabilities.sum() == pytest.approx(1)
    one = write(model, "a", Method(kind="beam", beams=1), 8)
    assert one.ids == write(model, "a", Method(kind="greedy"), 8).ids


async def test_mirostat_holds_the_surprise(decoding: Callable[[], Any]) -> None:
    words = " ".join(f"w{n}" for n in range(400))
    async with decoding() as call:
        await call("train", name="many", text=words, order=1)
        methods = [{"mirostat_tau": tau, "seed": 3} for tau in (2.0, 6.0)]
        low, high = (await call("write", model="many", prompt="", methods=methods, max_tokens=60, steps=True))["texts"]
    assert np.mean([step["kept"] for step in low["steps"]]) < np.mean([step["kept"] for step in high["steps"]])


def test_rouge_counts_what_is_shared() -> None:
    assert measures.rouge_n("the cat sat", "the cat ran", 1) == pytest.approx(2 / 3)
    assert measures.rouge_n("the cat sat", "the cat ran", 2) == pytest.approx(1 / 2)
    assert measures.rouge_l("a b c d", "a x c d") == pytest.approx(3 / 4)
    assert measures.rouge_l("", "") == 0
    assert measures.distinct("a b a b", 2) == pytest.approx(2 / 3)


@pytest.mark.local_model
async def test_a_pulled_models_probabilities_are_decoded(tmp_path: Path) -> None:
    name = "gguf:qwen2.5-coder-1.5b"
    prompt = "<|im_start|>user\nName the capital of France in one word.<|im_end|>\n<|im_start|>assistant\n"
    if not (REAL_HOME / "models" / "qwen2.5-coder-1.5b").is_dir():
        pytest.skip("pull a model first: lyceum models pull qwen2.5-coder-1.5b")
    (tmp_path / "models").symlink_to(REAL_HOME / "models", target_is_directory=True)
    async with Client(make("decoding", Settings(home=tmp_path), Services(tmp_path))) as client:
        methods = [GREEDY, {"kind": "beam", "beams": 2}]
        arguments = {"model": name, "prompt": prompt, "methods": methods, "max_tokens": 6}
        result = await client.call_tool("decoding_write", arguments)
        refused = await client.call_tool("decoding_write", {**arguments, "max_tokens": 200})
    greedy, beam = (result.structured_content or {})["texts"]
    assert (greedy["text"], greedy["ended"]) == ("Paris", True)
    assert beam["text"] == "Paris"
    assert "at most 400 steps" in refused.content[0].text  # type: ignore[union-attr]
