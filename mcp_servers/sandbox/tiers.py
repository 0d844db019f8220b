"""The tiers that can run code, safest and fastest first; each proves itself by running before it is trusted.

monty: a Python subset with no operating system behind it. bubblewrap: full Python in empty namespaces. landlock: full
Python with what the kernel can take from a process, and a warning. Where none works, code is refused.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lyceum.errors import OperatorError
from mcp_servers.sandbox.bubblewrap import Bubblewrap
from mcp_servers.sandbox.confined import Confined
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.sandbox.monty import Monty

TIERS: dict[str, type[Monty] | type[Confined]] = {kind.name: kind for kind in (Monty, Bubblewrap, Landlock)}


@cache
def lacking(tier: str) -> str:
    """Return what a tier's probe found missing, or an empty string where it works; it tries once, when first asked."""
    return TIERS[tier]().probe()


def reached() -> dict[str, str]:
    """Return what each tier lacks: an empty string where it works."""
    return {name: lacking(name) for name in TIERS}


def fullest(packages: Path | None = None) -> Confined | None:
    """Return the safest tier that runs all of Python here, or None."""
    return next((kind(packages) for kind in (Bubblewrap, Landlock) if not lacking(kind.name)), None)


def refusal(*, full: bool = False) -> OperatorError:
    """Say why nothing can run here, or nothing that needs `full` Python."""
    reasons = "; ".join(f"{name}: {why}" for name, why in reached().items() if why and not (full and name == "monty"))
    wanted = "for what needs all of Python" if full else "to run this code"
    return OperatorError(f"There is no safe way {wanted} here. {reasons}", next_step="See docs/sandbox.md.")
