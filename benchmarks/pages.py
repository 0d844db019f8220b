"""Where measured tables go: between two marks of a page, and a committed result for each model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def between(page: str, begin: str, end: str, text: str) -> str:
    """Return the page with `text` between two marks; raises ValueError where it does not have both."""
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page has no place for the table: {begin} ... {end}")
    return f"{before}{begin}{text}{end}{after}"


def in_place(page: str, name: str, text: str) -> str:
    """Return the page with `text` between `<!-- name -->` and `<!-- /name -->`."""
    return between(page, f"<!-- {name} -->", f"<!-- /{name} -->", text)


def keep(
    result: dict[str, Any], model: str, at: Path, page: Path, written: Callable[[str, dict[str, Any]], str]
) -> None:
    """Keep a model's result beside those of others, and write the page's table of them all."""
    held = json.loads(at.read_text(encoding="utf-8")) if at.exists() else {}
    held[model] = result
    at.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    page.write_text(written(page.read_text(encoding="utf-8"), held), encoding="utf-8")
