"""Classification and extraction baselines beside a language model with examples, one table each, and prompts refined.

`python -m benchmarks.text_baselines [--model local] --json benchmarks/results/text_baselines.json`; without `--model`
the rows of the language model are left out. Times are of this machine as it was loaded then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from lyceum.errors import OperatorError
from lyceum.settings import load_settings
from mcp_servers.text.classify import compare
from mcp_servers.text.extraction import compare as extractions
from mcp_servers.text.language_model import Models
from mcp_servers.text.messages import messages
from mcp_servers.text.prompts import Prompt, score
from models.embeddings import Embedder, MiniLM

REFINED = Path(__file__).parents[1] / "mcp_servers" / "text" / "labs" / "L24.yaml"


async def shown(done: float, total: float | None = None, message: str | None = None) -> None:
    print(f"\r{done:3.0f}/{total or 0:.0f} {(message or '')[:60]:60}", end="", flush=True)


async def classification(models: Models, embedder: Embedder) -> dict[str, Any]:
    found = await compare(["tfidf", "embeddings", "few-shot", "few-shot-schema"], lambda: embedder, models.get, shown)
    print("\r" + " " * 80)
    for row in found.methods:
        print(f"{row.method:16} accuracy {row.accuracy:.2f}  macro F1 {row.macro_f1:.2f}", end="  ")
        print(f"reliability {row.reliability:.2f}  {row.milliseconds:9.2f} ms  {_money(row.cost, row.hosted_cost)}")
    return found.model_dump(mode="json")


async def extraction(models: Models, _: Embedder) -> dict[str, Any]:
    found = await extractions(["rules", "learned", "llm"], models.get, shown)
    print("\r" + " " * 80)
    for row in found.rows:
        for name, scores in (("entities", row.entities), ("relations", row.relations)):
            print(f"{row.way:8} {name:10} P {scores.precision:.2f} R {scores.recall:.2f} F1 {scores.f1:.2f}", end="  ")
            print(f"{row.milliseconds:9.2f} ms  {_money(row.cost, row.hosted_cost)}")
    return found.model_dump(mode="json")


async def prompts(models: Models, embedder: Embedder) -> list[dict[str, Any]]:
    """Score the versions of lab L24."""
    try:
        model = models.get()
    except OperatorError:
        model = None
    told: list[dict[str, Any]] = []
    for step in yaml.safe_load(REFINED.read_text(encoding="utf-8"))["steps"]:
        if step.get("refused"):
            continue
        part = step["with"].get("part", "development")
        row = await score(Prompt.model_validate(step["with"]), part, messages(part), model, embedder, shown)
        print(
            f"\r{row.part:12} accuracy {row.accuracy:.2f}  named {row.named:.2f}  in form {row.in_form:.2f}", end="  "
        )
        print(f"{row.milliseconds:.0f} ms{'':40}", flush=True)
        told.append(row.model_dump(mode="json"))
    return told


PARTS: dict[str, Callable[[Models, Embedder], Awaitable[Any]]] = {
    "classification": classification,
    "extraction": extraction,
    "prompts": prompts,
}


async def measured(part: str, model: str | None, home: Path) -> dict[str, Any]:
    models = Models(load_settings(model=model, offline=model is None))
    if model:  # reading the weights is no part of an answer
        await models.get().ask("Answer with a word.", "Hello", str)
    load = os.getloadavg()[0]
    machine = {"cpu": platform.machine(), "cores": os.cpu_count(), "load": round(load, 1)}
    told = await PARTS[part](models, MiniLM(home))  # MiniLM without its cache of vectors
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**machine, "python": platform.python_version()},
        "result": told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="Who answers the prompts: local, or provider:name.")
    parser.add_argument("--only", choices=PARTS, help="One part; the others stay in the file as they were.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in [arguments.only] if arguments.only else PARTS:
            told = asyncio.run(measured(part, arguments.model, Path(folder)))
            if arguments.json:
                there = arguments.json.exists()
                kept: dict[str, Any] = json.loads(arguments.json.read_text(encoding="utf-8")) if there else {}
                table = {name: told if name == part else kept.get(name) for name in PARTS}
                arguments.json.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _money(cost: float | None, hosted: float | None) -> str:
    here = "price unknown" if cost is None else f"${cost:.2f}"
    return here if hosted is None else f"{here} (gpt-4o-mini: ${hosted:.4f})"


if __name__ == "__main__":
    main()
