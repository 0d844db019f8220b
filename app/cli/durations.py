"""Durations as people write them: 90s, 15m, 6h, 1d, 2w."""

from __future__ import annotations

import re

from lyceum.errors import UserError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = 366 * 86_400.0


def seconds_of(given: str, *, option: str, least: float = 1.0) -> float:
    """Return a duration in seconds; raises UserError for what is none, or is shorter than `least` or over a year."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", given.strip().lower())
    if found is None:
        raise UserError(f"{option} {given}: that is no duration.", next_step="Write 30m, 6h, 1d or 2w.")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not least <= seconds <= LONGEST:
        raise UserError(f"{option} {given}: it has to be {least:g} s to a year.", next_step="Write 30m, 6h, 1d or 2w.")
    return seconds


def told(seconds: float) -> str:
    """Return a duration in the largest unit that it is a whole number of."""
    for unit in reversed(_UNITS):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"
