"""Trajectories from a file, whatever it holds: plain JSON, spans, events, PydanticAI messages, other tools' logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from evals.recording.events import from_events
from evals.recording.logs import from_inspect, from_ragas
from evals.recording.messages import from_messages
from evals.recording.spans import from_spans
from evals.trajectory import Trajectory
from lyceum.errors import UserError
from lyceum.events import EVENT

_NEXT = "docs/evals.md shows the forms: trajectories, OpenTelemetry spans, events, PydanticAI messages."


def read_trajectories(path: Path) -> list[Trajectory]:
    """Return every trajectory in a JSON or JSON-lines file; raises UserError that names the line that is wrong."""
    if path.suffix == ".eval":
        raise UserError(f"{path} is packed.", next_step=f"Unpack it first: inspect log dump {path} > {path.stem}.json")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", next_step="Give a readable file.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text.", next_step=_NEXT) from None
    found = _of(path, _items(path, text))
    if not found:
        raise UserError(f"{path} holds no trajectory.", next_step=_NEXT)
    return found


def _items(path: Path, text: str) -> list[Any]:
    """Return the objects of a JSON list, or those that stand one after the other, on a line each or on several."""
    items: list[Any] = []
    decoder = json.JSONDecoder()
    at = _next(text, 0)
    while at < len(text):
        try:
            item, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            line = text.count("\n", 0, at) + 1
            raise UserError(f"{path}:{line}: not JSON: {error.msg}.", next_step=_NEXT) from None
        except RecursionError:
            raise UserError(f"{path} is nested too deep.", next_step=_NEXT) from None
        items.append(item)
        at = _next(text, at)
    return cast("list[Any]", items[0]) if len(items) == 1 and isinstance(items[0], list) else items


def _next(text: str, at: int) -> int:
    """Return the place of the next character that is no white space, nor the mark that some editors write first."""
    while at < len(text) and text[at] in " \t\r\n\ufeff":
        at += 1
    return at


def _of(path: Path, items: list[Any]) -> list[Trajectory]:
    if not items:
        return []
    first = items[0]
    if not all(isinstance(item, type(first)) for item in items):
        raise UserError(f"{path} mixes several forms.", next_step=_NEXT)
    if not isinstance(first, (dict, list)):
        raise UserError(f"{path} holds no objects.", next_step=_NEXT)
    try:
        return _by_form(first, items)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UserError(f"{path}: {where}: {problem['msg']}.", next_step=_NEXT) from None
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        # Recorders read what the conventions promise; a file that breaks them says so here, whatever the field.
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(f"{path}: a field is not what its convention says: {said}.", next_step=_NEXT) from None


def _by_form(first: Any, items: list[Any]) -> list[Trajectory]:
    if isinstance(first, list):  # a message history a line
        return [from_messages(item) for item in items]
    keys = set(cast("dict[str, Any]", first))
    if "parts" in keys:
        return [from_messages(items)]
    if {"kind", "run", "seq"} <= keys:
        return _runs([EVENT.validate_python(item) for item in items])
    if keys & {"resourceSpans", "context", "spanId", "span_id"}:
        return from_spans(items)
    if {"eval", "samples"} <= keys:  # the log of inspect-ai
        return [trajectory for item in items for trajectory in from_inspect(item)]
    if "user_input" in keys:  # a data set of RAGAS
        return from_ragas(items)
    return [Trajectory.model_validate(item) for item in items]


def _runs(events: list[Any]) -> list[Trajectory]:
    runs: dict[str, list[Any]] = {}
    for event in events:
        runs.setdefault(event.run, []).append(event)
    return [from_events(run) for run in runs.values()]
