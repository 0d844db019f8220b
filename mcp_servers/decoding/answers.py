"""What each decoding tool answers, and where its models are kept: `home/decoding/NAME.json`."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from lyceum.artifacts import ArtifactStore
from lyceum.errors import ModelRetry, nearest
from lyceum.paths import ensure_writable
from mcp_servers.decoding import measures, results
from mcp_servers.decoding.chart import bars
from mcp_servers.decoding.distribution import Distribution, LanguageModel
from mcp_servers.decoding.ngram import MOST_CHARACTERS, NGram
from mcp_servers.decoding.search import Written, warped, write

NAME = r"[a-z0-9][a-z0-9-]{0,39}"
MOST_MODELS = 100
MOST_STEPS = 400  # of a local model in one call


class Shelf:
    def __init__(self, home: Path) -> None:
        self._folder = home / "decoding"
        self._pulled = home / "models"

    def train(self, name: str, text: str, order: int, *, replace: bool) -> results.Trained:
        """Train on all lines and keep; what is told of perplexity is measured on a tenth that a second model missed."""
        file = self._folder / f"{name}.json"
        if not re.fullmatch(NAME, name):
            raise ModelRetry(f"{name!r} is no name for a model.", next_step="Send lower-case letters, digits and -.")
        if file.exists() and not replace:
            raise ModelRetry(f"There is a model {name!r}.", next_step="Send another name, or replace true.")
        if not file.exists() and len(list(self._folder.glob("*.json"))) >= MOST_MODELS:
            raise ModelRetry(f"{MOST_MODELS} models are kept.", next_step="Delete one: decoding_delete.")
        if len(text) > MOST_CHARACTERS:
            raise ModelRetry(f"{len(text):,} characters.", next_step=f"Send at most {MOST_CHARACTERS:,}.")
        model = NGram(name, text, order)
        ensure_writable(self._folder)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"order": order, "text": text}), encoding="utf-8")
        fresh.replace(file)
        return results.Trained(model=_card(model), perplexity=_held_out(text, order))

    def delete(self, name: str) -> results.Model:
        names = [file.stem for file in self._folder.glob("*.json")]
        if name not in names:
            raise ModelRetry(f"No model {name!r} was trained here.", next_step=nearest(name, names, what="models"))
        card = _card(self._ngram(name))
        (self._folder / f"{name}.json").unlink()
        return card

    def cards(self) -> list[results.Model]:
        trained = [_card(self._ngram(file.stem)) for file in sorted(self._folder.glob("*.json"))]
        return [*trained, *(results.Model(name=name, kind="gguf") for name in self._files())]

    def open(self, name: str) -> LanguageModel:
        """Return a trained model by name or a pulled one as gguf:NAME; raises ModelRetry with the nearest name."""
        if name in self._files():
            from mcp_servers.decoding.local import local_model

            return local_model(name, self._files()[name])
        known = [file.stem for file in self._folder.glob("*.json")]
        if name not in known:
            known += list(self._files())
            raise ModelRetry(f"There is no model {name!r}.", next_step=nearest(name, known, what="models"))
        return self._ngram(name)

    def _ngram(self, name: str) -> NGram:
        file = self._folder / f"{name}.json"
        return _read(name, file, file.stat().st_mtime_ns)

    def _files(self) -> dict[str, Path]:
        return {f"gguf:{path.parent.name}": path for path in sorted(self._pulled.glob("*/*.gguf"))}


@lru_cache(maxsize=8)
def _read(name: str, file: Path, _changed: int) -> NGram:
    kept = json.loads(file.read_text(encoding="utf-8"))
    return NGram(name, kept["text"], kept["order"])


def _card(model: NGram) -> results.Model:
    return results.Model(
        name=model.name, kind="n-gram", tokens=model.tokens, vocabulary=len(model.words), order=model.order
    )


def _held_out(text: str, order: int) -> dict[str, float]:
    lines = [line for line in text.splitlines() if line.strip()]
    rest = len(lines) // 10
    if not rest:
        return {}
    seen, unseen = "\n".join(lines[:-rest]), "\n".join(lines[-rest:][:200])
    return {str(n): round(NGram("", seen, n).perplexity(unseen), 2) for n in range(1, order + 1)}


async def distributions(
    shelf: Shelf, name: str, prompt: str, methods: Sequence[results.Method], shown: int, artifacts: ArtifactStore
) -> results.Distributions:
    model = shelf.open(name)
    said = await asyncio.to_thread(model.next, prompt, [])
    changed = [warped(said, [], method) for method in methods]
    columns = [[_probability(one, int(token)) for token in said.ids[:shown]] for one in changed]
    tokens = [_shown(model, int(token)) for token in said.ids[:shown]]
    svg = bars(
        tokens, [(m.label, column) for m, column in zip(methods, columns, strict=True)], f"after: …{prompt[-50:]}"
    )
    return results.Distributions(
        model=name,
        covered=round(said.covered, 4),
        methods=[
            results.Warped(
                method=method.label,
                entropy=round(one.entropy, 3),
                kept=len(one.ids),
                likeliest=round(float(one.probabilities.max()), 4),
            )
            for method, one in zip(methods, changed, strict=True)
        ],
        tokens=[
            results.TokenRow(token=token, probabilities=[round(column[row], 4) for column in columns])
            for row, token in enumerate(tokens)
        ],
        drawing=await artifacts.put(svg.encode(), media_type="image/svg+xml", name="probabilities.svg"),
    )


def _probability(distribution: Distribution, token: int) -> float:
    found = np.flatnonzero(distribution.ids == token)
    return float(distribution.probabilities[found[0]]) if len(found) else 0.0


def _shown(model: LanguageModel, token: int) -> str:
    return "(end)" if model.ends(token) else model.text([token]).replace(" ", "·").replace("\n", "⏎")


def written(
    shelf: Shelf, name: str, prompt: str, methods: Sequence[results.Method], tokens: int, reference: str, *, steps: bool
) -> results.Texts:
    work = sum(tokens * (method.beams if method.kind == "beam" else 1) for method in methods)
    if name.startswith("gguf:") and work > MOST_STEPS:
        raise ModelRetry(
            f"That is {work:,} steps, each a request to a local model.",
            next_step=f"Send fewer methods, beams or tokens: at most {MOST_STEPS:,} steps.",
        )
    model = shelf.open(name)
    texts: list[results.Text] = []
    for method in methods:
        done = write(model, prompt, method, tokens)
        text = _text(model, method, done, reference)
        if steps:
            text.steps = [
                results.Step(
                    token=_shown(model, choice.token),
                    probability=round(choice.probability, 4),
                    kept=choice.kept,
                    entropy=round(choice.entropy, 3),
                )
                for choice in done.choices
            ]
        texts.append(text)
    return results.Texts(model=name, texts=texts)


def _text(model: LanguageModel, method: results.Method, done: Written, reference: str) -> results.Text:
    text = model.text(done.ids)
    given = bool(reference.strip())
    return results.Text(
        method=method.label,
        text=text,
        tokens=len(done.ids),
        ended=done.ended,
        log_probability=round(done.log_probability, 4),
        perplexity=round(math.exp(-done.log_probability / max(1, done.steps)), 3),
        distinct_2=round(measures.distinct(text, 2), 3),
        repeated=round(measures.repeated(text), 3),
        rouge_1=round(measures.rouge_n(text, reference, 1), 3) if given else None,
        rouge_2=round(measures.rouge_n(text, reference, 2), 3) if given else None,
        rouge_l=round(measures.rouge_l(text, reference), 3) if given else None,
    )
