"""Who answers: an explicit model, else the first rung of the ladder that is there, with a printable reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from lyceum.errors import OperatorError, UserError, nearest
from lyceum.settings import ProviderSettings, Settings
from models.catalog import CATALOG, catalogued
from models.local.store import installed, path_of
from models.providers import HOSTED, chosen, lacking, make_compatible, make_hosted, make_ollama, shown

if TYPE_CHECKING:
    from pydantic_ai.models import Model

LOCAL_PROBE_SECONDS = 0.3
PROBE_SECONDS = 2.0
LOCAL = "qwen2.5-coder-1.5b"  # the local model to begin with

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: `model` is what it would answer with, `reason` why it is or is not available."""

    name: str
    model: str
    available: bool
    reason: str


def rungs(settings: Settings, environment: Mapping[str, str]) -> list[Rung]:
    """Return every rung in order, each available or with what is missing; asks the named servers, nothing else."""
    return list(_ladder(settings, environment))


def _ladder(settings: Settings, environment: Mapping[str, str]) -> Iterator[Rung]:
    """Climb one rung at a time: whoever stops early asks no server further up."""
    for name in ("openai", "anthropic", "google"):
        yield _hosted(name, HOSTED[name].model, environment)
    yield _compatible(settings.provider)
    yield _hosted("bedrock", HOSTED["bedrock"].model, environment)
    yield _azure(environment)
    yield _ollama(settings.provider.ollama_url)
    yield _local(settings.home)
    yield Rung("offline", "offline", True, "always there: extracts, does not reason")


def _hosted(name: str, model: str, environment: Mapping[str, str]) -> Rung:
    lack = lacking(name, environment)
    have = [each for group in HOSTED[name].needs if (each := chosen(group, environment))]
    found = f"{' and '.join(have)} {'is' if len(have) == 1 else 'are'} set"
    return Rung(name, f"{name}:{model}", not lack, lack or found)


def _azure(environment: Mapping[str, str]) -> Rung:
    """Azure names deployments, not models: without one, the rung has nothing to answer with."""
    deployment = environment.get("AZURE_OPENAI_DEPLOYMENT", "")
    rung = _hosted("azure", deployment, environment)
    if rung.available and not deployment:
        return Rung("azure", rung.model, False, "set AZURE_OPENAI_DEPLOYMENT, or name it: --model azure:DEPLOYMENT")
    return rung


def _compatible(provider: ProviderSettings) -> Rung:
    name = "openai-compatible"
    if not provider.base_url:
        return Rung(name, f"{name}:", False, "set LYCEUM_PROVIDER__BASE_URL")
    key = provider.api_key.get_secret_value() if provider.api_key else "none"
    bearer = {"Authorization": f"Bearer {key}"}
    answer = _ask(f"{provider.base_url.rstrip('/')}/models", _Served, PROBE_SECONDS, bearer)
    place = shown(provider.base_url)
    if isinstance(answer, str):
        return Rung(name, f"{name}:", False, f"{place} {answer}")
    if not answer.data:
        return Rung(name, f"{name}:", False, f"{place} lists no model; name it: --model {name}:MODEL")
    return Rung(name, f"{name}:{answer.data[0].id}", True, f"served at {place}")


def _ollama(url: str) -> Rung:
    answer = _ask(f"{url.rstrip('/')}/api/tags", _Tags, LOCAL_PROBE_SECONDS, {})
    if isinstance(answer, str):
        return Rung("ollama", "ollama:", False, f"start Ollama: {shown(url)} {answer}")
    chats = [each.name for each in answer.models if not ("embed" in each.name or "bert" in each.details.family)]
    if not chats:
        return Rung("ollama", "ollama:", False, "Ollama runs but has no chat model: ollama pull NAME")
    return Rung("ollama", f"ollama:{chats[0]}", True, f"running at {shown(url)}")


def _local(home: Path) -> Rung:
    """The largest pulled model that can chat and is whole."""
    pulled = installed(home)
    whole = [each for each in pulled if not each.problem and _chats(each.name)]
    if whole:
        largest = max(whole, key=lambda each: each.manifest.size_bytes)
        return Rung("local", f"local:{largest.name}", True, "pulled, runs in this process")
    damaged = next((each for each in pulled if each.problem), None)
    why = f"{damaged.name} is damaged ({damaged.problem}): " if damaged else ""
    return Rung("local", "local:", False, f"{why}lyceum models pull {damaged.name if damaged else LOCAL}")


def _chats(name: str) -> bool:
    return name not in CATALOG or CATALOG[name].kind == "chat"


def _make_local(name: str, home: Path) -> Model:
    from models.local.engine import Engine
    from models.local.model import LocalModel

    path = path_of(name, home)
    if path is None:
        catalogued(name)
        raise OperatorError(f"{name} is not pulled.", next_step=f"Pull it: lyceum models pull {name}")
    if not _chats(name):
        raise UserError(f"{name} only continues text; it cannot chat.", next_step=f"Use --model local:{LOCAL}.")
    return LocalModel(name, Engine(path))


class _ServedModel(BaseModel):
    id: str


class _Served(BaseModel):
    """The list of models of an OpenAI-compatible server."""

    data: list[_ServedModel]


class _Details(BaseModel):
    family: str = ""


class _Tag(BaseModel):
    name: str
    details: _Details = _Details()


class _Tags(BaseModel):
    """What Ollama has pulled."""

    models: list[_Tag]


def _ask(url: str, kind: type[T], seconds: float, headers: Mapping[str, str]) -> T | str:
    """Return what a server answers, or how it failed in words that hold nothing of what was sent or received."""
    import httpx2

    try:
        answer = httpx2.get(url, timeout=seconds, headers=headers)
        if answer.status_code in (401, 403):
            return f"refuses the key (HTTP {answer.status_code})"
        return kind.model_validate_json(answer.content)
    except httpx2.TimeoutException:
        return f"did not answer within {seconds:g} s"
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return "does not answer"
    except ValueError:
        return "is another kind of server"


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
        rung = next(rung for rung in _ladder(self._settings, self._environment) if rung.available)
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
        """Return a model by key; raises UserError for an unknown one and OperatorError with what it lacks."""
        name = self.default if key == "default" or self._settings.offline else key
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    async def close(self) -> None:
        """Close the connections of every model that was made."""
        for model in self._made.values():
            async with model:  # leaving is what closes them
                pass

    def _make(self, name: str) -> Model:
        provider, _, model = name.partition(":")
        if provider == "offline":
            from models.offline.model import OfflineModel

            return OfflineModel()
        known = [*HOSTED, "openai-compatible", "ollama", "local", "offline"]
        if provider not in known:
            raise UserError(
                f"{name!r} is no model I know.",
                next_step=f"Name it provider:model, or offline. {nearest(provider, known, what='providers')}",
            )
        if not model:
            return self._make(self._usual(provider))
        if provider == "openai-compatible":
            return make_compatible(model, self._settings.provider)
        if provider == "local":
            return _make_local(model, self._settings.home)
        if provider == "ollama":
            return make_ollama(model, self._settings.provider)
        return make_hosted(provider, model, self._environment, self._settings.provider.timeout)

    def _usual(self, provider: str) -> str:
        """Return what a provider that was named without a model answers with."""
        rung = next(rung for rung in _ladder(self._settings, self._environment) if rung.name == provider)
        if not rung.available:
            raise OperatorError(f"{provider} cannot be used yet.", next_step=f"To use it, {rung.reason}.")
        return rung.model
