"""All settings, read once: defaults, then `lyceum.toml`, then the environment (`LYCEUM_*`, `__` for nesting).

Unknown keys are refused with the nearest valid name, because a misspelt limit is no limit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

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
    temperature: float | None = Field(default=None, ge=0, le=2, description="None: as the provider has it.")
    prompt_cache: Literal["off", "on", "5m", "30m", "1h"] = Field(
        default="on", description="Whether a provider keeps the stable beginning of a prompt, and for how long."
    )
    prompt_cache_key: str | None = Field(default=None, description="OpenAI: groups requests that begin alike.")
    output: dict[str, Literal["tool", "native", "prompted"]] = Field(
        default_factory=dict, description="How a provider is asked for typed output, where its own way is not wanted."
    )

    @field_validator("base_url", "ollama_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("it must start with http:// or https:// and a host")
        return url


class BudgetSettings(Section):
    """What one run, all its agents together, may use before it ends with a partial answer; `dollars`: no limit."""

    model_calls: int = Field(default=100, ge=1)
    tool_calls: int = Field(default=300, ge=1)
    tokens: int = Field(default=1_000_000, ge=1)
    dollars: float | None = Field(default=None, gt=0)
    seconds: float = Field(default=900, gt=0)


Trigger = Literal[
    "rate_limit",
    "quota",
    "server_error",
    "timeout",
    "connection",
    "unreadable",
    "context",
    "key",
    "not_found",
    "rejected",
    "filter",
]


class FallbackSettings(Section):
    """Who answers when the model asked for cannot, in order; `on` says for which failures the next one is asked."""

    models: tuple[str, ...] = ()
    on: tuple[Trigger, ...] = ("rate_limit", "quota", "server_error", "timeout", "connection", "unreadable")

    @field_validator("models", "on", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take `a, b` too: an environment variable holds no list."""
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


class CacheSettings(Section):
    """Answers kept for a request that is made again, word for word: off unless asked for.

    Only requests at temperature 0 are kept; `sampled` keeps the others too, and so repeats what was one of many
    answers. `semantic` is the cosine at which an opening question is close enough to an earlier one to share its
    answer; None: never.
    """

    enabled: bool = False
    sampled: bool = False
    hours: float = Field(default=24, gt=0)
    megabytes: float = Field(default=200, gt=0)
    semantic: float | None = Field(default=None, ge=0.8, le=1)


class LimitSettings(Section):
    """How fast a provider may be asked by this process; None: as fast as it takes."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    concurrent: int | None = Field(default=None, ge=1)
    wait: float = Field(default=30, ge=0, description="Seconds a request waits for its turn before it is refused.")


class BreakerSettings(Section):
    """After so many failures in a row a model is left alone for so many seconds, then tried once."""

    failures: int = Field(default=5, ge=1)
    seconds: float = Field(default=30, gt=0)


class PriceSettings(Section):
    """US dollars for a million tokens, for a model whose price is not public or is one's own."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0, description="Input read from the cache; None: as other input.")


class TelemetrySettings(Section):
    """OpenTelemetry spans: off by default; prompts, answers and tool arguments are left out unless `content` is set.

    `endpoint` is the full address that `otlp` sends to, by default what OTEL_EXPORTER_OTLP_ENDPOINT says; `file` is
    where `file` appends JSON lines, by default `logs/spans.jsonl` in the home folder.
    """

    exporter: Literal["none", "console", "file", "otlp", "logfire"] = "none"
    endpoint: str | None = None
    file: Path | None = None
    content: bool = False


class TemporalSettings(Section):
    """The Temporal server that flows run on where `engine` is `temporal`.

    `tls`: None means on with an API key or a certificate (Temporal Cloud), else off. A `build` and a `deployment` turn
    worker versioning on: a run stays with the build it began on (`pinned`) or moves on at its next step
    (`auto_upgrade`).
    """

    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    task_queue: str = Field(default="lyceum", min_length=1)
    api_key: SecretStr | None = None
    tls: bool | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_ca: Path | None = None
    server_name: str | None = Field(default=None, description="The name in the server's certificate, if another.")
    deployment: str = "lyceum"
    build: str | None = None
    versioning: Literal["pinned", "auto_upgrade"] = "pinned"
    search_attributes: bool = Field(default=True, description="Register and set LyceumFlow and LyceumThread.")
    heartbeat: float = Field(default=30, gt=0, description="Seconds without a sign of life: a step is given away.")
    continue_after: int = Field(default=8000, ge=100, description="Events of history, then it continues as new.")
    models: tuple[str, ...] = Field(default=(), description="Further model keys that workers have agents for.")

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_whole(self) -> TemporalSettings:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together")
        return self


class S3Settings(Section):
    """An S3-compatible store for artifacts; keys that are not given come from where AWS tools look for them."""

    bucket: str = Field(min_length=3)
    endpoint: str | None = Field(default=None, description="None: Amazon's own, of the region.")
    prefix: str = "lyceum/"
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


class Settings(Section):
    home: Path = Field(default_factory=default_home)
    model: str | None = None
    offline: bool = False
    provider: ProviderSettings = ProviderSettings()
    budget: BudgetSettings = BudgetSettings()
    fallback: FallbackSettings = FallbackSettings()
    cache: CacheSettings = CacheSettings()
    breaker: BreakerSettings = BreakerSettings()
    limits: dict[str, LimitSettings] = Field(default_factory=dict, description="By provider: openai, anthropic, ...")
    prices: dict[str, PriceSettings] = Field(default_factory=dict, description="By the model's name at its provider.")
    telemetry: TelemetrySettings = TelemetrySettings()
    engine: Literal["journal", "temporal"] = "journal"
    store: SecretStr | None = Field(default=None, description="postgresql://... for runs; None: a file in the home.")
    artifacts: S3Settings | None = Field(default=None, description="None: a folder in the home.")
    temporal: TemporalSettings = TemporalSettings()
    pdf: bool = Field(default=True, description="Print research reports as PDF too, where there is a browser.")
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
        name = prefix + ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
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
    within_table = False
    for part in location[:-1]:
        if within_table:  # a name that the user chose: [limits.openai]
            within_table = False
            continue
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if get_origin(annotation) is dict:
            annotation, within_table = get_args(annotation)[1], True
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
