"""Who answers: the first rung that is there, and never a secret on the screen."""

from __future__ import annotations

import pytest

from lyceum.errors import UserError
from lyceum.settings import load_settings
from models.resolve import ResolvedModels, rungs

# A port that nothing listens on, so that no Ollama of this machine changes what is found.
ALONE = {"LYCEUM_PROVIDER__OLLAMA_URL": "http://127.0.0.1:9"}


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
    missing = [rung for rung in rungs(load_settings(environment=ALONE), {}) if not rung.available]
    assert {"openai", "anthropic", "google", "openai-compatible", "azure", "ollama"} <= {rung.name for rung in missing}
    assert all(rung.reason for rung in missing)


def test_a_password_in_a_url_is_not_shown() -> None:
    url = {"LYCEUM_PROVIDER__BASE_URL": "http://user:hunter2@example.test/v1"}
    assert "hunter2" not in repr(rungs(load_settings(environment={**ALONE, **url}), {}))


def test_offline_wins_over_every_key() -> None:
    settings = load_settings(environment=ALONE, offline=True)
    assert ResolvedModels(settings, {"OPENAI_API_KEY": "x"}).default == "offline"


def test_an_unknown_provider_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="'anthropic'"):
        ResolvedModels(load_settings(environment=ALONE), {}).get("antropic:claude")
