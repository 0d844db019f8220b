"""Times in the world's zones: by city or zone name, with the hours that a change of clocks skips or repeats named."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from lyceum.errors import ModelRetry, nearest

_PLACES = {
    "utc": "UTC", "gmt": "Etc/GMT", "z": "UTC", "new york city": "America/New_York", "nyc": "America/New_York",
    "san francisco": "America/Los_Angeles", "la": "America/Los_Angeles", "seattle": "America/Los_Angeles",
    "boston": "America/New_York", "washington": "America/New_York", "miami": "America/New_York",
    "beijing": "Asia/Shanghai", "delhi": "Asia/Kolkata", "new delhi": "Asia/Kolkata", "mumbai": "Asia/Kolkata",
    "bangalore": "Asia/Kolkata", "munich": "Europe/Berlin", "hamburg": "Europe/Berlin", "frankfurt": "Europe/Berlin",
    "cologne": "Europe/Berlin", "milan": "Europe/Rome", "barcelona": "Europe/Madrid", "geneva": "Europe/Zurich",
    "edinburgh": "Europe/London", "manchester": "Europe/London", "rio": "America/Sao_Paulo", "osaka": "Asia/Tokyo",
    "kyoto": "Asia/Tokyo", "japan": "Asia/Tokyo", "germany": "Europe/Berlin", "france": "Europe/Paris",
    "uk": "Europe/London", "india": "Asia/Kolkata", "est": "America/New_York", "edt": "America/New_York",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "mst": "America/Denver", "mdt": "America/Denver",
    "cet": "Europe/Berlin", "cest": "Europe/Berlin", "jst": "Asia/Tokyo", "eet": "Europe/Helsinki",
}  # fmt: skip
_AMBIGUOUS = {
    "ist": "India (Asia/Kolkata), Ireland (Europe/Dublin) or Israel (Asia/Jerusalem)",
    "cst": "US Central (America/Chicago), China (Asia/Shanghai) or Cuba (America/Havana)",
    "bst": "Britain (Europe/London) or Bangladesh (Asia/Dhaka)",
}
_CLOCK = re.compile(r"(?:at )?(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?", re.IGNORECASE)


def zone(name: str) -> tuple[str, tzinfo]:
    """Return a zone by its own name, a city's or an offset such as UTC+2; raises ModelRetry with the nearest names."""
    plain = re.sub(r"\s+", " ", name.strip().lower()).removeprefix("the ").removesuffix(" time")
    if plain in _AMBIGUOUS:
        raise ModelRetry(f"{name.strip()!r} can be {_AMBIGUOUS[plain]}.", next_step="Send the zone in parentheses.")
    if offset := re.fullmatch(r"(?:utc|gmt)\s*([+-])(\d{1,2})(?::?(\d{2}))?", plain):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes > 14 * 60:
            raise ModelRetry("No zone is that far from UTC.", next_step="Send an offset from UTC-12 to UTC+14.")
        from datetime import timezone

        return plain.upper(), timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    found = _PLACES.get(plain) or _by_city().get(plain.replace(" ", "_")) or _by_city().get(plain.rpartition("/")[2])
    if found is None:
        cities = [city.replace("_", " ") for city in _by_city()]
        raise ModelRetry(
            f"There is no time zone {name.strip()[:40]!r}.",
            next_step=f"{_near(plain, cities)} Send a city of the zone database or a name such as Europe/Paris.",
        )
    return found, _loaded(found)


def _near(name: str, cities: list[str]) -> str:
    said = nearest(name, cities, what="cities")
    return said if said.startswith("Did you mean") else ""


@lru_cache(maxsize=1)
def _by_city() -> dict[str, str]:
    names = sorted(available_timezones() or _bundled().zones)
    by_city = {name.lower().rpartition("/")[2]: name for name in names if "/" in name and not name.startswith("Etc")}
    return by_city | {name.lower(): name for name in names}


def _loaded(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:  # a system without a zone database; dateutil brings one
        bundled = _bundled().get(name)
        if bundled is None:
            raise ModelRetry(f"{name} is not in the zone database here.", next_step="Send an offset: UTC+1.") from None
        return bundled


def _bundled():
    from dateutil.zoneinfo import get_zonefile_instance

    return get_zonefile_instance()


def read_clock(text: str) -> tuple[int, int, int]:
    """Read a time of day as hours, minutes and seconds; raises ModelRetry where it is none."""
    words = {"noon": "12:00", "midday": "12:00", "midnight": "0:00"}
    clock = _CLOCK.fullmatch(words.get(text.strip().lower(), text.strip()))
    if clock:
        hour, minute, second = int(clock[1]), int(clock[2] or 0), int(clock[3] or 0)
        half = (clock[4] or "").lower().replace(".", "")
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 99
        if hour <= 23 and minute <= 59 and second <= 59:
            return hour, minute, second
    raise ModelRetry(f"{text.strip()[:40]!r} is no time of day.", next_step="Send one such as 14:30 or 2:30 pm.")


def in_zone(local: datetime, at: tzinfo) -> tuple[datetime, str]:
    """Place a wall-clock time in a zone; says so where clocks skip that time or show it twice."""
    from dateutil import tz

    placed = local.replace(tzinfo=at)
    shown = f"{local:%H:%M} on {local:%Y-%m-%d}"
    if not tz.datetime_exists(placed):
        real = placed.astimezone(UTC).astimezone(at)
        return real, f"Clocks skip {shown} there; {real:%H:%M} is what they show instead."
    if tz.datetime_ambiguous(placed):
        return placed, f"Clocks show {shown} twice there; the first is meant here, the second is an hour later."
    return placed, ""
