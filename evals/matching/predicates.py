"""What one argument must be: a value, or an object with one `$` word that says how it is compared.

`$exact: V`, `$text: V` (letters' case and white space aside), `$contains: V`, `$regex: PATTERN` (searched),
`$near: N` with `$within: T` (absolute, default 1e-6) or `$relative: R`, `$subset: {...}` (nested, each a predicate),
`$any: [P, ...]`, `$all: [P, ...]`, `$not: P`, `$present: true|false`, `$path: JMESPATH` with `$is: P`.
A plain value means `$exact`; from Python a function from the value to true or false may stand for any of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from lyceum.errors import UserError, nearest

MISSING = object()  # stands for an argument that was not given


def complaint(predicate: Any, value: Any) -> str:
    """Return why a value does not satisfy a predicate; empty where it does.

    Raises UserError for a predicate that means nothing: a misspelt one must not pass, nor fail in silence.
    """
    if callable(predicate):
        name = getattr(predicate, "__name__", "the check")
        return "" if value is not MISSING and predicate(value) else f"{shown(value)} does not pass {name}"
    if isinstance(predicate, Mapping):
        words = cast("Mapping[str, Any]", predicate)
        if any(str(key).startswith("$") for key in words):
            return _by_word(words, value)
    if value is MISSING:
        return f"expected {shown(predicate)}, was not given"
    return "" if equal(predicate, value) else f"expected {shown(predicate)}, got {shown(value)}"


def check(predicate: Any) -> None:
    """Raise UserError for a predicate that means nothing, whether or not anything is ever compared with it."""
    if not isinstance(predicate, Mapping) or not any(str(key).startswith("$") for key in cast("Any", predicate)):
        return
    words = cast("Mapping[str, Any]", predicate)
    word = _main(words)
    held = words[word]
    if word == "$regex":
        _compiled(str(held))
    elif word == "$near":
        for name, number in words.items():
            if _number(number) is None or isinstance(number, str):
                raise UserError(f"{name} takes a number, not {shown(number)}.", next_step="Correct it.")
    elif word in ("$any", "$all"):
        if not isinstance(held, list):
            raise UserError(f"{word} takes a list of predicates, not {shown(held)}.", next_step="Write [..., ...].")
        for each in cast("list[Any]", held):
            check(each)
    elif word == "$subset":
        if not isinstance(held, Mapping):
            raise UserError(f"$subset takes predicates by name, not {shown(held)}.", next_step="Write {name: ...}.")
        for each in cast("Mapping[str, Any]", held).values():
            check(each)
    elif word == "$not":
        check(held)
    elif word == "$path":
        at_path(str(held), None)
        check(words.get("$is"))


def equal(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are the same: 3 is 3.0, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        one, other = cast("Mapping[str, Any]", left), cast("Mapping[str, Any]", right)
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        ours, theirs = cast("Sequence[Any]", left), cast("Sequence[Any]", right)
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return left == right


def shown(value: Any, most: int = 80) -> str:
    """Return a value or predicate as a person reads it, cut to `most` characters."""
    if value is MISSING:
        return "nothing"
    text = getattr(value, "__name__", "a check") if callable(value) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _main(words: Mapping[str, Any]) -> str:
    """Return the one word that says how; raises UserError where it is none, or another stands beside it."""
    main = [word for word in words if word in _WORDS]
    besides = {"$near": {"$within", "$relative"}, "$path": {"$is"}}
    if len(main) != 1 or set(words) - set(main) - besides.get(main[0], set()):
        wrong = next((word for word in words if word not in _WORDS), ", ".join(words))
        raise UserError(f"{wrong!r} is no way to compare.", next_step=nearest(wrong, _WORDS, what="words"))
    return main[0]


def _by_word(words: Mapping[str, Any], value: Any) -> str:
    word = _main(words)
    if value is MISSING and word not in ("$present", "$not", "$any", "$all"):
        return f"expected {shown(words)}, was not given"
    return _WORDS[word](words, value)


def _told(holds: bool, words: Mapping[str, Any], value: Any) -> str:
    return "" if holds else f"expected {shown(words)}, got {shown(value)}"


def _exact(words: Mapping[str, Any], value: Any) -> str:
    return _told(equal(words["$exact"], value), words, value)


def _text(words: Mapping[str, Any], value: Any) -> str:
    return _told(plain(str(words["$text"])) == plain(str(value)), words, value)


def plain(text: str) -> str:
    """Return a text without what a reader overlooks: letters' case, outer and repeated white space."""
    return " ".join(text.casefold().split())


def _contains(words: Mapping[str, Any], value: Any) -> str:
    wanted = words["$contains"]
    if isinstance(value, str):
        return _told(plain(str(wanted)) in plain(value), words, value)
    if isinstance(value, list):
        return _told(any(equal(wanted, each) for each in cast("list[Any]", value)), words, value)
    return _told(False, words, value)


def _regex(words: Mapping[str, Any], value: Any) -> str:
    return _told(_compiled(str(words["$regex"])).search(_as_text(value)) is not None, words, value)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"{pattern!r} is no regular expression: {error}.", next_step="Correct it.") from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _near(words: Mapping[str, Any], value: Any) -> str:
    number = _number(value)
    wanted = float(words["$near"])
    within, relative = float(words.get("$within", 0.0 if "$relative" in words else 1e-6)), words.get("$relative", 0.0)
    holds = number is not None and math.isclose(wanted, number, rel_tol=float(relative), abs_tol=within)
    return _told(holds, words, value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _subset(words: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, Mapping):
        return _told(False, words, value)
    return "; ".join(complaints(cast("Mapping[str, Any]", words["$subset"]), cast("Mapping[str, Any]", value)))


def complaints(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with named arguments, each as `name: why`; those that are not named may be anything."""
    found = {name: complaint(predicate, given.get(name, MISSING)) for name, predicate in wanted.items()}
    return [f"{name}: {why}" for name, why in found.items() if why]


def _any(words: Mapping[str, Any], value: Any) -> str:
    return _told(any(not complaint(each, value) for each in words["$any"]), words, value)


def _all(words: Mapping[str, Any], value: Any) -> str:
    return "; ".join(filter(None, (complaint(each, value) for each in words["$all"])))


def _not(words: Mapping[str, Any], value: Any) -> str:
    return _told(bool(complaint(words["$not"], value)), words, value)


def _present(words: Mapping[str, Any], value: Any) -> str:
    return _told((value is not MISSING) is bool(words["$present"]), words, value)


def _path(words: Mapping[str, Any], value: Any) -> str:
    found = at_path(str(words["$path"]), value)
    wanted = words.get("$is", {"$present": True})
    # JMESPath tells a null and nothing at all by the same: only who asks for a null gets one.
    why = complaint(wanted, MISSING if found is None and wanted is not None and wanted != {"$exact": None} else found)
    return f"at {words['$path']}: {why}" if why else ""


def at_path(path: str, value: Any) -> Any:
    """Return what lies at a JMESPath in a value, None where nothing does; raises UserError for what is no path."""
    import jmespath
    import jmespath.exceptions

    try:
        return jmespath.search(path, value)
    except jmespath.exceptions.JMESPathError as error:
        raise UserError(f"{path!r} is no JMESPath: {error}.", next_step="See jmespath.org.") from None


_WORDS: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "$exact": _exact,
    "$text": _text,
    "$contains": _contains,
    "$regex": _regex,
    "$near": _near,
    "$subset": _subset,
    "$any": _any,
    "$all": _all,
    "$not": _not,
    "$present": _present,
    "$path": _path,
}
