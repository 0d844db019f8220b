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
from mcp_servers.sandbox.execution import Execution, Tier
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.sandbox.monty import Monty, beyond_subset

TIERS: dict[str, Tier] = {tier.name: tier for tier in (Monty(), Bubblewrap(), Landlock())}


@cache
def lacking(tier: str) -> str:
    """Return what a tier's probe found missing, or an empty string where it works; it tries once, when first asked."""
    return TIERS[tier].probe()


def reached() -> dict[str, str]:
    """Return what each tier lacks: an empty string where it works."""
    return {name: lacking(name) for name in TIERS}


def fullest(packages: Path | None = None) -> Confined | None:
    """Return the safest tier that runs all of Python here, or None."""
    return next((kind(packages) for kind in (Bubblewrap, Landlock) if not lacking(kind.name)), None)


def run(code: str, seconds: float) -> Execution:
    """Run code in the first tier that can; raises OperatorError where no tier works."""
    done = None if lacking("monty") else Monty().run(code, seconds)
    if done is not None and not beyond_subset(done):
        return done
    full = fullest()
    if full is not None:
        return full.run(code, seconds)
    if done is None:
        raise refusal()
    return done


def refusal() -> OperatorError:
    """Say why nothing can run here."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in reached().items() if reason)
    return OperatorError(f"There is no safe way to run this code here. {reasons}", next_step="See `lyceum doctor`.")
