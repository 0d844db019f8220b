"""Which of a run's finished work comes before a step: what a fork from there keeps.

A key is a path of `number:name` (a place in the flow) and gather branches; a branch beside the step's own comes before
it as much as after it, and is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest

from lyceum.errors import UserError, nearest

_NUMBERED = re.compile(r"(\d+):(.*)")


def comes_before(key: str, step: str) -> bool:
    """Tell whether what stands at `key` (a call, an event, a question) does not follow from what stands at `step`."""
    for mine, its in zip_longest(key.split("/"), step.split("/")):
        if mine == its:
            continue
        if mine is None or its is None:  # an agent around the step, or a call inside it
            return False
        here, there = _NUMBERED.match(mine), _NUMBERED.match(its)
        if here is None or there is None:
            return mine.isdigit() and its.isdigit()
        return int(here[1]) < int(there[1])
    return False


def is_version(key: str) -> bool:
    """Tell whether a key is that of a choice which `ctx.version` made."""
    return key.rpartition("/")[2].startswith("version.")


def places(keys: Iterable[str]) -> list[str]:
    """Return where a fork can begin, in the flow's order: at calls and questions, none of them inside an agent."""
    found = {key for key in keys if _NUMBERED.match(key.rpartition("/")[2]) and "agent." not in key.rpartition("/")[0]}
    gathers = {"/".join(parts[: at + 1]) for key in found for parts in [key.split("/")] for at in range(len(parts))}
    return sorted(
        {key for key in found | gathers if _NUMBERED.match(key.rpartition("/")[2])},
        key=lambda key: [int(part.partition(":")[0]) for part in key.split("/")],
    )


def resolved(step: str, known: list[str]) -> str:
    """Return the place that a person named: in full, by the number of a step of the trunk, or by its name.

    A name stands for the first step that has it; in a branch, for the trunk's step that its branches belong to. Raises
    UserError with the nearest names.
    """
    if step in known:
        return step
    for place in known:
        last = place.rpartition("/")[2]
        if step in (place.partition(":")[0], last.partition(":")[2]) and (step != "gather"):
            return place.partition("/")[0]
    names = [*known, *dict.fromkeys(place.rpartition(":")[2] for place in known)]
    raise UserError(f"The run has no step {step!r}.", next_step=nearest(step, names, what="steps"))
