# pyright: basic
"""Runs in a process of its own: checks, queries and validates JSON, whose schema may hold hostile patterns."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
from collections import Counter
from typing import Any, cast

MEMORY = 1024 * 1024 * 1024
SHOWN = 100_000  # characters of a query's result
MOST = 20  # errors that are told


def place_of(text: str, position: int) -> dict:
    """Return line and column of a position, and the line with a mark under it."""
    line = text.count("\n", 0, position) + 1
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    row = text[start : end if end >= 0 else len(text)]
    column = position - start
    cut = max(0, column - 60)
    return {"line": line, "column": column + 1, "excerpt": f"{row[cut : cut + 100]}\n{' ' * (column - cut)}^"}


def hint_for(text: str, position: int) -> str:
    rest, before = text[position:].lstrip(), text[:position].rstrip()
    if not rest:
        return "It ends too early: close every bracket and quote."
    if rest[0] in "}]" and before.endswith(","):
        return "Remove the comma before it."
    if before.endswith(",") and rest[0] in "]}":
        return "Remove the comma before it."
    if rest[0] == "'":
        return "Use double quotes."
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments: remove it."
    if word := re.match(r"(True|False|None|undefined|NaN|-?Infinity)\b", rest):
        return {"True": "Write true.", "False": "Write false.", "None": "Write null."}.get(word[1], "Write null.")
    if re.match(r"[A-Za-z_]\w*\s*:", rest):
        return "Put the key in double quotes."
    if rest[0] in '"{[' or re.match(r"[-\d]", rest):
        return "A comma is missing before it."
    if rest[0] in "\n\t\r" or ord(rest[0]) < 32:
        return r"Write line breaks in text as \n."
    return "Remove or quote it."


def parsed(text: str) -> tuple[object, dict | None, list[str]]:
    """Return the value, or the first error with its place; and the keys that an object has twice."""
    repeated = []

    def paired(pairs):
        repeated.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return dict(pairs)

    def constant(name):
        raise ValueError(name)

    try:
        return json.loads(text, object_pairs_hook=paired, parse_constant=constant), None, repeated
    except json.JSONDecodeError as error:
        position = error.pos
        if error.msg.startswith("Illegal trailing comma"):  # newer Pythons point at the comma
            return None, {"message": error.msg, **place_of(text, position), "hint": "Remove the comma."}, []
        return None, {"message": error.msg, **place_of(text, position), "hint": hint_for(text, position)}, []
    except RecursionError:
        return None, {"message": "It is nested too deeply", **place_of(text, 0), "hint": "Send a flatter document."}, []
    except ValueError as error:
        name = str(error)
        if name not in ("NaN", "Infinity", "-Infinity"):
            return None, {"message": "A number is too long", **place_of(text, 0), "hint": "Send it as text."}, []
        found = {"message": f"{name} is no JSON value", **place_of(text, text.find(name)), "hint": "Write null."}
        return None, found, []


def queried(value, query: str) -> dict:
    import jmespath
    from jmespath.exceptions import JMESPathError

    if ".." in query:
        return {"refused": "The query cannot search at any depth.", "next_step": "Name the path, e.g. orders[*].id."}
    plain = re.sub(r"^\$\.?", "", query.strip()) or "@"
    plain = re.sub(r"\[(['\"])([\w -]+)\1\]", r'."\2"', plain).lstrip(".")
    try:
        found = jmespath.search(plain, value)
    except JMESPathError as error:
        first = str(error).splitlines()[0]
        return {"refused": f"The query is not valid: {first}", "next_step": "JMESPath: orders[?total > `100`].id"}
    text = json.dumps(found, ensure_ascii=False)
    if len(text) > SHOWN:
        return {"refused": "The query's result is too long.", "next_step": "Add a slice such as [:10], or name fields."}
    return {"result": text}


def validated(value, schema_text: str) -> dict:
    from jsonschema import exceptions, validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema, error, _ = parsed(schema_text)
    if error:
        return {
            "refused": f"The schema is not JSON: {error['message']} at line {error['line']}.",
            "next_step": error["hint"],
        }
    if not isinstance(schema, dict | bool):
        return {"refused": "The schema is no object.", "next_step": 'Send one such as {"type": "object"}.'}
    kind: Any = validators.validator_for(cast("Any", schema), default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
        checker = kind(
            schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER
        )  # an empty one: nothing is fetched
        errors = sorted(checker.iter_errors(value), key=lambda each: [str(part) for part in each.absolute_path])
    except exceptions.SchemaError as wrong:
        where = wrong.json_path
        return {
            "refused": f"The schema is not valid at {where}: {wrong.message[:300]}",
            "next_step": "Correct the schema.",
        }
    except Unresolvable:
        return {
            "refused": "The schema refers to another document.",
            "next_step": "Put it under $defs.",
        }
    except re.error as wrong:
        return {"refused": f"A pattern in the schema is not valid: {wrong}.", "next_step": "Correct the pattern."}
    except RecursionError:
        return {"refused": "The schema refers to itself without end.", "next_step": "Correct its $ref."}
    first = errors[:MOST]
    told = [{"path": each.json_path, "message": each.message[:300], "rule": str(each.validator)} for each in first]
    return {"errors": told, "more": max(0, len(errors) - MOST)}


def kind_of(value) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def checked(request: dict) -> dict:
    value, error, repeated = parsed(request["text"])
    if error:
        return {"valid": False, "error": error}
    answer = {"valid": True, "kind": kind_of(value), "repeated_keys": list(dict.fromkeys(repeated))[:MOST]}
    answer["size"] = len(value) if isinstance(value, dict | list) else 1
    if request["query"]:
        done = queried(value, request["query"])
        if "refused" in done:
            return done
        answer |= done
    if request["schema"]:
        done = validated(value, request["schema"])
        if "refused" in done:
            return done
        answer |= {"schema_errors": done["errors"], "further_errors": done["more"]}
    return answer


if __name__ == "__main__":
    with contextlib.suppress(OSError, ValueError):  # some systems have no such limit; the clock is kept outside
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write(json.dumps(checked(json.load(sys.stdin))))
