"""Nothing that a contract promises is missing from its page."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from evals.suite import Case, Outcome
from lyceum.events import Event
from lyceum.runs import Jobs, RunStore
from lyceum.sources import Source
from workflows.context import Context
from workflows.runtime import Runtime

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "contracts"


def members(protocol: type[Any]) -> list[str]:
    return [name for name, _ in inspect.getmembers_static(protocol) if not name.startswith("_")]


PROMISED = {
    "context": members(Context),
    "events": [kind.model_fields["kind"].default for kind in get_args(get_args(Event)[0])],
    "run-store": members(RunStore),
    "jobs": members(Jobs),
    "runtime": [field.name for field in fields(Runtime)],
    "sources": [*Source.model_fields, *Source.model_computed_fields],
    "suite": [*Case.model_fields, *Outcome.model_fields],
}


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, names in PROMISED.items() for name in names])
def test_every_promise_is_on_its_page(page: str, name: str) -> None:
    assert f"`{name}`" in (PAGES / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("index", ["README.md", "contracts.md"])
def test_every_page_is_in_the_index(index: str) -> None:
    listed = (ROOT / "docs" / index).read_text(encoding="utf-8")
    for page in PAGES.glob("*.md"):
        assert f"(contracts/{page.name})" in listed
