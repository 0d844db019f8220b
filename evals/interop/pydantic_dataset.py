"""Data sets of pydantic-evals as cases, and cases as such data sets, by its YAML or JSON form; without the package.

Evaluators that say what our own expectations say are translated both ways. A data set with others is refused, by
name: a case whose evaluator is not looked at would pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from evals.suite import Case
from lyceum.errors import UserError

_ORDER = {"exact": "in order", "in_order": "in order", "any_order": "any"}


def read_dataset(path: Path) -> list[Case]:
    """Return the cases of a data set; raises UserError that names the case and evaluator which cannot be translated."""
    import yaml

    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        raise UserError(f"{path} cannot be read: {error}", next_step="Give a data set as YAML or JSON.") from None
    return cases_of(given, str(path))


def is_dataset(given: Any) -> bool:
    """Tell whether something that was read from YAML is a data set of pydantic-evals."""
    return isinstance(given, Mapping) and "cases" in given


def cases_of(given: Any, where: str = "data set") -> list[Case]:
    """Translate what was read from YAML or JSON."""
    if not is_dataset(given):
        raise UserError(f"{where} holds no `cases`.", next_step="Write it with pydantic-evals' Dataset.to_file.")
    try:
        return _cases(cast("dict[str, Any]", given), where)
    except (AttributeError, TypeError, ValueError, StopIteration) as error:
        said = str(error) or type(error).__name__
        raise UserError(
            f"{where}: something in it is not what a data set has: {said}.",
            next_step="Write it with pydantic-evals' Dataset.to_file.",
        ) from None


def _cases(whole: dict[str, Any], where: str) -> list[Case]:
    common = cast("list[Any]", whole.get("evaluators") or [])
    cases: list[Case] = []
    for number, each in enumerate(cast("list[dict[str, Any]]", whole["cases"]), 1):
        name = str(each.get("name") or f"case-{number}")
        inputs, wanted = each.get("inputs"), each.get("expected_output")
        text = inputs if isinstance(inputs, str) else json.dumps(inputs, ensure_ascii=False)
        expected: dict[str, Any] = {}
        for spec in [*common, *cast("list[Any]", each.get("evaluators") or [])]:
            _merge(expected, _translated(spec, wanted, f"{where}: {name}"))
        about = dict(cast("dict[str, Any]", each.get("metadata") or {}))
        own = {key: about.pop(key) for key in ("lyceum", "split") if key in about} if "lyceum" in about else {}
        _merge(expected, cast("dict[str, Any]", own.get("lyceum", {})))
        listed = cast("list[Any]", about.pop("tags", [])) if own else []
        tags = [*map(str, listed), *(f"{key}:{value}" for key, value in about.items())]
        split = own.get("split", "dev")
        cases.append(Case(id=name, input=text, expected=expected or _equal(wanted), tags=tags, split=split))
    return cases


def _translated(spec: Any, wanted: Any, where: str) -> dict[str, Any]:
    name, given = (spec, None) if isinstance(spec, str) else next(iter(cast("dict[str, Any]", spec).items()))
    translate = _KNOWN.get(name)
    if translate is None:
        known = ", ".join(_KNOWN)
        raise UserError(
            f"{where}: the evaluator {name} has no counterpart here.",
            next_step=f"Known are {known}; from Python, evals.interop.evaluators runs any.",
        )
    return translate(given, wanted)


def _equal(wanted: Any) -> dict[str, Any]:
    return {"answer": {"$exact": wanted}} if isinstance(wanted, str) else {"json": wanted} if wanted is not None else {}


def _value(given: Any, key: str = "value") -> Any:
    held = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    return held.get(key, cast("Any", given))


def _contains(given: Any, _wanted: Any) -> dict[str, Any]:
    exact = cast("dict[str, Any]", given).get("case_sensitive", True) if isinstance(given, dict) else True
    text = str(_value(given))
    import re

    pattern = re.escape(text)
    return {"answer": {"$regex": pattern if exact else f"(?i){pattern}"}}


def _budget(name: str, key: str, most: Callable[[Any], Any]) -> Callable[[Any, Any], dict[str, Any]]:
    def translate(given: Any, _wanted: Any) -> dict[str, Any]:
        return {"trajectory": {"budget": {name: most(_value(given, key))}}}

    return translate


def _trajectory(given: Any, _wanted: Any) -> dict[str, Any]:
    told = cast("dict[str, Any]", given) if isinstance(given, dict) else {"expected_trajectory": given}
    steps = [{"tool": str(tool)} for tool in cast("list[Any]", told.get("expected_trajectory") or [])]
    order = str(told.get("order", "exact"))
    block = steps if _ORDER.get(order) != "any" else [{"any_order": steps}]
    return {"trajectory": {"steps": block, **({"extra": "forbid"} if order == "exact" else {})}}


def _tools(given: Any, _wanted: Any) -> dict[str, Any]:
    told = cast("dict[str, Any]", given) if isinstance(given, dict) else {"expected_tools": given}
    steps = [{"tool": str(tool), "times": [1, None]} for tool in cast("list[Any]", told.get("expected_tools") or [])]
    extra = {} if told.get("allow_extra", True) else {"extra": "forbid"}
    return {"trajectory": {"steps": [{"any_order": steps}], **extra}}


_KNOWN: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "EqualsExpected": lambda _given, wanted: _equal(wanted),
    "Equals": lambda given, _wanted: _equal(_value(given)),
    "Contains": _contains,
    "MaxDuration": _budget("seconds", "seconds", float),
    "MaxToolCalls": _budget("calls", "max_calls", int),
    "MaxModelRequests": _budget("model_calls", "max_requests", int),
    "TrajectoryMatch": _trajectory,
    "ToolCorrectness": _tools,
}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if key == "answer" and key in into:
            into[key] = {"$all": [into[key], value]}
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], cast("dict[str, Any]", value))
        else:
            into[key] = value


def dataset_of(cases: Sequence[Case], name: str) -> dict[str, Any]:
    """Return cases in the form of pydantic-evals, to be written as YAML or JSON.

    What has no evaluator there goes into the metadata under `lyceum`, and nothing is lost.
    """
    return {"name": name, "cases": [_case(case) for case in cases]}


def _case(case: Case) -> dict[str, Any]:
    evaluators: list[Any] = []
    told: dict[str, Any] = {"name": case.id, "inputs": case.input}
    left = dict(case.expected)
    answer = left.get("answer")
    if isinstance(answer, dict) and set(answer) == {"$exact"}:
        told["expected_output"] = answer["$exact"]
        evaluators.append("EqualsExpected")
        left.pop("answer")
    elif isinstance(answer, dict) and set(answer) == {"$contains"}:
        evaluators.append({"Contains": {"value": answer["$contains"], "case_sensitive": False}})
        left.pop("answer")
    trajectory = left.get("trajectory")
    budget = cast("dict[str, Any]", trajectory).get("budget") if isinstance(trajectory, dict) else None
    if isinstance(budget, dict) and "seconds" in budget:
        evaluators.append({"MaxDuration": {"seconds": budget["seconds"]}})
    metadata: dict[str, Any] = {"tags": list(case.tags), "split": case.split}
    return told | {"metadata": metadata | {"lyceum": left}, "evaluators": evaluators}
