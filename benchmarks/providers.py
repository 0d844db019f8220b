"""What our model stack costs a request: `python -m benchmarks.providers`.

The same question over the same loopback provider, which runs in a process of its own: by the OpenAI SDK alone, by
PydanticAI's agent on its own model, and by the same agent on our stack, one layer after the other. Rounds are
interleaved, so that whatever else the machine does falls on all of them alike. Milliseconds from call to answer, and
of processor time in this process, which other people's load does not change.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from lyceum.settings import BudgetSettings, CacheSettings, LimitSettings, Settings
from mcp_servers.providers.asking import ask
from models.budgets import Ledger
from models.prices import Prices
from models.resolve import ResolvedModels

RESULTS = Path(__file__).parent / "results" / "providers.json"
ROUNDS, WARM = 400, 20
NAME = "openai-chat:gpt-6-luna"
PROMPT = "When is the shop open? The shop is open from nine to five. It sells coffee."
SERVE = """
import sys, time
from mcp_servers.providers.practice.said import Says
from mcp_servers.providers.practice.serve import running
with running(lambda heard: Says("The shop is open from nine to five.")) as provider:
    print(provider.url, flush=True)
    sys.stdin.read()
"""

Call = Callable[[int], Awaitable[object]]


async def measure(url: str, home: Path) -> dict[str, Any]:
    environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{url}/v1"}

    def resolved(**settings: Any) -> ResolvedModels:
        return ResolvedModels(Settings(home=home / str(len(settings)), **settings), environment)

    client = AsyncOpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0)
    own = OpenAIChatModel("gpt-6-luna", provider=OpenAIProvider(api_key="none", base_url=f"{url}/v1"))
    limits = {"openai-chat": LimitSettings(requests_per_minute=1_000_000, tokens_per_minute=10**9, concurrent=8)}
    plain, limited = resolved(), resolved(limits=limits)
    keeping = resolved(limits=limits, cache=CacheSettings(enabled=True, sampled=True))
    ledger = Ledger(BudgetSettings(model_calls=10**6, tokens=10**9, dollars=1000), Prices())

    def agent(model: Model) -> Call:
        made = Agent(model, output_type=str)
        return lambda _round: made.run(PROMPT)

    async def sdk(_round: int) -> object:
        return await client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": PROMPT}])

    kept = Agent(keeping.get(NAME), output_type=str)
    calls: dict[str, Call] = {
        "OpenAI SDK alone": sdk,
        "PydanticAI agent, its own model": agent(own),
        "+ filter check, breaker, Retry-After": agent(plain.get(NAME)),
        "+ limits of requests, tokens and concurrency": agent(limited.get(NAME)),
        "+ fallback chain of three": agent(limited.get(f"{NAME},openai-chat:gpt-6-sol,offline")),
        "+ cache, a new question": lambda number: kept.run(f"{PROMPT} {number}"),
        "+ cache, an old question": lambda _round: kept.run(PROMPT),
        "PydanticAI agent, its own model, streamed": lambda _round: Agent(own).run(
            PROMPT, event_stream_handler=_drained
        ),
        "limits, ledger of the budget and prices, streamed": lambda _round: ask(limited, NAME, PROMPT, "", ledger),
    }
    waited: dict[str, list[float]] = {name: [] for name in calls}
    worked: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS + WARM):
        for name, call in calls.items():
            start, began = time.perf_counter(), time.process_time()
            await call(number)
            waited[name].append((time.perf_counter() - start) * 1000)
            worked[name].append((time.process_time() - began) * 1000)
    for models in (plain, limited, keeping):
        await models.close()
    await client.close()
    return {name: {"wall_ms": spread(waited[name][WARM:]), "cpu_ms": spread(worked[name][WARM:])} for name in calls}


async def _drained(_ctx: object, events: Any) -> None:
    async for _ in events:
        pass


def spread(milliseconds: list[float]) -> dict[str, float]:
    cut = statistics.quantiles(milliseconds, n=100)
    return {"p50": round(cut[49], 2), "p95": round(cut[94], 2)}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        serving = subprocess.Popen(
            [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert serving.stdout is not None
            found = asyncio.run(measure(serving.stdout.readline().strip(), Path(home)))
        finally:
            serving.communicate(timeout=10)
    for name, each in found.items():
        own = found["PydanticAI agent, its own model" + (", streamed" if "streamed" in name else "")]
        each["cpu_over_pydantic_ai_ms"] = round(each["cpu_ms"]["p50"] - own["cpu_ms"]["p50"], 2)
    report = {
        "command": "python -m benchmarks.providers",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} shared cores, {platform.system()}",
        "load": round(os.getloadavg()[0], 1),
        "rounds": ROUNDS,
        "requests": found,
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
