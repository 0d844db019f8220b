"""The provider tools: who can answer, what it costs, one task over many models, and practice without a key."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

from pydantic import Field

from lyceum.settings import Settings
from mcp_servers.providers.results import Compared, Costs, Practice, PracticeFault, PriceList, Rung, Rungs
from mcp_servers.selecting import Records
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

Name = Annotated[str, Field(max_length=200)]
Models = Annotated[
    list[Name],
    Field(description="Models as provider:model, e.g. openai:gpt-6-luna; also offline.", min_length=1, max_length=8),
]
Prompt = Annotated[str, Field(description="The task.", min_length=1, max_length=50_000)]
Instructions = Annotated[str, Field(description="What every model is told before the task.", max_length=10_000)]


def create_server(settings: Settings, services: Services) -> ToolServer:
    server = ToolServer("providers", instructions="Language models by provider: what is there, prices, comparisons.")

    @server.expose(title="List who can answer", effect="read")
    async def providers_list() -> Rungs:
        """List which language models can answer on this machine, in the order in which they are tried: available, or
        what it lacks, such as a key or a running server.
        """
        from models.ladder import rungs

        found = await asyncio.to_thread(rungs, settings, os.environ)
        return Rungs(
            rungs=[Rung(name=r.name, model=r.model, available=r.available, reason=r.reason) for r in found],
        )

    @server.expose(title="Look up prices", effect="read", records=Records("prices"))
    async def providers_prices(
        provider: Annotated[str, Field(description="openai, anthropic, google, aws, mistral, ...", max_length=40)],
        contains: Annotated[str, Field(description="Only models whose name has this in it.", max_length=80)] = "",
    ) -> PriceList:
        """Look up what a provider's language models cost, by the published prices for a million tokens in and out, with
        their context length; they are of the day that the installed price list was released.
        """
        from mcp_servers.providers.costs import prices_of

        return prices_of(provider, contains)

    @server.expose(title="Estimate what a text costs", effect="read")
    async def providers_estimate(
        models: Models,
        text: Annotated[str, Field(description="The text that is sent.", max_length=200_000)] = "",
        input_tokens: Annotated[int, Field(description="Or its tokens.", ge=0, le=100_000_000)] = 0,
        output_tokens: Annotated[int, Field(description="Tokens of the answer.", ge=0, le=1_000_000)] = 500,
        requests: Annotated[int, Field(description="How many such requests.", ge=1, le=100_000_000)] = 1,
        cached: Annotated[float, Field(description="Share of the input read from a prompt cache.", ge=0, le=1)] = 0.0,
    ) -> Costs:
        """Estimate what a text, or so many tokens, costs at several models before anything is sent: for one request,
        for many, and at the batch price.
        """
        from mcp_servers.providers.costs import estimated
        from models.prices import Prices

        return estimated(Prices(settings.prices), models, text, input_tokens, output_tokens, requests, cached)

    @server.expose(title="Ask several models the same", effect="write", open_world=True)
    async def providers_compare(
        prompt: Prompt,
        models: Models,
        instructions: Instructions = "",
        dollars: Annotated[float, Field(description="What it may cost in all.", ge=0.0001, le=10)] = 0.1,
    ) -> Compared:
        """Ask several real models the same task, one after the other, and compare answers, time, tokens and cost.
        Hosted models are paid for, so it needs approval; it ends where the next request might exceed the money.
        """
        from lyceum.settings import BudgetSettings
        from mcp_servers.providers.asking import compared
        from models.budgets import Ledger
        from models.prices import Prices
        from models.resolve import ResolvedModels

        resolved = ResolvedModels(settings, os.environ)
        ledger = Ledger(BudgetSettings(dollars=dollars), Prices(settings.prices))
        try:
            return await compared(resolved, settings, models, prompt, instructions, ledger)
        finally:
            await resolved.close()

    @server.expose(title="Practise with providers", effect="run")
    async def providers_practice(
        prompt: Prompt,
        models: Models,
        instructions: Instructions = "",
        chain: Annotated[bool, Field(description="Ask them as one fallback chain, in this order.")] = False,
        faults: Annotated[
            list[PracticeFault], Field(description="What goes wrong, at which provider.", max_length=10)
        ] = [],  # noqa: B006 - read only
        times: Annotated[int, Field(description="How often to ask.", ge=1, le=20)] = 1,
        dollars: Annotated[
            float | None, Field(description="A budget for it all, at published prices.", ge=0.0000001, le=10)
        ] = None,
        keep: Annotated[bool, Field(description="Keep answers, so that the same request is paid for once.")] = False,
    ) -> Practice:
        """Practise without a key and for nothing: the real clients ask a provider on this machine that speaks the
        wires of openai, openai-chat, anthropic and google and fails to order. Shows each request as it arrived, who
        answered after whom, and what it would have cost. Its answers are sentences of the prompt.
        """
        from mcp_servers.providers.practising import practised

        return await practised(
            models, prompt, instructions, faults, chain=chain, times=times, dollars=dollars, keep=keep
        )

    del services
    return server
