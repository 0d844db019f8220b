"""Who answers: an explicit model, else the first rung of the ladder that is there, with a printable reason.

A hosted model comes wrapped: kept answers, then the circuit breaker, then the limits of its provider, then the
check that no filter cut the answer, then the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import OperatorError, UserError, nearest
from lyceum.settings import Settings
from models.catalog import catalogued
from models.ladder import LOCAL, chats, climb
from models.local.store import path_of
from models.providers import HOSTED, make_compatible, make_hosted, make_ollama, paid_with

if TYPE_CHECKING:
    from pydantic_ai import ConcurrencyLimiter
    from pydantic_ai.models import Model

    from models.answer_store import AnswerStore
    from models.embeddings import Embedder
    from models.limits import Gate

REMOTE = (*HOSTED, "openai-compatible", "ollama")
PROVIDERS = (*REMOTE, "local", "offline")


class ResolvedModels:
    """Models by key: "default" is the ladder's choice; any other key is a model name, or several: `a,b,offline`.

    The default is followed by the fallback models of the settings. Raises UserError for limits of an unknown provider.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._made: dict[str, Model] = {}
        self._gates: dict[str, tuple[Gate, ConcurrencyLimiter | None]] = {}
        for section, names in (("limits", settings.limits), ("provider.output", settings.provider.output)):
            for name in names:
                if name not in REMOTE:
                    raise UserError(f"Unknown setting {section}.{name}.", next_step=nearest(name, REMOTE, what="names"))

    @cached_property
    def _choice(self) -> tuple[str, str]:
        if self._settings.offline:
            return "offline", "asked for with --offline"
        if self._settings.model:
            return self._settings.model, "asked for by name"
        rung = next(rung for rung in climb(self._settings, self._environment) if rung.available)
        return rung.model, rung.reason

    @property
    def default(self) -> str:
        return self._choice[0]

    @property
    def reason(self) -> str:
        name, reason = self._choice
        label = "offline engine" if name == "offline" else name
        then = f"; then {', '.join(self._after)}" if self._after else ""
        return f"{label} ({reason}{then})"

    @property
    def _after(self) -> list[str]:
        """Who is asked when the default cannot answer."""
        named = self.default.split(",")
        return [] if self._settings.offline else [each for each in self._settings.fallback.models if each not in named]

    def get(self, key: str = "default") -> Model:
        """Return a model by key; raises UserError for an unknown one and OperatorError with what it lacks."""
        if self._settings.offline:
            key = "offline"
        elif key == "default":
            key = ",".join([self.default, *self._after])
        if key not in self._made:
            self._made[key] = self._chain([name.strip() for name in key.split(",")]) if "," in key else self._make(key)
        return self._made[key]

    def bare(self, key: str) -> Model:
        """Return a single model for its batches, without our wrappers and the settings of live requests."""
        if "," in key:
            raise UserError("One model is needed here, not a chain.", next_step="Name one with --model.")
        return self._wire(key, batch=True)

    async def close(self) -> None:
        """Close the connections of every model that was made, and the kept answers."""
        for model in self._made.values():
            async with model:  # leaving is what closes them
                pass
        if "_answers" in self.__dict__:
            self._answers.close()

    def _chain(self, names: list[str]) -> Model:
        from models.fallback import Chain

        return Chain([self.get(name) for name in names if name], self._settings.fallback.on)

    def _make(self, name: str) -> Model:
        provider, _, model = name.partition(":")
        if provider == "offline":
            from models.offline.model import OfflineModel

            return OfflineModel()
        if provider not in PROVIDERS:
            raise UserError(
                f"{name!r} is no model I know.",
                next_step=f"Name it provider:model, or offline. {nearest(provider, PROVIDERS, what='providers')}",
            )
        if provider == "local":
            if not model:
                return self._make(self._usual(provider))
            return _make_local(model, self._settings.home, self._settings.provider.temperature)
        return self._wrapped(self._wire(name), provider)

    def _wire(self, name: str, *, batch: bool = False) -> Model:
        """Return a remote model as its provider's own client makes it."""
        provider, _, model = name.partition(":")
        if not model:
            return self._wire(self._usual(provider), batch=batch)
        if provider == "openai-compatible":
            return make_compatible(model, self._settings.provider)
        if provider == "ollama":
            return make_ollama(model, self._settings.provider)
        if provider not in HOSTED:
            raise UserError(f"{name!r} is not served by a provider.", next_step=f"Those are: {', '.join(REMOTE)}.")
        return make_hosted(provider, model, self._environment, self._settings.provider, batch=batch)

    def _wrapped(self, model: Model, provider: str) -> Model:
        from pydantic_ai.models.concurrency import ConcurrencyLimitedModel

        from models.breaker import BreakerModel
        from models.filtered import FilteredModel
        from models.limits import LimitedModel

        gate, limiter = self._gate(provider)
        whole = FilteredModel(model)
        limited = LimitedModel(ConcurrencyLimitedModel(whole, limiter) if limiter else whole, gate)
        watched = BreakerModel(limited, self._settings.breaker)
        if not self._settings.cache.enabled:
            return watched
        from models.cache import CachedModel

        secret = paid_with(provider, self._environment, self._settings.provider)
        return CachedModel(watched, self._answers, self._settings.cache, secret, self._embedder)

    def _gate(self, provider: str) -> tuple[Gate, ConcurrencyLimiter | None]:
        """Return what every model of a provider goes through: its limits are the provider's, not the model's."""
        from pydantic_ai import ConcurrencyLimiter

        from lyceum.settings import LimitSettings
        from models.limits import Gate

        if provider not in self._gates:
            limits = self._settings.limits.get(provider, LimitSettings())
            limiter = ConcurrencyLimiter(limits.concurrent) if limits.concurrent else None
            self._gates[provider] = Gate(limits), limiter
        return self._gates[provider]

    @cached_property
    def _answers(self) -> AnswerStore:
        from models.answer_store import AnswerStore

        return AnswerStore(self._settings.home / "cache" / "answers.db", self._settings.cache)

    @cached_property
    def _embedder(self) -> Embedder | None:
        from models.embeddings import default_embedder

        return default_embedder() if self._settings.cache.semantic is not None else None

    def _usual(self, provider: str) -> str:
        """Return what a provider that was named without a model answers with."""
        if provider == "openai-chat":
            return f"openai-chat:{HOSTED[provider].model}"
        rung = next(rung for rung in climb(self._settings, self._environment) if rung.name == provider)
        if not rung.available:
            raise OperatorError(f"{provider} cannot be used yet.", next_step=f"To use it, {rung.reason}.")
        return rung.model


def _make_local(name: str, home: Path, temperature: float | None = None) -> Model:
    from models.local.engine import Engine
    from models.local.model import LocalModel

    path = path_of(name, home)
    if path is None:
        catalogued(name)
        raise OperatorError(f"{name} is not pulled.", next_step=f"Pull it: lyceum models pull {name}")
    if not chats(name):
        raise UserError(f"{name} only continues text; it cannot chat.", next_step=f"Use --model local:{LOCAL}.")
    return LocalModel(name, Engine(path), settings=None if temperature is None else {"temperature": temperature})
