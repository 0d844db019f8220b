"""Practice: the real clients, wrappers and wires against a provider on loopback that costs nothing and breaks to order.

Its answers are extracted from the prompt, and its tokens estimated; prices are the published ones.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from pydantic_ai.models import override_allow_model_requests

from lyceum.errors import ModelRetry, nearest
from lyceum.settings import BudgetSettings, CacheSettings, ProviderSettings, Settings
from mcp_servers.providers.asking import ask
from mcp_servers.providers.practice import faults
from mcp_servers.providers.practice.said import Heard, Says
from mcp_servers.providers.practice.serve import WIRES, Asked, Fault, StandIn, running
from mcp_servers.providers.results import Answer, Kind, Practice, PracticeFault, Practised, Sent
from models.budgets import Ledger, tokens_of
from models.prices import Prices
from models.resolve import ResolvedModels

ENDINGS: dict[Practised, tuple[str, ...]] = {
    "openai": ("/v1/responses",),
    "openai-chat": ("/chat/completions",),
    "anthropic": ("/v1/messages",),
    "google": (":generateContent", ":streamGenerateContent"),
}
_FAULTS = {
    "openai": faults.RESPONSES,
    "openai-chat": faults.OPENAI,
    "anthropic": faults.ANTHROPIC,
    "google": faults.GOOGLE,
}


async def practised(
    models: list[str],
    prompt: str,
    instructions: str,
    wrong: list[PracticeFault],
    *,
    chain: bool,
    times: int,
    dollars: float | None,
    keep: bool,
) -> Practice:
    """Ask the practice provider for each model, or the models as one chain; raises ModelRetry for one it is not."""
    for name in models:
        if name.partition(":")[0] not in ENDINGS or not name.partition(":")[2]:
            step = f"Name it provider:model. {nearest(name.partition(':')[0], ENDINGS, what='providers here')}"
            raise ModelRetry(f"The practice provider is not {name!r}.", next_step=step)
    left: dict[tuple[Practised, Kind], int] = {(each.provider, each.kind): each.times for each in wrong}

    def fault_at(path: str) -> Fault | None:
        for (provider, kind), count in left.items():
            if count and path.endswith(ENDINGS[provider]):
                left[provider, kind] -= 1
                return _fault(provider, kind)
        return None

    asked = [",".join(models)] if chain else models
    ledger = Ledger(BudgetSettings(dollars=dollars), Prices())
    with running(extracted) as provider, tempfile.TemporaryDirectory() as home:
        provider.fault_at = fault_at
        resolved = _resolved(provider, Path(home), keep=keep)
        answers: list[Answer] = []
        try:
            with override_allow_model_requests(True):  # nothing of this leaves the machine
                for name in asked * times:
                    answers.append(await ask(resolved, name, prompt, instructions, ledger))  # noqa: PERF401
        finally:
            await resolved.close()
        requests = [_sent(each) for each in provider.asked]
    return Practice(answers=answers, requests=requests, dollars=ledger.dollars)


def extracted(heard: Heard) -> Says:
    """Answer with the sentence of the prompt that shares most words with its question, the longest of equals."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", heard.prompt) if part.strip()]
    question = next((part for part in sentences if part.endswith("?")), heard.prompt)
    words = set(re.findall(r"\w+", question.lower()))
    others = [part for part in sentences if part != question]
    best = max(others, key=lambda part: (len(words & set(re.findall(r"\w+", part.lower()))), len(part)), default="")
    text = best or "Nothing in the prompt answers it."
    used = tokens_of(heard.prompt) + tokens_of(heard.instructions)
    return Says(text, input_tokens=used, output_tokens=tokens_of(text))


def _resolved(provider: StandIn, home: Path, *, keep: bool) -> ResolvedModels:
    environment = {
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_BASE_URL": provider.url,
        "GOOGLE_GEMINI_BASE_URL": provider.url,
        **{f"{name}_API_KEY": faults.KEY for name in ("OPENAI", "ANTHROPIC", "GOOGLE")},
    }
    cache = CacheSettings(enabled=keep, sampled=True)
    once = ProviderSettings(timeout=10, prompt_cache="off")
    return ResolvedModels(Settings(home=home, cache=cache, provider=once), environment)


def _fault(provider: Practised, kind: Kind) -> Fault:
    if kind == "unreadable":
        return faults.UNREADABLE
    return faults.BREAKS_OFF if kind == "breaks_off" else _FAULTS[provider][kind]


def _sent(asked: Asked) -> Sent:
    provider: Practised = next(name for name, endings in ENDINGS.items() if asked.path.endswith(endings))
    wire = next(wire for ending, wire in WIRES.items() if asked.path.endswith(ending))
    return Sent(
        provider=provider,
        path=asked.path,
        fields=sorted(asked.body),
        instructions_at=wire.heard(asked.body).instructions_at,
        status=asked.status,
    )
