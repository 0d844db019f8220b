"""A run's own budget: what its request asks for, within what the settings allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lyceum.settings import BudgetSettings


class _Asked(BaseModel):
    """The limits that a request may name; others in it, such as a stage's, are its flow's own business."""

    model_config = ConfigDict(extra="ignore")

    tokens: int | None = None
    dollars: float | None = None
    calls: int | None = None


def run_budget(settings: BudgetSettings, request: Any) -> BudgetSettings:
    """Return the limits of models and tools that hold for one run, whoever drives it.

    A request that has a `budget` with `tokens`, `dollars` or `calls` narrows the settings and never widens them. Its
    `seconds` are the flow's: they begin where the flow says.
    """
    if not isinstance(request, Mapping):
        return settings
    try:
        asked = _Asked.model_validate(cast("Mapping[str, Any]", request).get("budget") or {})
    except ValidationError:
        return settings
    narrower = {"tokens": asked.tokens, "dollars": asked.dollars, "tool_calls": asked.calls}
    update: dict[str, float] = {}
    for name, limit in narrower.items():
        known = getattr(settings, name)
        if limit is not None and (known is None or limit < known):
            update[name] = max(1, limit) if name != "dollars" else limit
    return settings.model_copy(update=update)
