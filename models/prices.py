"""What a model request costs, from the genai-prices data that ships with the package."""

from __future__ import annotations


def cost_of(model: str, provider: str, input_tokens: int, output_tokens: int) -> float | None:
    """Return US dollars, 0.0 for what runs on this machine, None where no price is known."""
    if provider in ("lyceum", "ollama") or not model:
        return 0.0
    from genai_prices import Usage, calc_price

    try:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return float(calc_price(usage, model_ref=model, provider_id=provider or None).total_price)
    except LookupError:
        return None
