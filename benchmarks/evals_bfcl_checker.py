"""Our reading of BFCL's check beside the published one: right calls and damaged ones, the same verdict on each?

Run: `python -m benchmarks.evals_bfcl_checker --data FOLDER [--keep]`, where FOLDER holds the gorilla repository
(Apache-2.0), which is imported from there and no part of this one. Writes `benchmarks/results/evals_bfcl_checker.json`.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import random
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.outside.bfcl import Call, Question, check, gold, load

RESULT = Path(__file__).parent / "results" / "evals_bfcl_checker.json"
CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple")


def published(folder: Path) -> Any:
    """Load the published checker; its tables of models and converters for other languages are passed by."""
    path = next(folder.rglob("ast_eval/ast_checker.py"))

    class Anything(dict[str, Any]):
        def __missing__(self, _key: str) -> Any:
            return types.SimpleNamespace(underscore_to_dot=False)

    languages = types.SimpleNamespace(PYTHON="python", JAVA="java", JAVASCRIPT="js")
    held: dict[str, dict[str, Any]] = {
        "bfcl_eval": {},
        "bfcl_eval.constants": {},
        "bfcl_eval.constants.enums": {"Language": languages},
        "bfcl_eval.constants.model_config": {"MODEL_CONFIG_MAPPING": Anything()},
        "bfcl_eval.constants.type_mappings": {"JAVA_TYPE_CONVERSION": {}, "JS_TYPE_CONVERSION": {}},
        "bfcl_eval.eval_checker": {},
        "bfcl_eval.eval_checker.ast_eval": {},
        "bfcl_eval.eval_checker.ast_eval.type_convertor": {},
        "bfcl_eval.eval_checker.ast_eval.type_convertor.java_type_converter": {"java_type_converter": None},
        "bfcl_eval.eval_checker.ast_eval.type_convertor.js_type_converter": {"js_type_converter": None},
    }
    for name, content in held.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    spec = importlib.util.spec_from_file_location("published_ast_checker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def damaged(calls: list[Call], rng: random.Random) -> Iterator[tuple[str, list[Call]]]:
    """Yield calls as they are, and with one thing changed."""
    yield "as it is", calls
    yield "one call more", [*calls, calls[0]]
    yield "one call less", calls[1:]
    yield "other order", calls[::-1]
    place = rng.randrange(len(calls))

    def changed(name: str, given: dict[str, Any]) -> list[Call]:
        return [*calls[:place], (name, given), *calls[place + 1 :]]

    name, given = calls[place]
    yield "other name", changed(f"{name}_", given)
    yield "an argument more", changed(name, {**given, "surplus": 1})
    for key, value in given.items():
        yield "an argument less", changed(name, {k: v for k, v in given.items() if k != key})
        yield "upper case", changed(name, {**given, key: value.upper() if isinstance(value, str) else value})
        yield "as text", changed(name, {**given, key: str(value)})
        yield "as a list", changed(name, {**given, key: [copy.deepcopy(value)]})
        if isinstance(value, bool):
            yield "the other truth", changed(name, {**given, key: not value})
        elif isinstance(value, (int, float)):
            yield "another number", changed(name, {**given, key: value + 1})
            yield "as a float", changed(name, {**given, key: float(value)})
        elif isinstance(value, list) and value:
            yield "a shorter list", changed(name, {**given, key: value[1:]})


def compared(folder: Path, category: str, checker: Any) -> dict[str, Any]:
    rng = random.Random(1)
    counts = {"checked": 0, "right": 0, "same": 0}
    differ: list[str] = []
    for question in load(folder, category):
        for kind, calls in damaged(gold(question), rng):
            ours = not check(question, calls)
            theirs = _theirs(checker, question, calls, category)
            counts["checked"] += 1
            counts["right"] += theirs
            counts["same"] += ours is theirs
            if ours is not theirs:
                differ.append(f"{question.id}, {kind}: ours {ours}, published {theirs}")
    return {**counts, "differ": differ}


def _theirs(checker: Any, question: Question, calls: list[Call], category: str) -> bool:
    given = [{name: dict(arguments)} for name, arguments in calls]
    try:
        found = checker.ast_checker(question.functions, given, question.possible, "python", category, "m")
    except Exception:  # noqa: BLE001 - what makes the published checker fail is no right call
        return False
    return bool(found["valid"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keep", action="store_true", help="write the committed result")
    options = parser.parse_args()
    checker = published(options.data)
    found = {category: compared(options.data, category, checker) for category in CATEGORIES}
    print(json.dumps(found, indent=1))
    if options.keep:
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
