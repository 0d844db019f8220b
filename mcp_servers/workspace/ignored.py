"""`.gitignore` as git reads it (gitignore documentation: pattern format), for folders that need not be git's."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASSES = {"alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "space": r"\s", "upper": "A-Z"}
_FOLDERS = "(?:.*/)?"
_MOST_FOLDERS = 4


@dataclass(frozen=True)
class Rule:
    """One pattern: `shape` matches a path relative to the folder of its file, or a name where it has no slash."""

    shape: re.Pattern[str]
    by_name: bool
    folders_only: bool
    again: bool  # it starts with "!": what it matches is wanted after all


def rules_in(text: str) -> list[Rule]:
    """Read a `.gitignore`; a line that is no pattern matches nothing."""
    rules = [_rule(line) for line in text.removeprefix("\ufeff").splitlines()]
    return [rule for rule in rules if rule is not None]


def is_ignored(path: tuple[str, ...], *, folder: bool, rules: dict[tuple[str, ...], list[Rule]]) -> bool:
    """Tell whether the last of the rules that match, from the root's to the nearest folder's, leaves a path out.

    `rules` holds the rules by the folder of their file. The folders above `path` are taken not to be ignored.
    """
    for depth in range(len(path) - 1, -1, -1):
        for rule in reversed(rules.get(path[:depth], [])):
            below = path[-1] if rule.by_name else "/".join(path[depth:])
            if (folder or not rule.folders_only) and rule.shape.fullmatch(below):
                return not rule.again
    return False


def _rule(line: str) -> Rule | None:
    line = re.sub(r"(?<!\\) +$", "", line)
    if not line or line.startswith("#"):
        return None
    again = line.startswith("!")
    line = line[1:] if again else line
    folders_only = line.endswith("/")
    line = line[:-1] if folders_only else line
    by_name = "/" not in line
    line = line.removeprefix("/")
    if not line:
        return None
    try:
        return Rule(re.compile(_expression(line), re.DOTALL), by_name, folders_only, again)
    except re.error:
        return None


def _expression(pattern: str) -> str:
    """Turn a pattern into a regular expression: `*` and `?` stop at a slash, `**` between slashes does not."""
    if pattern == "**":
        return ".*"
    parts, place = [""], 0  # what stands between stars
    if pattern.startswith("**/"):
        parts, place = [_FOLDERS], 3
    while place < len(pattern):
        character = pattern[place]
        if pattern.startswith("/**/", place):
            parts[-1], place = f"{parts[-1]}/{_FOLDERS}", place + 4
        elif pattern[place:] == "/**":
            parts[-1], place = parts[-1] + "/.+", len(pattern)
        elif character == "*":
            while place < len(pattern) and pattern[place] == "*":
                place += 1
            parts.append("")
        elif character == "?":
            parts[-1], place = parts[-1] + "[^/]", place + 1
        elif character == "[":
            part, place = _set(pattern, place)
            parts[-1] += part
        elif character == "\\":
            if place + 1 == len(pattern):
                raise re.error("a backslash ends it")
            parts[-1], place = parts[-1] + re.escape(pattern[place + 1]), place + 2
        else:
            parts[-1], place = parts[-1] + re.escape(character), place + 1
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    """Put stars between parts so that matching never has to go back: the first place that fits leaves most room."""
    if sum(part.count(_FOLDERS) for part in parts) > _MOST_FOLDERS:
        raise re.error("too many `**`")
    first, *rest = parts
    found = first
    for number, part in enumerate(rest, 1):
        whole = number < len(rest) and _FOLDERS not in part
        found += f"(?>[^/]*?{part})" if whole else f"[^/]*{part}"
    return found


def _set(pattern: str, start: int) -> tuple[str, int]:
    """Read `[...]` from its bracket on; returns the expression and where it ends."""
    place = start + 1
    negated = pattern[place : place + 1] in ("!", "^")
    place += negated
    inside, first = "", True
    while place < len(pattern) and (pattern[place] != "]" or first):
        first = False
        named = re.match(r"\[:(\w+):\]", pattern[place:])
        if named:
            if named.group(1) not in _CLASSES:
                raise re.error("no such class")
            inside, place = inside + _CLASSES[named.group(1)], place + named.end()
            continue
        if pattern[place] == "\\" and place + 1 < len(pattern):
            place += 1
            inside, place = inside + re.escape(pattern[place]), place + 1
            continue
        is_range = pattern[place] == "-" and inside and pattern[place + 1 : place + 2] not in ("", "]")
        inside, place = inside + ("-" if is_range else re.escape(pattern[place])), place + 1
    if place >= len(pattern):
        raise re.error("an open set")
    return (f"(?:(?!/)[^{inside}])" if negated else f"(?:(?!/)[{inside}])"), place + 1
