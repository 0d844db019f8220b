"""A run's own budget: what its request asks for, within what the settings allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lyceum.settings import BudgetSettings


class _Asked(BaseModel):
    """The limits that a request may name; others in it, such as a stage's, are its flow's own business."""

    model_config = ConfigDict(extra="ignore")

    tokens: int | None = None
    dollars: float | None = None
    calls: int | None = None
    seconds: float | None = Field(default=None, gt=0)


def run_seconds(request: Any) -> float | None:
    """Return the seconds that a run's own budget names, which begin with its approval; None where it names none."""
    asked = _asked(request)
    return asked.seconds if asked else None


def _asked(request: Any) -> _Asked | None:
    if not isinstance(request, Mapping):
        return None
    try:
        return _Asked.model_validate(cast("Mapping[str, Any]", request).get("budget") or {})
    except ValidationError:
        return None


def run_budget(settings: BudgetSettings, request: Any) -> BudgetSettings:
    """Return the limits of models and tools that hold for one run, whoever drives it.

    A request that has a `budget` with `tokens`, `dollars` or `calls` narrows the settings and never widens them.
    """
    asked = _asked(request)
    if asked is None:
        return settings
    narrower = {"tokens": asked.tokens, "dollars": asked.dollars, "tool_calls": asked.calls}
    update: dict[str, float] = {}
    for name, limit in narrower.items():
        known = getattr(settings, name)
        if limit is not None and (known is None or limit < known):
            update[name] = max(1, limit) if name != "dollars" else limit
    return settings.model_copy(update=update)
