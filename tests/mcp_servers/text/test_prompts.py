"""A prompt is scored on messages it does not show; what is said of labels helps; answers must be a label to count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lyceum.paths import home_from_environment
from lyceum.settings import Settings
from mcp_servers.providers.practice.said import Says
from mcp_servers.providers.practice.serve import running
from mcp_servers.text.messages import macro_f1, messages
from mcp_servers.text.prompts import Label, Prompt
from tests.mcp_servers.text.conftest import call, hosted

REAL_HOME = home_from_environment()  # before a test's own home takes its place: pulled models are there
NAMES = ("delivery", "billing", "returns", "technical", "account")
BARE = [{"name": name} for name in NAMES]
SAID = (
    "where a parcel is, the courier and shipping",
    "invoices, charges, prices and receipts",
    "sending something back, refunds and exchanges",
    "the machine does not work: errors, leaks and noise",
    "login, password, profile and personal data",
)
DESCRIBED = [{"name": name, "description": said} for name, said in zip(NAMES, SAID, strict=True)]


async def test_descriptions_of_labels_make_fewer_mistakes_and_no_model_is_needed_to_see_it(tmp_path: Path) -> None:
    bare = await call(tmp_path, "text_score_prompt", labels=BARE, instructions="Sort.")
    other = await call(tmp_path, "text_score_prompt", labels=BARE, instructions="Sort with care.")
    described = await call(tmp_path, "text_score_prompt", labels=DESCRIBED, instructions="Sort.")
    assert "instructions are not" in bare["answered_by"]
    assert other["accuracy"] == bare["accuracy"], "embeddings do not read instructions"
    assert described["accuracy"] > bare["accuracy"] + 0.1
    assert len(bare["mistakes"]) == round(30 * (1 - bare["accuracy"]))
    assert bare["confused"][0].split(" > ")[0] in NAMES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"labels": [*BARE[:4], {"name": "spam"}]}, "Send exactly: account, billing"),
        ({"labels": [*BARE, {"name": "billing"}]}, "A label is there twice"),
        ({"labels": BARE, "examples": [{"text": "Hello", "label": "greeting"}]}, "'greeting'"),
        (
            {"labels": BARE, "part": "test", "examples": [{"text": messages("test").texts[0], "label": "delivery"}]},
            "one of the messages that the prompt is scored on",
        ),
    ],
)
async def test_a_prompt_that_cannot_be_scored_fairly_is_refused(
    tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    assert said in (await call(tmp_path, "text_score_prompt", **arguments))["error"]


async def test_an_answer_that_says_more_than_a_label_is_not_in_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(lambda _heard: Says(text="I think this is about billing.")) as provider:
        settings = hosted(tmp_path, provider.url, monkeypatch)
        told = await call(tmp_path, "text_score_prompt", settings, labels=DESCRIBED, instructions="Sort the message.")
    assert (told["accuracy"], told["in_form"], told["named"]) == (0, 0, 0.2)
    assert provider.asked[0].body["messages"][0]["content"] == told["prompt"], "the prompt is what was sent"
    assert "courier and shipping" in told["prompt"]


async def test_few_shot_answers_stand_in_the_table_with_their_reliability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(lambda _heard: Says(text="Billing.")) as provider:
        settings = hosted(tmp_path, provider.url, monkeypatch)
        told = await call(tmp_path, "text_classify_compare", settings, methods=["few-shot"])
    (row,) = told["methods"]
    assert (row["accuracy"], row["reliability"], len(row["mistakes"])) == (0.2, 1, 40)
    assert row["tokens"] == 50 * 120, "as the provider counts them"
    assert row["hosted_cost"] > 0


async def test_without_a_model_nothing_is_made_up(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_classify_compare", methods=["few-shot", "few-shot-schema"])
    assert "no language model" in told["error"]
    assert "lyceum models pull" in told["error"]


@pytest.mark.parametrize(
    ("answer", "label", "named"),
    [
        ("billing", "billing", "billing"),
        ("Label: **Billing**.", "billing", "billing"),
        ("billing or returns", "", ""),
        ("This is billing", "", "billing"),
        ("rebilling", "", ""),
        ("", "", ""),
    ],
)
def test_an_answer_is_read_strictly_and_once_more_loosely(answer: str, label: str, named: str) -> None:
    prompt = Prompt(instructions="", labels=[Label(name=name) for name in NAMES])
    assert (prompt.label_of(answer), prompt.named_in(answer)) == (label, named)


def test_macro_f1_weighs_labels_alike() -> None:
    assert macro_f1(["a", "a", "b"], ["a", "a", "b"]) == 1
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"]) == round((6 / 7) / 2, 4)


@pytest.mark.local_model
@pytest.mark.timeout(600)
async def test_the_pulled_model_extracts_what_a_sentence_says(tmp_path: Path) -> None:
    settings = Settings(home=REAL_HOME, model="local")
    told = await call(tmp_path, "text_extract", settings, text="Greta Holm works for Sable Labs.", way="llm")
    assert {"subject": "Greta Holm", "relation": "works_for", "object": "Sable Labs"} in told["relations"]
    assert told["cost"] == 0
