"""All settings, read once: defaults, then `lyceum.toml`, then the environment (`LYCEUM_*`, `__` for nesting).

Unknown keys are refused with the nearest valid name, because a misspelt limit is no limit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from lyceum.errors import UserError, nearest
from lyceum.paths import default_home

SectionT = TypeVar("SectionT", bound=BaseModel)

CONFIG_FILE = "lyceum.toml"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ProviderSettings(Section):
    """An OpenAI-compatible endpoint (vLLM, SGLang, TGI, LM Studio, a LiteLLM proxy); keys of hosted providers
    stay in their own usual variables (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...).
    """

    base_url: str | None = None
    api_key: SecretStr | None = None
    ollama_url: str = "http://127.0.0.1:11434"
    timeout: float = Field(default=120, gt=0, description="Seconds a provider may be silent during a request.")

    @field_validator("base_url", "ollama_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("it must start with http:// or https:// and a host")
        return url


class BudgetSettings(Section):
    """What one run may use before it ends with a partial answer."""

    model_calls: int = Field(default=40, ge=1)
    tool_calls: int = Field(default=100, ge=1)
    tokens: int = Field(default=400_000, ge=1)
    seconds: float = Field(default=900, gt=0)


class TelemetrySettings(Section):
    """OpenTelemetry spans: off by default; prompts, answers and tool arguments are left out unless `content` is set.

    `endpoint` is the full address that `otlp` sends to, by default what OTEL_EXPORTER_OTLP_ENDPOINT says; `file` is
    where `file` appends JSON lines, by default `logs/spans.jsonl` in the home folder.
    """

    exporter: Literal["none", "console", "file", "otlp", "logfire"] = "none"
    endpoint: str | None = None
    file: Path | None = None
    content: bool = False


class Settings(Section):
    home: Path = Field(default_factory=default_home)
    model: str | None = None
    offline: bool = False
    provider: ProviderSettings = ProviderSettings()
    budget: BudgetSettings = BudgetSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    tools: dict[str, str] = Field(
        default_factory=dict, description="Server name to `inprocess`, `stdio` or an http(s) URL; default inprocess."
    )
    servers: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="One section a tool server, validated by that server."
    )

    def section(self, server: str, model: type[SectionT]) -> SectionT:
        """Return a server's own section as its settings model; raises UserError for an unknown key or bad value."""
        return _validated(model, self.servers.get(server, {}), prefix=f"servers.{server}.")


def load_settings(
    *, file: Path | None = None, environment: Mapping[str, str] | None = None, **overrides: Any
) -> Settings:
    """Read the settings; raises UserError naming the key, its origin and the nearest valid key.

    `file` defaults to `lyceum.toml` here, else in the home folder. `overrides` are command-line options.
    """
    environment = os.environ if environment is None else environment
    from_environment = dict(_environment_values(environment))
    home = Path(str(from_environment.get("home") or default_home())).expanduser()
    path = file or next((p for p in (Path(CONFIG_FILE), home / CONFIG_FILE) if p.is_file()), None)
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}.", next_step="Correct the file or remove it.") from error
    _merge(values, from_environment)
    _merge(values, {key: value for key, value in overrides.items() if value is not None})
    if "home" in values:
        values["home"] = Path(str(values["home"])).expanduser().resolve()
    return _validated(Settings, values)


# Variables that are not settings: they choose data for benchmarks or are read by the test suite.
_NOT_SETTINGS = {"LYCEUM_BENCH_DATA", "LYCEUM_TEST_MODEL"}


def _environment_values(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    nested: dict[str, Any] = {}
    for name, raw in environment.items():
        if not name.startswith("LYCEUM_") or name in _NOT_SETTINGS or not raw:
            continue
        keys = name.removeprefix("LYCEUM_").lower().split("__")
        value: Any = raw
        for key in reversed(keys):
            value = {key: value}
        _merge(nested, cast("dict[str, Any]", value))
    yield from nested.items()


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], cast("Mapping[str, Any]", value))
        else:
            into[key] = value


def _validated(model: type[SectionT], values: Mapping[str, Any], *, prefix: str = "") -> SectionT:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = prefix + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            valid = _keys_beside(model, first["loc"])
            raise UserError(
                f"Unknown setting {name!r}.", next_step=nearest(str(first["loc"][-1]), valid, what="settings here")
            ) from None
        raise UserError(
            f"Setting {name!r} is not valid: {first['msg']}.",
            next_step=f"Set it in {CONFIG_FILE} or as LYCEUM_{name.upper().replace('.', '__')}.",
        ) from None


def _keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
