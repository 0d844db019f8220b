# pyright: basic
"""Runs in a process of its own: tries a regular expression on a text. Standard library only; JSON in, JSON out."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
import warnings
from re import _constants as c  # pyright: ignore[reportAttributeAccessIssue]
from re import _parser  # pyright: ignore[reportAttributeAccessIssue]

MEMORY = 512 * 1024 * 1024
MOST = 100  # matches that are told
SHOWN = 2_000  # characters of a match
FLAGS = {"ignore_case": re.IGNORECASE, "multiline": re.MULTILINE, "dot_all": re.DOTALL, "verbose": re.VERBOSE}
FLAGS["ascii"] = re.ASCII
CLASSES = {
    "CATEGORY_DIGIT": "a digit", "CATEGORY_NOT_DIGIT": "no digit", "CATEGORY_SPACE": "white space",
    "CATEGORY_NOT_SPACE": "no white space", "CATEGORY_WORD": "a letter, digit or _",
    "CATEGORY_NOT_WORD": "no letter, digit or _",
}  # fmt: skip
PLACES = {
    "AT_BEGINNING": "the beginning of a line or the text", "AT_BEGINNING_STRING": "the beginning of the text",
    "AT_END": "the end of a line or the text", "AT_END_STRING": "the end of the text",
    "AT_BOUNDARY": "a word's edge", "AT_NON_BOUNDARY": "no word's edge",
}  # fmt: skip


def explained(pattern, depth: int = 0) -> list[str]:
    """Tell a parsed pattern part by part, nested parts indented; letters in a row are one part."""
    lines, letters = [], ""
    for operation, given in pattern:
        if operation is c.LITERAL:
            letters += chr(given)
            continue
        if letters:
            lines.append(f"{'  ' * depth}the text {letters!r}")
            letters = ""
        lines += told(operation, given, depth)
    return lines + ([f"{'  ' * depth}the text {letters!r}"] if letters else [])


def told(operation, given, depth: int) -> list[str]:
    pad = "  " * depth
    if operation is c.ANY:
        return [f"{pad}any character"]
    if operation is c.NOT_LITERAL:
        return [f"{pad}any character but {chr(given)!r}"]
    if operation is c.IN:
        return [f"{pad}{members(given)}"]
    if operation is c.AT:
        return [f"{pad}{PLACES.get(str(given), str(given).lower())}"]
    if operation in (c.MAX_REPEAT, c.MIN_REPEAT, getattr(c, "POSSESSIVE_REPEAT", None)):
        least, most, inner = given
        manner = (
            ""
            if operation is c.MAX_REPEAT
            else ", as few as possible"
            if operation is c.MIN_REPEAT
            else ", all or none"
        )
        return [f"{pad}{times(least, most)}{manner}:", *explained(inner, depth + 1)]
    if operation is c.SUBPATTERN:
        number, _, _, inner = given
        return [f"{pad}{f'group {number}' if number else 'together'}:", *explained(inner, depth + 1)]
    if operation is c.BRANCH:
        ways = [explained(way, depth + 1) or [f"{pad}  nothing"] for way in given[1]]
        return [f"{pad}one of:", *(line for n, way in enumerate(ways) for line in ([f"{pad}or"] if n else []) + way)]
    if operation in (c.ASSERT, c.ASSERT_NOT):
        direction, inner = given
        where = "what follows" if direction > 0 else "what stands before"
        return [f"{pad}only if {where} is{' not' if operation is c.ASSERT_NOT else ''}:", *explained(inner, depth + 1)]
    if operation is c.GROUPREF:
        return [f"{pad}the same text as group {given}"]
    return [f"{pad}{str(operation).lower()}"]


def members(given) -> str:
    """Tell a character class."""
    negated = bool(given) and given[0][0] is c.NEGATE
    parts = []
    for kind, value in given[negated:]:
        if kind is c.LITERAL:
            parts.append(repr(chr(value)))
        elif kind is c.RANGE:
            parts.append(f"{chr(value[0])!r} to {chr(value[1])!r}")
        else:
            parts.append(CLASSES.get(str(value), str(value).lower()))
    return f"{'any character but' if negated else 'one of' if len(parts) > 1 else ''} {', '.join(parts)}".strip()


def times(least, most) -> str:
    if most is c.MAXREPEAT:
        return {0: "any number of times", 1: "once or more"}.get(least, f"{least} times or more")
    return (
        "at most once" if (least, most) == (0, 1) else f"{least} times" if least == most else f"{least} to {most} times"
    )


def tried(request) -> dict:
    flags = re.NOFLAG
    for name in request["flags"]:
        flags |= FLAGS[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pattern = re.compile(request["pattern"], flags)
            parts = explained(_parser.parse(request["pattern"], flags))
    except (re.error, OverflowError, RecursionError) as error:
        position = getattr(error, "pos", None)
        place = "" if position is None else f" at place {position + 1}"
        why = getattr(error, "msg", "it is too deep or too large")
        return {
            "refused": f"The pattern is not valid{place}: {why}.",
            "next_step": "Escape special characters with \\.",
        }
    text, matches, count = request["text"], [], 0
    for match in pattern.finditer(text):
        count += 1
        if len(matches) < MOST:
            matches.append(
                {
                    "text": match.group()[:SHOWN], "start": match.start(), "end": match.end(),
                    "line": text.count("\n", 0, match.start()) + 1,
                    "groups": [None if group is None else group[:SHOWN] for group in match.groups()],
                    "named": {name: group[:SHOWN] for name, group in match.groupdict().items() if group is not None},
                }
            )  # fmt: skip
    answer = {"count": count, "matches": matches, "explanation": parts[:200], "whole": bool(pattern.fullmatch(text))}
    if request["replacement"] is not None:
        try:
            answer["replaced"] = pattern.sub(request["replacement"], text)[:100_000]
        except (re.error, IndexError) as error:
            return {
                "refused": f"The replacement is not valid: {error}.",
                "next_step": r"Refer to groups as \1.",
            }
    return answer


if __name__ == "__main__":
    with contextlib.suppress(OSError, ValueError):  # some systems have no such limit; the clock is kept outside
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write(json.dumps(tried(json.load(sys.stdin))))
