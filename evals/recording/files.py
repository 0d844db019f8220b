"""Trajectories from a file, whatever it holds: plain JSON, spans, events, PydanticAI messages, other tools' logs."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
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

_SPAN = {"context", "spanId", "span_id"}
_OTHER_SPANS = {"Jaeger": {"data"}, "Zipkin": {"traceId", "id"}}  # by what only they have at the top
_NEXT = "docs/evals.md shows the forms: trajectories, OpenTelemetry spans, events, PydanticAI messages."


def read_trajectories(path: Path, *more: Path) -> list[Trajectory]:
    """Return every trajectory in JSON or JSON-lines files; raises UserError that names the line that is wrong.

    The spans of a trace may lie in several of the files.
    """
    found: list[Trajectory] = []
    spans: list[dict[str, Any]] = []
    for each in (path, *more):
        items = _items(each, _text(each))
        if told := _spans(each, items):
            spans += told
        elif read := _checked(each, lambda path=each, items=items: _of(path, items)):
            found += read
        else:
            raise UserError(f"{each} holds no trajectory.", next_step=_NEXT)
    return found + (_checked(path, lambda: from_spans(spans)) if spans else [])


def _text(path: Path) -> str:
    if path.suffix == ".eval":
        raise UserError(f"{path} is packed.", next_step=f"Unpack it first: inspect log dump {path} > {path.stem}.json")
    try:
        held = path.read_bytes()
        if held.startswith(b"\x1f\x8b"):
            held = gzip.decompress(held)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is a broken gzip file.", next_step="Was it written to its end?") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", next_step="Give a readable file.") from None
    if held.startswith(b"\x28\xb5\x2f\xfd"):
        raise UserError(f"{path} is packed with zstd.", next_step=f"Unpack it first: zstd -d {path}")
    try:
        text = held.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text[:1000]:
        raise UserError(
            f"{path} is not text in UTF-8.",
            next_step="OTLP's protobuf is not read: write JSON (`format: json` of the collector's file exporter).",
        )
    return text


def _spans(path: Path, items: list[Any]) -> list[dict[str, Any]]:
    """Return the items where they are spans; a collector may write logs and metrics into the same file."""
    keys = {key for item in items if isinstance(item, dict) for key in cast("dict[str, Any]", item)}
    if keys & {"resourceLogs", "resourceMetrics"} and "resourceSpans" not in keys:
        raise UserError(f"{path} holds logs or metrics, and no spans.", next_step="Export the traces as well.")
    first = cast("dict[str, Any]", items[0]) if items and isinstance(items[0], dict) else {}
    if "resourceSpans" not in keys and not _SPAN & first.keys():
        return []
    _same_form(path, items)
    told = cast("list[dict[str, Any]]", items)
    return [item for item in told if not {"resourceLogs", "resourceMetrics"} & item.keys()]


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


def _same_form(path: Path, items: list[Any]) -> None:
    if not all(isinstance(item, type(items[0])) for item in items):
        raise UserError(f"{path} mixes several forms.", next_step=_NEXT)


def _of(path: Path, items: list[Any]) -> list[Trajectory]:
    if not items:
        return []
    _same_form(path, items)
    if not isinstance(items[0], (dict, list)):
        raise UserError(f"{path} holds no objects.", next_step=_NEXT)
    return _by_form(path, items[0], items)


def _checked(path: Path, read: Callable[[], list[Trajectory]]) -> list[Trajectory]:
    try:
        return read()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UserError(f"{path}: {where}: {problem['msg']}.", next_step=_NEXT) from None
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        # Recorders read what the conventions promise; a file that breaks them says so here, whatever the field.
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(f"{path}: a field is not what its convention says: {said}.", next_step=_NEXT) from None


def _by_form(path: Path, first: Any, items: list[Any]) -> list[Trajectory]:
    if isinstance(first, list):  # a message history a line
        return [from_messages(item) for item in items]
    keys = set(cast("dict[str, Any]", first))
    if "parts" in keys:
        return [from_messages(items)]
    if {"kind", "run", "seq"} <= keys:
        return _runs([EVENT.validate_python(item) for item in items])
    others = next((name for name, form in _OTHER_SPANS.items() if form <= keys), "")
    if others:
        raise UserError(
            f"{path} holds spans in {others}'s own form.",
            next_step="Write them as OTLP JSON, as the collector's file exporter does.",
        )
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
