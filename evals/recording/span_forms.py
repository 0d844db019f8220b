"""The forms in which spans are written as JSON: OTLP's, and that of the OpenTelemetry SDK for Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from lyceum.errors import UserError

_MODEL = {"chat", "completion", "text_completion", "generate_content", "LLM"}
_TOOL = {"execute_tool", "TOOL", "tool", "tools/call"}
_RETRIEVAL = {"retrieval", "RETRIEVER"}
_AGENT = {"invoke_agent", "AGENT", "agent"}  # create_agent is no run
_KINDS = (
    "gen_ai.operation.name",
    "openinference.span.kind",
    "mcp.method.name",
    "traceloop.span.kind",
    "llm.request.type",
)
_NO_CALLS = "(merged tools)", "handoff to "  # what google-adk and openai-agents write beside the real calls

Role = Literal["model", "tool", "retrieval", "agent", "other"]


@dataclass
class Span:
    """A span of whatever source: times in seconds since the epoch, attributes as plain values."""

    trace: str
    id: str
    parent: str
    name: str
    start: float
    end: float
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any] = field(default_factory=dict[str, Any])
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    @property
    def role(self) -> Role:
        kind = str(self.get(*_KINDS))
        if kind in _TOOL:
            return "other" if str(self.get("gen_ai.tool.name") or self.name).startswith(_NO_CALLS) else "tool"
        retrieved = kind in _RETRIEVAL
        return "model" if kind in _MODEL else "agent" if kind in _AGENT else "retrieval" if retrieved else "other"

    def get(self, *names: str, otherwise: Any = "") -> Any:
        return next((self.attributes[name] for name in names if self.attributes.get(name) is not None), otherwise)


def read_spans(given: Mapping[str, Any]) -> Iterable[Span]:
    """Yield the spans of one JSON object: a span, or an OTLP export; raises UserError for anything else."""
    if "resourceSpans" in given:
        for block in given["resourceSpans"]:
            resource = _pairs(block.get("resource", {}).get("attributes", []))
            for scope in block.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    yield _otlp(span, resource)
    elif "spanId" in given or "span_id" in given:
        yield _otlp(given, {})
    elif isinstance(given.get("context"), dict):
        yield _sdk(given)
    else:
        raise UserError(
            f"That is no span: it has {', '.join(sorted(given)[:6]) or 'nothing'}.",
            next_step="Give OTLP JSON (resourceSpans), or the SDK's span.to_json(), one a line.",
        )


def _otlp(span: Mapping[str, Any], resource: dict[str, Any]) -> Span:
    def of(*names: str) -> Any:
        return next((span[name] for name in names if name in span), "")

    attributes = of("attributes")
    status: dict[str, Any] = of("status") or {}
    return Span(
        trace=str(of("traceId", "trace_id")),
        id=str(of("spanId", "span_id")),
        parent=str(of("parentSpanId", "parent_span_id") or ""),
        name=str(of("name")),
        start=int(of("startTimeUnixNano", "start_time_unix_nano") or 0) / 1e9,
        end=int(of("endTimeUnixNano", "end_time_unix_nano") or 0) / 1e9,
        failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
        attributes=_plain(attributes),
        resource=resource,
        events=_events(of("events")),
    )


def _sdk(span: Mapping[str, Any]) -> Span:
    status: dict[str, Any] = span.get("status") or {}
    attributes: dict[str, Any] = span.get("attributes") or {}
    about: dict[str, Any] = span.get("resource") or {}
    resource: dict[str, Any] = about.get("attributes") or {}
    return Span(
        trace=str(span["context"].get("trace_id", "")),
        id=str(span["context"].get("span_id", "")),
        parent=str(span.get("parent_id") or ""),
        name=str(span.get("name", "")),
        start=_seconds(span.get("start_time")),
        end=_seconds(span.get("end_time")),
        failed=status.get("status_code") == "ERROR",
        attributes=attributes,
        resource=resource,
        events=_events(span.get("events")),
    )


def _seconds(text: Any) -> float:
    return datetime.fromisoformat(str(text)).timestamp() if text else 0.0


def _events(given: Any) -> list[tuple[str, dict[str, Any]]]:
    events = cast("list[dict[str, Any]]", given or [])
    return [(str(event.get("name", "")), _plain(event.get("attributes"))) for event in events]


def _plain(attributes: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", attributes) if isinstance(attributes, dict) else _pairs(attributes or [])


def _pairs(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {str(pair["key"]): _value(pair.get("value") or {}) for pair in attributes}


def _value(value: dict[str, Any]) -> Any:
    """Return an OTLP `AnyValue` as a plain one; 64-bit integers travel as text."""
    for kind, held in value.items():
        if kind == "intValue":
            return int(held)
        if kind == "arrayValue":
            return [_value(each) for each in held.get("values", [])]
        if kind == "kvlistValue":
            return _pairs(held.get("values", []))
        return held
    return None
