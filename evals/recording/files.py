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
    try:
        whole = json.loads(text)
    except ValueError:
        items: list[Any] = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    items.append(json.loads(line))
                except ValueError as error:
                    raise UserError(f"{path}:{number}: not JSON: {error}.", next_step=_NEXT) from None
        return items
    return cast("list[Any]", whole) if isinstance(whole, list) else [whole]


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
