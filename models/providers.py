"""Hosted providers and model servers: what each needs to be used, and how its model is made.

Every model here is asked once: the engine retries and journals, and a second layer of retries inside a provider's
SDK would repeat paid calls unseen.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lyceum.errors import OperatorError, UserError
from lyceum.extras import install_command
from lyceum.settings import ProviderSettings

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.profiles import ModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider


@dataclass(frozen=True)
class Hosted:
    """`model` answers unless another is named; of each group in `needs` one environment variable must be set."""

    model: str
    needs: tuple[tuple[str, ...], ...]


HOSTED: Mapping[str, Hosted] = {
    "openai": Hosted("gpt-6-luna", (("OPENAI_API_KEY",),)),
    "openai-chat": Hosted("gpt-6-luna", (("OPENAI_API_KEY",),)),
    "anthropic": Hosted("claude-sonnet-5-5", (("ANTHROPIC_API_KEY",),)),
    "google": Hosted("gemini-3.5-flash", (("GOOGLE_API_KEY", "GEMINI_API_KEY"),)),
    "bedrock": Hosted(
        "global.amazon.nova-2-lite-v1:0",
        (("AWS_DEFAULT_REGION", "AWS_REGION"), ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK")),
    ),
    "azure": Hosted("", (("AZURE_OPENAI_API_KEY",), ("AZURE_OPENAI_ENDPOINT",), ("OPENAI_API_VERSION",))),
}


def lacking(provider: str, environment: Mapping[str, str]) -> str:
    """Return what a hosted provider still needs, as an instruction; empty when it can be used."""
    if provider == "bedrock" and importlib.util.find_spec("boto3") is None:
        return f"install the bedrock extra: {install_command('bedrock')}"
    needs = list(HOSTED[provider].needs)
    if provider == "azure" and _is_v1(environment.get("AZURE_OPENAI_ENDPOINT", "")):
        needs.remove(("OPENAI_API_VERSION",))
    if provider == "bedrock" and environment.get("AWS_ACCESS_KEY_ID"):
        needs.append(("AWS_SECRET_ACCESS_KEY",))
    missing = [group for group in needs if chosen(group, environment) is None]
    if missing:
        return "set " + " and ".join(" or ".join(group) for group in missing)
    names = [name for group in needs if (name := chosen(group, environment))]
    return next((f"{name} is malformed: set it again" for name in names if not is_header(environment[name])), "")


def chosen(group: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    """Return the variable of a group that is set, if any."""
    return next((name for name in group if environment.get(name)), None)


def is_header(value: str) -> bool:
    """Tell whether a key can be sent; one that was pasted with a line break or a typographic dash cannot."""
    return value.isascii() and value.isprintable() and value == value.strip()


def shown(url: str) -> str:
    """Return a URL as it may be printed: without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def paid_with(provider: str, environment: Mapping[str, str], settings: ProviderSettings) -> str:
    """Return the secrets that a provider's requests are sent with, for nothing but to tell accounts apart."""
    if provider == "openai-compatible":
        return settings.api_key.get_secret_value() if settings.api_key else ""
    groups = HOSTED[provider].needs if provider in HOSTED else ()
    names = [name for group in groups for name in group if name.endswith(("_KEY", "_KEY_ID", "_PROFILE", "_BEDROCK"))]
    return "\n".join(value for name in names if (value := environment.get(name)))


def make_hosted(
    provider: str, model: str, environment: Mapping[str, str], settings: ProviderSettings, *, batch: bool = False
) -> Model:
    """Return a hosted provider's model; raises OperatorError with what it lacks.

    One for batches gets none of the settings of a live request: batch APIs refuse them.
    """
    if lack := lacking(provider, environment):
        raise OperatorError(f"{provider}:{model} cannot be used yet.", next_step=f"To use it, {lack}.")
    how = {} if batch else _how(provider, settings)
    if provider == "openai":
        from pydantic_ai.models.openai import OpenAIResponsesModel

        made: Model = OpenAIResponsesModel(model, provider=_openai(environment), **how)
    elif provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        at = environment.get("ANTHROPIC_BASE_URL")
        own = AnthropicProvider(api_key=environment["ANTHROPIC_API_KEY"], base_url=at)
        made = AnthropicModel(model, provider=own, **how)
    elif provider == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        key = environment.get("GOOGLE_API_KEY") or environment["GEMINI_API_KEY"]
        own = GoogleProvider(api_key=key, base_url=environment.get("GOOGLE_GEMINI_BASE_URL"))
        made = GoogleModel(model, provider=own, **how)
    elif provider == "bedrock":
        made = _bedrock(model, environment.get("AWS_DEFAULT_REGION") or environment["AWS_REGION"], settings, how)
    elif provider == "azure":
        from pydantic_ai.providers.azure import AzureProvider

        from models.azure import AzureChatModel

        own = AzureProvider(
            azure_endpoint=environment["AZURE_OPENAI_ENDPOINT"],
            api_version=environment.get("OPENAI_API_VERSION"),
            api_key=environment["AZURE_OPENAI_API_KEY"],
        )
        made = AzureChatModel(model, provider=own, **how)
    else:
        from pydantic_ai.models.openai import OpenAIChatModel

        made = OpenAIChatModel(model, provider=_openai(environment), **how)
    return _checked(made, provider, settings)


def _openai(environment: Mapping[str, str]) -> OpenAIProvider:
    from pydantic_ai.providers.openai import OpenAIProvider

    at = environment.get("OPENAI_BASE_URL")
    return OpenAIProvider(api_key=environment["OPENAI_API_KEY"], base_url=at)


def make_compatible(model: str, settings: ProviderSettings) -> Model:
    """Return a model behind an OpenAI-compatible URL: vLLM, SGLang, TGI, LM Studio, a LiteLLM proxy."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.vllm import VLLMProvider

    class CompatibleProvider(VLLMProvider):
        """Assumes of a server no more than vLLM keeps: one system message first, chat completions, tools."""

        @property
        def name(self) -> str:
            return "openai-compatible"

    key = settings.api_key.get_secret_value() if settings.api_key else "none"
    if not settings.base_url:
        raise OperatorError("An OpenAI-compatible model needs its URL.", next_step="Set LYCEUM_PROVIDER__BASE_URL.")
    if not is_header(key):
        raise OperatorError("provider.api_key is malformed.", next_step="Set LYCEUM_PROVIDER__API_KEY again.")
    provider = CompatibleProvider(base_url=settings.base_url, api_key=key)
    made = OpenAIChatModel(model, provider=provider, **_how("openai-compatible", settings))
    return _checked(made, "openai-compatible", settings)


def make_ollama(model: str, settings: ProviderSettings) -> Model:
    from pydantic_ai.models.ollama import OllamaModel
    from pydantic_ai.providers.ollama import OllamaProvider

    provider = OllamaProvider(base_url=f"{settings.ollama_url.rstrip('/')}/v1")
    return _checked(OllamaModel(model, provider=provider, **_how("ollama", settings)), "ollama", settings)


def _how(provider: str, settings: ProviderSettings) -> dict[str, Any]:
    """Return how a provider's model is made: asked once, its prompt kept, its typed output as the settings say."""
    asked: dict[str, Any] = {"max_retries": 0, "timeout": settings.timeout}
    if settings.temperature is not None:
        asked["temperature"] = settings.temperature
    if settings.prompt_cache != "off":
        asked["cache"] = True if settings.prompt_cache == "on" else settings.prompt_cache
    if settings.prompt_cache_key and provider in ("openai", "openai-chat", "azure"):
        asked["openai_prompt_cache_key"] = settings.prompt_cache_key
    mode = settings.output.get(provider)
    if mode is None:
        return {"settings": asked}

    def profile(base: ModelProfile) -> ModelProfile:
        return {**base, "default_structured_output_mode": mode}

    return {"settings": asked, "profile": profile}


def _checked(model: Model, provider: str, settings: ProviderSettings) -> Model:
    """Refuse a way of typed output that the model does not have."""
    mode, profile = settings.output.get(provider), model.profile
    lacks = (mode == "native" and not profile.get("supports_json_schema_output")) or (
        mode == "tool" and not profile.get("supports_tools", True)
    )
    if lacks:
        raise UserError(
            f"{provider}:{model.model_name} has no {mode} output.",
            next_step=f"Set provider.output.{provider} to another of tool, native and prompted, or leave it out.",
        )
    return model


def _is_v1(endpoint: str) -> bool:
    """Azure's endpoints that end in /v1 take no API version."""
    return urlsplit(endpoint).path.rstrip("/").endswith("/v1")


def _bedrock(model: str, region: str, settings: ProviderSettings, how: dict[str, Any]) -> Model:
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider

    # By name: an extra brings these, and they ship no types.
    boto3: Any = importlib.import_module("boto3")
    botocore: Any = importlib.import_module("botocore")
    once = importlib.import_module("botocore.config").Config(
        read_timeout=settings.timeout, connect_timeout=10, retries={"total_max_attempts": 1}
    )
    try:
        client: Any = boto3.client("bedrock-runtime", region_name=region, config=once)
    except botocore.exceptions.BotoCoreError as error:
        raise OperatorError(
            f"AWS cannot be used ({type(error).__name__}).", next_step="Check AWS_PROFILE and the region."
        ) from None
    return BedrockConverseModel(model, provider=BedrockProvider(bedrock_client=client), **_without_retries(how))


def _without_retries(how: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the client above was told already, and what a Bedrock request has no field for."""
    asked = {name: value for name, value in how.get("settings", {}).items() if name not in ("max_retries", "timeout")}
    return {**how, "settings": asked}
