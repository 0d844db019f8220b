"""What a model request costs, from the genai-prices data that ships with the package."""

from __future__ import annotations

_HERE = ("lyceum", "local", "ollama")


def cost_of(model: str, provider: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
    """Return US dollars, 0.0 for what runs on this machine, None where no price is known.

    `cached_tokens` are those of the input that the provider read from its cache, at a lower price. What a server
    behind an OpenAI-compatible URL charges is not known, whatever its models are called.
    """
    if provider in _HERE or not model:
        return 0.0
    if provider == "openai-compatible":
        return None
    from genai_prices import Usage, calc_price

    try:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_tokens)
        return float(calc_price(usage, model_ref=model, provider_id=provider or None).total_price)
    except LookupError:
        return None
