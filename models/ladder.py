"""The rungs of the ladder: every way to an answer, in order, each there or with what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from lyceum.settings import ProviderSettings, Settings
from models.catalog import CATALOG
from models.local.store import installed
from models.providers import HOSTED, chosen, lacking, shown

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
    return list(climb(settings, environment))


def climb(settings: Settings, environment: Mapping[str, str]) -> Iterator[Rung]:
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
    whole = [each for each in pulled if not each.problem and chats(each.name)]
    if whole:
        largest = max(whole, key=lambda each: each.manifest.size_bytes)
        return Rung("local", f"local:{largest.name}", True, "pulled, runs in this process")
    damaged = next((each for each in pulled if each.problem), None)
    why = f"{damaged.name} is damaged ({damaged.problem}): " if damaged else ""
    return Rung("local", "local:", False, f"{why}lyceum models pull {damaged.name if damaged else LOCAL}")


def chats(name: str) -> bool:
    """Tell whether a local model can chat; one that is not of the catalogue is taken to."""
    return name not in CATALOG or CATALOG[name].kind == "chat"


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
