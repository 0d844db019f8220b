"""Invented databases that differ as real ones do; half of them tune the product, the other half only judge it."""

from __future__ import annotations

from importlib import import_module

from evals.suites.analytics_sql.databases.domain import Domain

_NAMES = "airline bank energy helpdesk hospital hotel hr iot league library museum retail shop university".split()
DOMAINS: dict[str, Domain] = {name: import_module(f"{__name__}.{name}").DOMAIN for name in _NAMES}
