"""Who answers: the first rung that is there, and never a secret on the screen."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import OperatorError, UserError
from lyceum.settings import load_settings
from models.ladder import Rung, rungs
from models.local.store import record, sha256_of
from models.resolve import ResolvedModels

# A port that nothing listens on and a home that is not there: nothing of this machine changes what is found.
ALONE = {"LYCEUM_PROVIDER__OLLAMA_URL": "http://127.0.0.1:9", "LYCEUM_HOME": "/nonexistent"}
AWS = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
AZURE = {
    "AZURE_OPENAI_API_KEY": "k",
    "AZURE_OPENAI_ENDPOINT": "https://ours.openai.azure.com",
    "OPENAI_API_VERSION": "2026-06-01",
    "AZURE_OPENAI_DEPLOYMENT": "gpt",
}


def rung(name: str, environment: dict[str, str], **settings: str) -> Rung:
    found = rungs(load_settings(environment={**ALONE, **settings}), environment)
    return next(each for each in found if each.name == name)


def test_with_nothing_else_the_offline_engine_answers_and_says_what_it_is() -> None:
    models = ResolvedModels(load_settings(environment=ALONE), {})
    assert models.default == "offline"
    assert "extracts, does not reason" in models.reason


def test_a_provider_key_comes_before_the_offline_engine_and_is_not_shown() -> None:
    environment = {"ANTHROPIC_API_KEY": "sk-very-secret"}
    models = ResolvedModels(load_settings(environment=ALONE), environment)
    assert models.default.startswith("anthropic:")
    assert "very-secret" not in models.reason


def test_every_rung_says_what_it_lacks() -> None:
    missing = [each for each in rungs(load_settings(environment=ALONE), {}) if not each.available]
    assert {"openai", "anthropic", "google", "openai-compatible", "bedrock", "azure", "ollama", "local"} <= {
        each.name for each in missing
    }
    assert all(each.reason for each in missing)


@pytest.mark.parametrize(
    ("name", "environment", "missing"),
    [
        ("azure", AZURE, "AZURE_OPENAI_API_KEY"),
        ("azure", AZURE, "AZURE_OPENAI_ENDPOINT"),
        ("azure", AZURE, "OPENAI_API_VERSION"),
        ("azure", AZURE, "AZURE_OPENAI_DEPLOYMENT"),
        ("bedrock", AWS, "AWS_DEFAULT_REGION"),
        ("bedrock", AWS, "AWS_ACCESS_KEY_ID"),
        ("bedrock", AWS, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_cloud_is_there_only_with_all_that_it_needs(
    monkeypatch: pytest.MonkeyPatch, name: str, environment: dict[str, str], missing: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: object())  # as if every extra were installed
    assert rung(name, environment).available
    without = rung(name, {key: value for key, value in environment.items() if key != missing})
    assert not without.available
    assert missing in without.reason


def test_bedrock_without_its_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "requirements/bedrock.lock" in rung("bedrock", AWS).reason


def test_an_azure_endpoint_of_the_version_one_api_needs_no_api_version() -> None:
    environment = {**AZURE, "AZURE_OPENAI_ENDPOINT": "https://ours.openai.azure.com/openai/v1/"}
    del environment["OPENAI_API_VERSION"]
    assert rung("azure", environment).available


@pytest.mark.parametrize("key", ["sk-secret\n", " sk-secret", "sk\u2011secret", "sk-\x00secret"])
def test_a_key_that_was_pasted_badly_is_told_before_it_is_sent(key: str) -> None:
    found = rung("openai", {"OPENAI_API_KEY": key})
    assert not found.available
    assert found.reason == "OPENAI_API_KEY is malformed: set it again"


def test_a_password_in_a_url_is_not_shown() -> None:
    urls = {
        "LYCEUM_PROVIDER__BASE_URL": "http://user:hunter2@127.0.0.1:9/v1?key=hunter2",
        "LYCEUM_PROVIDER__OLLAMA_URL": "http://user:hunter2@127.0.0.1:9",
    }
    assert "hunter2" not in repr(rungs(load_settings(environment=urls), {}))


@pytest.mark.parametrize("url", ["localhost:8000/v1", "file:///etc/passwd", "http://", "http://[::1"])
def test_an_address_that_cannot_be_asked_is_refused_as_a_setting(url: str) -> None:
    with pytest.raises(UserError, match=r"provider\.base_url"):
        load_settings(environment={"LYCEUM_PROVIDER__BASE_URL": url})


def test_a_server_of_ones_own_answers_with_the_first_model_it_lists(provider: Any) -> None:
    place = {"LYCEUM_PROVIDER__BASE_URL": f"{provider.url}/v1", "LYCEUM_PROVIDER__API_KEY": "sk-own"}
    found = rung("openai-compatible", {}, **place)
    assert (found.model, found.available) == ("openai-compatible:stand-in", True)
    assert provider.listed[0]["authorization"] == "Bearer sk-own"
    provider.served = []
    assert "--model openai-compatible:MODEL" in rung("openai-compatible", {}, **place).reason


def test_ollama_answers_with_a_chat_model_and_not_with_one_that_embeds(provider: Any) -> None:
    assert rung("ollama", {}, LYCEUM_PROVIDER__OLLAMA_URL=provider.url).model == "ollama:stand-in"
    provider.served = []
    assert "ollama pull" in rung("ollama", {}, LYCEUM_PROVIDER__OLLAMA_URL=provider.url).reason


def pulled(home: Path, name: str, size: int, *, cut: int = 0) -> None:
    """Lay a model file of `size` bytes into a home, and cut it off afterwards."""
    path = home / "models" / name / f"{name}.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF".ljust(size, b"0"))
    record(path, sha256_of(path), "a test", datetime.now(UTC))
    os.truncate(path, size - cut)


def test_the_largest_pulled_model_that_chats_answers_and_a_damaged_one_says_how_to_mend_it(tmp_path: Path) -> None:
    home = {"LYCEUM_HOME": str(tmp_path)}
    pulled(tmp_path, "qwen2.5-coder-1.5b", 100, cut=1)
    damaged = rung("local", {}, **home)
    assert not damaged.available
    assert "99 bytes of 100" in damaged.reason
    assert "lyceum models pull qwen2.5-coder-1.5b" in damaged.reason
    pulled(tmp_path, "gemma-3-270m", 90)  # a base model: it does not chat
    pulled(tmp_path, "qwen2.5-coder-0.5b", 80)
    pulled(tmp_path, "mine", 20)
    assert rung("local", {}, **home).model == "local:qwen2.5-coder-0.5b"
    models = ResolvedModels(load_settings(environment={**ALONE, **home}), {})
    assert models.get().system == "local"
    assert "pulled" in models.reason


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("local:qwen2.5-coder-1.5b", "is damaged.*lyceum models pull"),
        ("local:gemma-3-270m", "cannot chat"),
        ("local:qwen2.5-coder-0.5b", "not pulled.*lyceum models pull"),
        ("local:qwen2.5-coder-1b", "no model.*Did you mean"),
        ("local:../escape", "no model"),
    ],
)
def test_a_local_model_that_cannot_answer_says_why(tmp_path: Path, name: str, what: str) -> None:
    pulled(tmp_path, "qwen2.5-coder-1.5b", 100, cut=1)
    pulled(tmp_path, "gemma-3-270m", 90)
    models = ResolvedModels(load_settings(environment={**ALONE, "LYCEUM_HOME": str(tmp_path)}), {})
    with pytest.raises((UserError, OperatorError), match=f"(?s){what}"):
        models.get(name)


def test_another_kind_of_server_is_no_rung(provider: Any) -> None:
    assert "another kind of server" in rung("ollama", {}, LYCEUM_PROVIDER__OLLAMA_URL=f"{provider.url}/v1").reason


def test_offline_wins_over_every_key() -> None:
    settings = load_settings(environment=ALONE, offline=True)
    assert ResolvedModels(settings, {"OPENAI_API_KEY": "x"}).default == "offline"


def test_an_explicit_model_wins_over_the_ladder() -> None:
    models = ResolvedModels(load_settings(environment=ALONE, model="offline"), {"OPENAI_API_KEY": "x"})
    assert models.get().system == "lyceum"
    assert "asked for by name" in models.reason


def test_an_unknown_provider_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="'anthropic'"):
        ResolvedModels(load_settings(environment=ALONE), {}).get("antropic:claude")


@pytest.mark.parametrize("name", ["openai:gpt-6-luna", "openai", "azure:ours", "openai-compatible:m", "ollama"])
def test_a_model_named_without_what_it_needs_says_what_that_is(name: str) -> None:
    with pytest.raises(OperatorError, match=r"OPENAI_API_KEY|LYCEUM_PROVIDER__BASE_URL|start Ollama"):
        ResolvedModels(load_settings(environment=ALONE), {}).get(name)


def test_the_engine_alone_retries() -> None:
    models = ResolvedModels(load_settings(environment=ALONE), {"OPENAI_API_KEY": "k"})
    assert models.get().settings == {"max_retries": 0, "timeout": 120, "cache": True}
