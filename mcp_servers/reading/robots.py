"""What a site asks of programs that read it (RFC 9309): the most specific rule wins, a tie allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

PRODUCT = "lyceum"
LONGEST = 500_000  # bytes that have to be read at least (RFC 9309, 2.5)


@dataclass(frozen=True)
class Robots:
    """`rules` are (path pattern, allowed) of the group for us, else of the group for everybody."""

    rules: tuple[tuple[str, bool], ...] = ()

    def allows(self, path: str) -> bool:
        matching = [(len(pattern), allowed) for pattern, allowed in self.rules if _matches(pattern, path)]
        return max(matching, default=(0, True))[1]


def parse(text: str) -> Robots:
    """Read a robots.txt; lines that say nothing known are passed over."""
    groups: dict[str, list[tuple[str, bool]]] = {}
    names: list[str] = []
    in_rules = False
    for line in text[:LONGEST].splitlines():
        key, _, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "user-agent":
            if in_rules:
                names, in_rules = [], False
            names.append(value.lower())
            groups.setdefault(value.lower(), [])
        elif key in ("allow", "disallow"):
            in_rules = True
            if value:
                for name in names:
                    groups[name].append((unquote(value), key == "allow"))
    ours = [rules for name, rules in groups.items() if name != "*" and PRODUCT.startswith(name) and name]
    chosen = [rule for rules in ours for rule in rules] if ours else groups.get("*", [])
    return Robots(tuple(chosen))


def _matches(pattern: str, path: str) -> bool:
    ends = pattern.endswith("$")
    parts = [re.escape(part) for part in pattern.removesuffix("$").split("*")]
    return re.match(".*".join(parts) + ("$" if ends else ""), unquote(path), re.DOTALL) is not None
