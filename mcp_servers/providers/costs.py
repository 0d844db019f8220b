"""What models cost: the published lists, and an estimate before anything is asked."""

from __future__ import annotations

from lyceum.errors import ModelRetry, nearest
from mcp_servers.providers.results import Cost, Costs, Price, PriceList
from models.budgets import tokens_of
from models.prices import Prices, Tokens, listed
from models.resolve import PROVIDERS

LISTED = 40


def prices_of(provider: str, contains: str) -> PriceList:
    """Return a provider's models and prices; raises ModelRetry for a provider that publishes none."""
    every = listed(provider)
    if not every:
        known = [name for name in ("openai", "anthropic", "google", "aws", "azure", "mistral") if listed(name)]
        raise ModelRetry(f"No prices are known of {provider!r}.", next_step=nearest(provider, known, what="providers"))
    fitting = [each for each in every if contains.lower() in f"{each.model} {each.name}".lower()]
    fitting.sort(key=lambda each: (each.input, each.output, each.model))
    prices = [
        Price(model=each.model, name=each.name, input=each.input, output=each.output, context=each.context)
        for each in fitting[:LISTED]
    ]
    return PriceList(provider=provider, prices=prices, more=len(fitting) - len(prices))


def estimated(
    prices: Prices, models: list[str], text: str, input_tokens: int, output_tokens: int, requests: int, cached: float
) -> Costs:
    """Return what requests of this size cost at each model; `cached` is the share of the input a cache gives."""
    counted = input_tokens or tokens_of(text)
    if not counted:
        raise ModelRetry("There is nothing to estimate.", next_step="Send text or input_tokens.")
    used = Tokens(input=counted, output=output_tokens, cached=int(counted * cached))
    costs = [_cost(prices, name, used, requests) for name in models]
    costs.sort(key=lambda each: (each.dollars is None, each.dollars or 0.0))
    return Costs(input_tokens=counted, output_tokens=output_tokens, estimated=not input_tokens, costs=costs)


def _cost(prices: Prices, name: str, used: Tokens, requests: int) -> Cost:
    provider, _, model = name.partition(":")
    if provider not in PROVIDERS or (provider != "offline" and not model):
        step = f"Name it provider:model. {nearest(provider, PROVIDERS, what='providers')}"
        raise ModelRetry(f"{name!r} names no model.", next_step=step)
    if provider in ("offline", "local"):
        return Cost(model=name, dollars=0.0, all_dollars=0.0, note="runs on this machine")
    at = {"openai-chat": "openai", "bedrock": "aws"}.get(provider, provider)
    one, batch = prices.cost(model, at, used), prices.cost(model, at, used, batch=True)
    if one is None:
        return Cost(model=name, note="no price is known")
    cost = Cost(model=name, dollars=round(one, 9), all_dollars=round(one * requests, 6))
    if batch is not None and batch < one:  # where a provider has no batches, its usual price comes back
        cost.batch_dollars = round(batch * requests, 6)
    return cost
