"""Settings come from a file and the environment, and a misspelt one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from lyceum.errors import UserError
from lyceum.settings import Section, load_settings


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "lyceum.toml"
    file.write_text('model = "offline"\n[budget]\ntokens = 5\nmodel_calls = 7\n')
    settings = load_settings(file=file, environment={"LYCEUM_BUDGET__TOKENS": "9"})
    assert (settings.model, settings.budget.tokens, settings.budget.model_calls) == ("offline", 9, 7)


@pytest.mark.parametrize(
    ("name", "nearest"), [("LYCEUM_MODLE", "model"), ("LYCEUM_BUDGET__TOKNES", "tokens"), ("LYCEUM_HOEM", "home")]
)
def test_an_unknown_key_is_refused_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(UserError) as refused:
        load_settings(environment={name: "1"})
    assert repr(nearest) in refused.value.next_step


def test_a_bad_value_names_the_setting_and_how_to_set_it() -> None:
    with pytest.raises(UserError, match=r"budget\.tokens") as refused:
        load_settings(environment={"LYCEUM_BUDGET__TOKENS": "many"})
    assert "LYCEUM_BUDGET__TOKENS" in refused.value.next_step


def test_a_server_validates_its_own_section() -> None:
    class Limits(Section):
        rows: int = Field(default=3, ge=1)

    settings = load_settings(environment={"LYCEUM_SERVERS__DEMO__ROWS": "8"})
    assert settings.section("demo", Limits).rows == 8
    wrong = load_settings(environment={"LYCEUM_SERVERS__DEMO__ROW": "8"})
    with pytest.raises(UserError, match=r"servers\.demo\.row"):
        wrong.section("demo", Limits)


def test_a_secret_is_not_shown() -> None:
    settings = load_settings(environment={"LYCEUM_PROVIDER__API_KEY": "sk-very-secret"})
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in settings.model_dump_json()
