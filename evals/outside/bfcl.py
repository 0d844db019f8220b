"""BFCL: questions with functions, and whether the calls that are made are among the possible ones.

The check is that of the leaderboard for Python (gorilla, `bfcl_eval/eval_checker/ast_eval`, Apache-2.0), written anew;
where functions may be called in any order, calls are paired as well as can be rather than greedily.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lyceum.errors import UserError, nearest

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance")
_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_LEFT_OUT = re.compile(r"[ ,./\-_*^]")

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """`possible` holds for each call that must be made the name and, by argument, every value that is right.

    An empty string among the values means that the argument may be left out. No calls: none may be made.
    """

    id: str
    text: str
    functions: list[dict[str, Any]]
    possible: list[dict[str, dict[str, list[Any]]]]


def load(folder: Path, category: str) -> list[Question]:
    """Read a category from `bfcl_eval/data` (or a folder above it); raises UserError where it is not there."""
    own = re.compile(rf"BFCL_v\d+_{category}\.json")  # beside it lies BFCL_v4_live_multiple.json
    found = sorted(
        (path for path in folder.rglob("BFCL_v*.json") if own.fullmatch(path.name)),
        key=lambda path: (len(path.parts), str(path)),
    )
    asked = next((path for path in found if path.parent.name != "possible_answer"), None)
    if category not in CATEGORIES:
        raise UserError(
            f"BFCL's {category!r} is not read here.", next_step=nearest(category, CATEGORIES, what="categories")
        )
    if asked is None:
        raise UserError(
            f"{folder} holds no BFCL questions of {category!r}.",
            next_step="git clone --depth 1 https://github.com/ShishirPatil/gorilla, and give its folder with --data.",
        )
    answers = asked.parent / "possible_answer" / asked.name
    known = {each["id"]: each["ground_truth"] for each in _lines(answers)} if answers.exists() else {}
    questions: list[Question] = []
    for each in _lines(asked):
        turns = cast("list[list[dict[str, Any]]]", each["question"])
        text = "\n".join(message["content"] for turn in turns for message in turn)
        questions.append(Question(each["id"], text, each["function"], known.get(each["id"], [])))
    return questions


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def gold(question: Question) -> list[Call]:
    """Return calls that are right: for each argument its first possible value."""
    return [
        (name, {key: _first(values[0]) for key, values in given.items() if values and values[0] != ""})
        for call in question.possible
        for name, given in call.items()
    ]


def _first(value: Any) -> Any:
    """Inside an object each value is again a list of possible ones."""
    if isinstance(value, dict):
        held = cast("dict[str, list[Any]]", value)
        return {key: values[0] if values else values for key, values in held.items() if values not in ([""], "")}
    if isinstance(value, list):
        return [_first(each) if isinstance(each, dict) else each for each in cast("list[Any]", value)]
    return value


def check(question: Question, calls: Sequence[Call]) -> str:
    """Return what is wrong with calls; empty where they are right."""
    if len(calls) != len(question.possible):
        return f"{len(calls)} calls were made, {len(question.possible)} are right"
    wrong = [[check_call(question, call, possible) for call in calls] for possible in question.possible]
    owner: dict[int, int] = {}  # call: the possible one that it is

    def placed(wanted: int, tried: set[int]) -> bool:
        for number, why in enumerate(wrong[wanted]):
            if not why and number not in tried:
                tried.add(number)
                if number not in owner or placed(owner[number], tried):
                    owner[number] = wanted
                    return True
        return False

    missed = next((wanted for wanted in range(len(wrong)) if not placed(wanted, set())), None)
    return "" if missed is None else min(wrong[missed], key=len) or "a call was made in place of another"


def check_call(question: Question, call: Call, possible: Mapping[str, Mapping[str, list[Any]]]) -> str:
    """Return what is wrong with one call; empty where it is a possible one."""
    [(name, values)] = possible.items()
    function = next((each for each in question.functions if each["name"] == name), None)
    if function is None or call[0] not in (name, name.replace(".", "_")):
        return f"{call[0]} was called, {name} is right"
    properties = cast("dict[str, dict[str, Any]]", function["parameters"]["properties"])
    missing = [each for each in function["parameters"].get("required", []) if each not in call[1]]
    if missing:
        return f"{missing[0]} is missing"
    for key, value in call[1].items():
        if key not in properties or key not in values:
            return f"{key} is no argument of it"
        if why := _wrong(value, values[key], properties[key]):
            return f"{key}: {why}"
    left = [key for key, given in values.items() if key not in call[1] and "" not in given]
    return f"{left[0]} was left out" if left else ""


def _wrong(value: Any, possible: list[Any], schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("type", "any"))
    wanted = _TYPES.get(kind, str)
    if kind == "float" and type(value) is int:
        value = float(value)
    if kind == "tuple" and isinstance(value, tuple):
        value = list(cast("tuple[Any, ...]", value))
    told = next((each for each in possible if each != ""), None)
    named = told is not None and type(told) is not wanted  # a variable's name stands where a value is meant
    if type(value) is not wanted:
        return _among(value, possible) if told is not None and type(value) is type(told) else f"{value!r} is no {kind}"
    inner = _TYPES.get(str(cast("dict[str, Any]", schema.get("items") or {}).get("type", "")))
    if kind in ("array", "tuple") and inner is not None and not _fits(value, possible, inner):
        return f"an item of {value!r} is of another type"
    if named:
        return _among(value, possible)
    if wanted is dict:
        return _object(value, [each for each in possible if each != ""])
    if wanted is list and inner is dict:
        return _objects(value, possible)
    return _among(value, possible)


def _fits(value: list[Any], possible: list[Any], inner: type) -> bool:
    """Every item has the type that is declared, or the one that some possible value has there."""
    for each in possible:
        if not isinstance(each, list):
            return True
        told = next((item for item in cast("list[Any]", each) if item != ""), None)
        if all(type(item) is inner or type(item) is type(told) for item in value):
            return True
    return False


def _among(value: Any, possible: list[Any]) -> str:
    return "" if any(_same(value, each) for each in possible) else f"{value!r} is none of {possible}"


def _same(value: Any, other: Any) -> bool:
    """Texts are alike but for letters' case, spaces and some punctuation; so are those in a list."""
    if isinstance(value, str) and isinstance(other, str):
        return _plain(value) == _plain(other)
    if isinstance(value, list) and isinstance(other, list):
        ours, theirs = cast("list[Any]", value), cast("list[Any]", other)
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return bool(value == other)


def _plain(text: str) -> str:
    return _LEFT_OUT.sub("", text).lower().replace("'", '"')


def _object(value: dict[str, Any], possible: Sequence[Any]) -> str:
    why = f"{value!r} is no possible object"
    for each in possible:
        wanted = cast("dict[str, list[Any]]", each)
        wrong = [key for key, given in value.items() if key not in wanted or _among(given, wanted[key])]
        left = [key for key, given in wanted.items() if key not in value and "" not in given]
        if not wrong and not left:
            return ""
        why = f"{(wrong or left)[0]} in {value!r} is not right"
    return why


def _objects(value: list[Any], possible: Sequence[Any]) -> str:
    for each in possible:
        wanted = cast("list[Any]", each) if isinstance(each, list) else []
        if len(wanted) == len(value) and not any(_object(one, [w]) for one, w in zip(value, wanted, strict=True)):
            return ""
    return f"{value!r} is none of the possible lists"
