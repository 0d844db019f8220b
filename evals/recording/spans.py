"""Trajectories from OpenTelemetry spans that follow the conventions for generative AI, one a trace.

Read are OTLP JSON (`resourceSpans`), the SDK's `span.to_json()` and a bare list of spans; of the names, those of the
GenAI conventions (`gen_ai.operation.name`: chat, execute_tool, invoke_agent) and of OpenInference
(`openinference.span.kind`: LLM, TOOL, AGENT).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, cast

from evals.recording.span_forms import Span, read_spans
from evals.trajectory import Step, Trajectory
from lyceum.errors import UserError
from lyceum.events import result_hash

_PREVIEW = 300
CASE = ("test.case.name", "lyceum.case")  # a root span or resource that carries one of these says which case it was


def from_spans(spans: Iterable[Mapping[str, Any]]) -> list[Trajectory]:
    """Return one trajectory a trace, in the order in which the traces began.

    Raises UserError where no span is an agent's: a model request, a tool call or an agent's run.
    """
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for given in spans:
        for span in read_spans(given):
            traces[span.trace].append(span)
    ordered = sorted(traces.values(), key=lambda trace: min(span.start for span in trace))
    found = [_trajectory(trace) for trace in ordered if any(span.role != "other" for span in trace)]
    if not found:
        raise UserError(
            "No span there is a model request, a tool call or an agent's run.",
            next_step="Record spans of the OpenTelemetry GenAI conventions (gen_ai.operation.name) or OpenInference.",
        )
    return found


def _trajectory(trace: list[Span]) -> Trajectory:
    trace.sort(key=lambda span: (span.start, span.end))
    by_id = {span.id: span for span in trace}
    roots = [span for span in trace if span.parent not in by_id]
    agents = {span.id: _agent_of(span, by_id) for span in trace}
    branches = _branches(trace, agents, by_id)
    have_tool_spans = any(span.role == "tool" for span in trace)
    asked: dict[str, str] = {}  # call id in its agent's span: the message that asked for it
    latest: dict[str, str] = {}  # agent's span: its latest model request
    steps: list[Step] = []
    answer = ""
    for span in trace:
        owner = agents[span.id]
        scope = owner.id if owner else ""
        where: dict[str, Any] = {"agent": _agent_name(owner) if owner else "", "branch": branches.get(scope, "")}
        if span.role == "agent":
            above = by_id.get(span.parent)
            outer = agents[above.id] if above else None
            told: dict[str, Any] = {
                "tool": _agent_name(span),
                "agent": _agent_name(outer) if outer else "",
                "latency_ms": _ms(span),
            }
            steps.append(Step(kind="handoff", branch=where["branch"], ok=not span.failed, **told))
        elif span.role == "model":
            latest[scope] = span.id
            steps.append(_model(span, where))
            parts = list(_output_parts(span))
            answer = _text(parts) or answer
            for part in parts:
                if part.get("type") == "tool_call":
                    asked[f"{scope} {part.get('id')}"] = span.id
                    if not have_tool_spans:
                        name, given = str(part.get("name", "")), _json(part.get("arguments"))
                        steps.append(Step(kind="tool", tool=name, arguments=_object(given), group=span.id, **where))
        elif span.role == "tool":
            call = span.get("gen_ai.tool.call.id", "tool_call.id", "tool.id")
            group = asked.get(f"{scope} {call}") or latest.get(scope, "")
            steps.append(_tool(span, str(call), group, where))
    root = roots[0] if roots else trace[0]
    whole = next((span for span in trace if span.role == "agent"), root)
    final = _json(whole.get("final_result", "output.value"))
    return Trajectory(
        case=_case(trace),
        input=_input(trace),
        answer=final if isinstance(final, str) and final else answer or _text(_output_parts(whole)),
        output=final if final != "" else None,
        error=f"{root.name} failed" if root.failed else None,
        seconds=max(span.end for span in trace) - min(span.start for span in trace),
        steps=steps,
        labels={"trace": root.trace},
    )


def _text(parts: Iterable[dict[str, Any]]) -> str:
    return "".join(str(part.get("content", "")) for part in parts if part.get("type") == "text")


def _agent_of(span: Span, by_id: Mapping[str, Span]) -> Span | None:
    """The agent's span that a span lies in, itself included."""
    seen: set[str] = set()
    at: Span | None = span
    while at is not None and at.id not in seen:
        if at.role == "agent":
            return at
        seen.add(at.id)
        at = by_id.get(at.parent)
    return None


def _agent_name(span: Span) -> str:
    return str(span.get("gen_ai.agent.name", "agent.name", otherwise=span.name))


def _branches(trace: list[Span], agents: Mapping[str, Span | None], by_id: Mapping[str, Span]) -> dict[str, str]:
    """Name the fork and arm of every agent's span: those of one parent that overlap in time are arms of one fork."""
    siblings: defaultdict[str, list[Span]] = defaultdict(list)
    for span in trace:
        if span.role == "agent":
            above = by_id.get(span.parent)
            outer = agents[above.id] if above else None
            siblings[outer.id if outer else ""].append(span)
    named: dict[str, str] = {}
    numbers = count(1)
    for parent, spans in siblings.items():  # parents begin before their children, so theirs are named first
        forks: list[list[Span]] = []
        until = float("-inf")
        for span in spans:
            if forks and span.start < until:
                forks[-1].append(span)
            else:
                forks.append([span])
            until = max(until, span.end)
        for fork in forks:
            number = next(numbers)
            for arm, span in enumerate(fork):
                own = f"f{number}.{arm}" if len(fork) > 1 else ""
                named[span.id] = "/".join(part for part in (named.get(parent, ""), own) if part)
    return named


def _model(span: Span, where: dict[str, Any]) -> Step:
    names = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
    return Step(
        kind="model",
        tool=str(span.get(*names)),
        server=str(span.get("gen_ai.provider.name", "gen_ai.system", "llm.provider")),
        ok=not span.failed,
        input_tokens=int(span.get("gen_ai.usage.input_tokens", "llm.token_count.prompt", otherwise=0)),
        output_tokens=int(span.get("gen_ai.usage.output_tokens", "llm.token_count.completion", otherwise=0)),
        cost=span.get("operation.cost", "llm.cost.total", otherwise=None),
        latency_ms=_ms(span),
        **where,
    )


def _tool(span: Span, call: str, group: str, where: dict[str, Any]) -> Step:
    given = _json(span.get("gen_ai.tool.call.arguments", "tool_arguments", "tool.parameters", "input.value"))
    result = _json(span.get("gen_ai.tool.call.result", "tool_response", "output.value"))
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return Step(
        kind="tool",
        tool=str(span.get("gen_ai.tool.name", "tool.name", otherwise=span.name.removeprefix("execute_tool "))),
        server=str(span.get("mcp.server.name")),
        call=call,
        arguments=_object(given),
        ok=not span.failed,
        result=text[:_PREVIEW],
        result_hash=result_hash(result) if result != "" else "",
        group=group,
        latency_ms=_ms(span),
        **where,
    )


def _ms(span: Span) -> float:
    return round((span.end - span.start) * 1000, 3)


def _messages(span: Span, *names: str) -> list[dict[str, Any]]:
    told = _json(span.get(*names))
    return (
        [cast("dict[str, Any]", each) for each in cast("list[Any]", told) if isinstance(each, dict)]
        if isinstance(told, list)
        else []
    )


def _output_parts(span: Span) -> Iterable[dict[str, Any]]:
    for message in _messages(span, "gen_ai.output.messages"):
        yield from message.get("parts", [])


def _input(trace: list[Span]) -> str:
    """What the user said first, where the spans carry it."""
    for span in trace:
        for message in _messages(span, "gen_ai.input.messages", "pydantic_ai.all_messages"):
            if message.get("role") == "user":
                return "".join(str(part.get("content", "")) for part in message.get("parts", []))
        if given := span.get("input.value"):
            return str(given)
    return ""


def _case(trace: list[Span]) -> str:
    for span in trace:
        for source in (span.attributes, span.resource):
            if case := next((source[name] for name in CASE if source.get(name)), None):
                return str(case)
    return ""


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    return {} if value in ("", None) else {"value": value}
