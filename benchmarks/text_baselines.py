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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from lyceum.settings import load_settings
from mcp_servers.text.classify import Compared
from mcp_servers.text.classify import compare as compare_classifiers
from mcp_servers.text.extraction import Extractions
from mcp_servers.text.extraction import compare as compare_extractions
from mcp_servers.text.language_model import Models
from mcp_servers.text.messages import messages
from mcp_servers.text.prompts import Prompt, PromptScore, score
from models.embeddings import MiniLM

PROMPTS = Path(__file__).parents[1] / "mcp_servers" / "text" / "labs" / "L24.yaml"


async def measured(model: str | None, home: Path) -> tuple[Compared, Extractions, list[PromptScore]]:
    models = Models(load_settings(model=model, offline=model is None))
    embedder = MiniLM(home)  # without the cache of vectors

    async def shown(done: float, total: float | None = None, message: str | None = None) -> None:
        print(f"\r{done:3.0f}/{total or 0:.0f} {(message or '')[:60]:60}", end="", flush=True)

    language = models.get() if model else None
    if language:
        await language.ask("Answer with a word.", "Hello", str)  # reading the weights is no part of an answer
    classified = await compare_classifiers(
        ["tfidf", "embeddings", "few-shot", "few-shot-schema"], lambda: embedder, models.get, shown
    )
    extracted = await compare_extractions(["rules", "learned", "llm"], models.get, shown)
    prompts: list[PromptScore] = []
    for step in yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))["steps"]:
        given = step["with"]
        if step["call"] == "text_score_prompt" and not step.get("refused") and isinstance(given["labels"], list):
            part = given.get("part", "development")
            prompt = Prompt.model_validate(given | {"instructions": given.get("instructions", "")})
            prompts.append(await score(prompt, part, messages(part), language, embedder, shown))
    return classified, extracted, prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="Who answers the prompts: local, or provider:name.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        classified, extracted, prompts = asyncio.run(measured(arguments.model, Path(folder)))
    print("\r" + " " * 80)
    for row in classified.methods:
        print(f"{row.method:16} accuracy {row.accuracy:.2f}  macro F1 {row.macro_f1:.2f}", end="  ")
        print(f"reliability {row.reliability:.2f}  {row.milliseconds:9.2f} ms  {_money(row.cost, row.hosted_cost)}")
    for row in extracted.rows:
        for name, scores in (("entities", row.entities), ("relations", row.relations)):
            print(f"{row.way:8} {name:10} P {scores.precision:.2f} R {scores.recall:.2f} F1 {scores.f1:.2f}", end="  ")
            print(f"{row.milliseconds:9.2f} ms  {_money(row.cost, row.hosted_cost)}")
    for row in prompts:
        print(f"{row.part:12} accuracy {row.accuracy:.2f}  in form {row.in_form:.2f}  {row.milliseconds:.0f} ms")
    if arguments.json:
        table: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": {
                "cpu": platform.machine(),
                "cores": os.cpu_count(),
                "load": [round(load, 1) for load in os.getloadavg()],
                "python": platform.python_version(),
            },
            "classification": classified.model_dump(mode="json"),
            "extraction": extracted.model_dump(mode="json"),
            "prompts": [row.model_dump(mode="json") for row in prompts],
        }
        arguments.json.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _money(cost: float | None, hosted: float | None) -> str:
    here = "price unknown" if cost is None else f"${cost:.2f}"
    return here if hosted is None else f"{here} (gpt-4o-mini: ${hosted:.4f})"


if __name__ == "__main__":
    main()
