"""Who answers: an explicit model, else the first rung of the ladder that is there, with a printable reason."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lyceum.errors import OperatorError, UserError, nearest
from lyceum.settings import Settings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

PROBE_SECONDS = 0.3

# provider: (variables of which one must be set, its usual model)
_KEYED: dict[str, tuple[tuple[str, ...], str]] = {
    "openai": (("OPENAI_API_KEY",), "openai:gpt-5-mini"),
    "anthropic": (("ANTHROPIC_API_KEY",), "anthropic:claude-sonnet-4-5"),
    "google": (("GOOGLE_API_KEY", "GEMINI_API_KEY"), "google:gemini-2.5-flash"),
}


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: `model` is what it would answer with, `reason` why it is or is not available."""

    name: str
    model: str
    available: bool
    reason: str


def rungs(settings: Settings, environment: Mapping[str, str]) -> list[Rung]:
    """Return every rung in order, each available or with what is missing; asks a local Ollama, nothing else."""
    found: list[Rung] = []
    for name, (variables, model) in _KEYED.items():
        have = next((variable for variable in variables if environment.get(variable)), None)
        found.append(Rung(name, model, have is not None, f"{have} is set" if have else f"set {variables[0]}"))
    url = settings.provider.base_url
    named = (settings.model or "").removeprefix("openai-compatible:") or "default"
    reason = f"provider.base_url is set, host {urlsplit(url).hostname}" if url else "set LYCEUM_PROVIDER__BASE_URL"
    found.append(Rung("openai-compatible", f"openai-compatible:{named}", url is not None, reason))
    found.append(_cloud("bedrock", "bedrock:amazon.nova-lite-v1:0", ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"), environment))
    found.append(_cloud("azure", "azure:gpt-5-mini", ("AZURE_OPENAI_API_KEY",), environment))
    pulled = _ollama_models(settings.provider.ollama_url)
    have_ollama = f"ollama:{pulled[0]}" if pulled else "ollama:"
    why = "running with a model" if pulled else f"no Ollama with a model at {settings.provider.ollama_url}"
    found.append(Rung("ollama", have_ollama, bool(pulled), why))
    found.append(Rung("offline", "offline", True, "always there: extracts, does not reason"))
    return found


def _cloud(name: str, model: str, variables: tuple[str, ...], environment: Mapping[str, str]) -> Rung:
    if name == "bedrock" and importlib.util.find_spec("boto3") is None:
        return Rung(name, model, available=False, reason="install the bedrock extra")
    have = next((variable for variable in variables if environment.get(variable)), None)
    return Rung(name, model, have is not None, f"{have} is set" if have else f"set {variables[0]}")


def _ollama_models(url: str) -> list[str]:
    try:
        with urllib.request.urlopen(f"{url}/api/tags", timeout=PROBE_SECONDS) as answer:  # noqa: S310 - the user's URL
            return [str(model["name"]) for model in json.load(answer).get("models", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # nothing there, or no Ollama
        return []


class ResolvedModels:
    """Models by key: "default" is the ladder's choice; any other key is a model name."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._made: dict[str, Model] = {}

    @cached_property
    def _choice(self) -> tuple[str, str]:
        if self._settings.offline:
            return "offline", "asked for with --offline"
        if self._settings.model:
            return self._settings.model, "asked for by name"
        rung = next(rung for rung in rungs(self._settings, self._environment) if rung.available)
        return rung.model, rung.reason

    @property
    def default(self) -> str:
        return self._choice[0]

    @property
    def reason(self) -> str:
        name, reason = self._choice
        label = "offline engine" if name == "offline" else name
        return f"{label} ({reason})"

    def get(self, key: str = "default") -> Model:
        name = self.default if key == "default" or self._settings.offline else key
        if name not in self._made:
            self._made[name] = _make(name, self._settings)
        return self._made[name]


def _make(name: str, settings: Settings) -> Model:
    provider, _, model = name.partition(":")
    if name == "offline":
        from models.offline.model import OfflineModel

        return OfflineModel()
    known = [*_KEYED, "openai-compatible", "bedrock", "azure", "ollama"]
    if provider not in known or not model:
        raise UserError(
            f"{name!r} is no model I know.",
            next_step=f"Name it provider:model, or offline. {nearest(provider, [*known, 'offline'], what='providers')}",
        )
    if provider in ("openai-compatible", "ollama"):
        return _compatible(provider, model, settings)
    from pydantic_ai.exceptions import UserError as MissingSetting
    from pydantic_ai.models import infer_model

    try:
        return infer_model(name)
    except (MissingSetting, ImportError) as error:
        raise OperatorError(f"{name} cannot be used: {error}", next_step="See `lyceum models list`.") from None


def _compatible(provider: str, model: str, settings: Settings) -> Model:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    url = f"{settings.provider.ollama_url}/v1" if provider == "ollama" else settings.provider.base_url
    if not url:
        raise UserError("An OpenAI-compatible model needs its URL.", next_step="Set LYCEUM_PROVIDER__BASE_URL.")
    key = settings.provider.api_key
    secret = key.get_secret_value() if key and provider != "ollama" else "none"
    # The engine retries and journals; a second layer of retries would repeat paid calls unseen.
    client = AsyncOpenAI(base_url=url, api_key=secret, max_retries=0, timeout=settings.provider.timeout)
    return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
