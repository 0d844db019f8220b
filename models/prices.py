"""What a model request costs: from the genai-prices data that ships with the package, or from the settings.

Prices are of the day the package was released; a provider's own invoice is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lyceum.settings import PriceSettings

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_HERE = ("lyceum", "local", "ollama")
_NOT_PUBLIC = ("openai-compatible",)
MILLION = 1_000_000


@dataclass(frozen=True)
class Tokens:
    """What a request used; `cached` and `written` are those of the input that a provider's cache gave or took."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Prices:
    """Prices by model; `own` are the user's, by the model's name at its provider, and win over the public ones."""

    own: Mapping[str, PriceSettings] = field(default_factory=dict[str, PriceSettings])

    def cost(self, model: str, provider: str, used: Tokens, *, batch: bool = False) -> float | None:
        """Return US dollars, 0.0 for what runs on this machine, None where no price is known.

        What a server behind an OpenAI-compatible URL charges is not known, whatever its models are called.
        """
        if model in self.own:
            price = self.own[model]
            cached_at = price.input if price.cached is None else price.cached
            fresh = used.input - used.cached
            return (fresh * price.input + used.cached * cached_at + used.output * price.output) / MILLION
        if provider in _HERE or not model:
            return 0.0
        if provider in _NOT_PUBLIC:
            return None
        from genai_prices import Usage, calc_price

        try:
            usage = Usage(
                input_tokens=used.input,
                output_tokens=used.output,
                cache_read_tokens=used.cached,
                cache_write_tokens=used.written,
            )
            context = {"processing": "batch"} if batch else None
            found = calc_price(usage, model_ref=model, provider_id=provider or None, price_context=context)
            return float(found.total_price)
        except LookupError:
            return None


@dataclass(frozen=True)
class Listed:
    """A model as its provider lists it: US dollars for a million tokens, context in tokens."""

    model: str
    provider: str
    name: str
    input: float
    output: float
    context: int | None


def listed(provider: str) -> list[Listed]:
    """Return every model of a provider that writes, by name; empty for a provider without public prices."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        known = get_snapshot().find_provider(None, provider, None)
    except LookupError:
        return []
    found = [_listed(provider, model) for model in known.models if not model.deprecated]
    return sorted((each for each in found if each is not None), key=lambda each: each.model)


def _listed(provider: str, model: ModelInfo) -> Listed | None:
    """Return how a model is listed; None for one that writes nothing, such as an embedder."""
    a_thousand_in = Prices().cost(model.id, provider, Tokens(input=1000))
    a_thousand_out = Prices().cost(model.id, provider, Tokens(output=1000))
    if a_thousand_in is None or not a_thousand_out:
        return None
    return Listed(
        model=model.id,
        provider=provider,
        name=model.name or model.id,
        input=round(1000 * a_thousand_in, 6),
        output=round(1000 * a_thousand_out, 6),
        context=model.context_window,
    )
