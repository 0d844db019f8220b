"""Trajectories from OpenTelemetry spans that follow the conventions for generative AI, one a trace.

Read are OTLP JSON (`resourceSpans`), the SDK's `span.to_json()` and a bare list of spans; of the names, those of the
GenAI conventions (`gen_ai.operation.name`: chat, execute_tool, invoke_agent) and of OpenInference
(`openinference.span.kind`: LLM, TOOL, AGENT).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, cast

from evals.recording.span_calls import SERVER, call_id, milliseconds, retrieval_step, told, tool_name, tool_step
from evals.recording.span_forms import Span, read_spans
from evals.recording.span_messages import Call, decoded, heard, said
from evals.recording.span_own import own
from evals.trajectory import Step, Trajectory
from lyceum.errors import UserError

CASE = ("test.case.name", "lyceum.case")  # a root span or resource that carries one of these says which case it was


def from_spans(spans: Iterable[Mapping[str, Any]]) -> list[Trajectory]:
    """Return one trajectory a trace, in the order in which the traces began.

    Raises UserError where no span is an agent's: a model request, a tool call or an agent's run.
    """
    ordered = sorted(_gathered(spans), key=lambda trace: min(span.start for span in trace))
    found = [own(trace) or _trajectory(trace) for trace in ordered if any(span.role != "other" for span in trace)]
    if not found:
        raise UserError(
            "No span there is a model request, a tool call or an agent's run.",
            next_step="Record spans of the OpenTelemetry GenAI conventions (gen_ai.operation.name) or OpenInference.",
        )
    return found


def _gathered(spans: Iterable[Mapping[str, Any]]) -> list[list[Span]]:
    """Return the spans of each trace; one that was sent again counts once, as it was when it had ended."""
    traces: defaultdict[str, dict[str, Span]] = defaultdict(dict)
    for given in spans:
        for span in read_spans(given):
            if not span.trace and span.role != "other":
                raise UserError(
                    f"The span {span.name!r} has no trace id, so nothing says which run it belongs to.",
                    next_step="Write the same traceId into all spans of a run, and another for the next.",
                )
            known = traces[span.trace]
            span.id = span.id or f"without id, {len(known)}"
            if span.id not in known or span.end >= known[span.id].end:
                known[span.id] = span
    return [_timed(list(known.values())) for known in traces.values()]


def _timed(trace: list[Span]) -> list[Span]:
    """Let a span without an end end at once, and one without a beginning begin with what it lies in."""
    by_id = {span.id: span for span in trace}
    first = min((time for span in trace for time in (span.start, span.end) if time), default=0.0)
    for span in trace:
        above = by_id.get(span.parent)
        span.start = span.start or span.end or (above.start if above else 0.0) or first
        span.end = max(span.end, span.start)
    return trace


def _depth(span: Span, by_id: Mapping[str, Span]) -> int:
    seen: set[str] = set()
    while span.id not in seen and span.parent in by_id:
        seen.add(span.id)
        span = by_id[span.parent]
    return len(seen)


def _trajectory(trace: list[Span]) -> Trajectory:
    by_id = {span.id: span for span in trace}
    # Clocks are coarse: what begins in the same moment as the span around it comes after that.
    trace.sort(key=lambda span: (span.start, _depth(span, by_id), span.end))
    roots = [span for span in trace if span.parent not in by_id]
    agents = {span.id: _agent_of(span, by_id) for span in trace}
    branches = _branches(trace, agents, by_id)
    inside = {span.id: _outer(span, by_id) for span in trace}
    around_models = _around_models(trace, by_id)
    have_tool_spans = any(span.role == "tool" for span in trace)
    asked: dict[str, list[tuple[Call, str]]] = defaultdict(list)  # by agent: calls that no span was found for yet
    results = {key: value for span in trace for each in heard(span) for key, value in each.results.items()}
    latest: dict[str, str] = {}  # by agent: its latest model request
    named: set[str] = set()  # the requests whose calls are known
    steps: list[Step] = []
    made: dict[str, Step] = {}
    answer = ""
    for span in trace:
        owner, outer = agents[span.id], inside[span.id]
        name = _own_agent(span) or (_agent_name(owner) if owner else "")
        scope = f"{owner.id if owner else ''} {name}"
        where: dict[str, Any] = {"agent": name, "branch": branches.get(owner.id if owner else "", "")}
        if span.role == "agent":
            if outer is None or outer.role != "agent" or _agent_name(outer) != _agent_name(span):  # else the same run
                above = agents[outer.id] if outer else None
                step = _handoff(span, _agent_name(above) if above else "", where["branch"])
                if span.id not in around_models:
                    step.input_tokens, step.output_tokens = _tokens(span)
                steps.append(step)
        elif span.role == "model":
            if outer is not None and outer.role == "model":  # one request, seen by two instrumentations
                if (above := made.get(outer.id)) is not None and not above.input_tokens + above.output_tokens:
                    above.input_tokens, above.output_tokens = _tokens(span)
                continue
            latest[scope] = span.id
            made[span.id] = _model(span, where)
            steps.append(made[span.id])
            messages = said(span)
            calls = [call for message in messages for call in message.calls]
            if not calls:  # what is said beside calls is no answer
                answer = "".join(message.text for message in messages) or answer
            for call in calls:
                named.add(span.id)
                if have_tool_spans:
                    asked[scope].append((call, span.id))
                else:
                    steps.append(_asked_only(call, results, span.id, where))
        elif span.role == "tool":
            if outer is not None and outer.role == "tool" and tool_name(outer) == tool_name(span):
                # The client's or the server's side of a call that is a step already.
                if (above := made.get(outer.id)) is not None and not above.server:
                    above.server = str(span.get(*SERVER))
                continue
            last = latest.get(scope, "")
            if last in named and not any(message == last for _, message in asked[scope]):
                last = ""  # all that it asked for was done: this one the agent does by itself
            call, message = _taken(asked[scope], span) or (None, last)
            answered = results.get(call_id(span) or (call.id if call else ""))
            made[span.id] = tool_step(span, call, answered, {**where, "group": message})
            steps.append(made[span.id])
        elif span.role == "retrieval" and (outer is None or outer.role not in ("tool", "retrieval")):
            steps.append(retrieval_step(span, where))
    root = roots[0] if roots else trace[0]
    whole = next((span for span in trace if span.role == "agent"), root)
    final = decoded(whole.get("final_result", "output.value", "traceloop.entity.output"))
    closing = "".join(message.text for message in said(whole) if not message.calls)
    return Trajectory(
        case=_case(trace),
        input=_input(trace),
        answer=final if isinstance(final, str) and final else answer or closing,
        output=final if final != "" else None,
        error=f"{root.name} failed" if root.failed else None,
        seconds=max(span.end for span in trace) - min(span.start for span in trace),
        steps=steps,
        labels={"trace": root.trace},
    )


def _taken(asked: list[tuple[Call, str]], span: Span) -> tuple[Call, str] | None:
    """Take out the call that a tool's span carries out: that of its id, else the oldest of its name."""
    known = call_id(span)
    for place, (call, _) in enumerate(asked):
        if call.id == known if known and call.id else call.name == tool_name(span):
            return asked.pop(place)
    return None


def _asked_only(call: Call, results: Mapping[str, Any], message: str, where: Mapping[str, Any]) -> Step:
    """A call that only the model's messages know of: whether it succeeded they do not say."""
    text, digest = told(results.get(call.id))
    return Step(
        kind="tool",
        tool=call.name,
        call=call.id,
        arguments=call.arguments,
        result=text,
        result_hash=digest,
        group=message,
        **where,
    )


def _handoff(span: Span, by: str, branch: str) -> Step:
    return Step(
        kind="handoff",
        tool=_agent_name(span),
        agent=by,
        branch=branch,
        ok=not span.failed,
        latency_ms=milliseconds(span),
    )


def _outer(span: Span, by_id: Mapping[str, Span]) -> Span | None:
    """The nearest span around one that is an agent's, a model's or a tool's."""
    seen = {span.id}
    at = by_id.get(span.parent)
    while at is not None and at.id not in seen:
        if at.role != "other":
            return at
        seen.add(at.id)
        at = by_id.get(at.parent)
    return None


def _around_models(trace: list[Span], by_id: Mapping[str, Span]) -> set[str]:
    """The ids of the spans that a model's request lies in, however deep."""
    seen: set[str] = set()
    for span in trace:
        at = by_id.get(span.parent) if span.role == "model" else None
        while at is not None and at.id not in seen:
            seen.add(at.id)
            at = by_id.get(at.parent)
    return seen


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
    method = ".run" if "smolagents.max_steps" in span.attributes else ""  # it names its spans by what was called
    return _own_agent(span) or span.name.removeprefix("invoke_agent ").removesuffix(method)


def _own_agent(span: Span) -> str:
    """The agent that a span names itself; LangGraph's names are in what goes with it."""
    about = decoded(span.get("metadata"))
    kept = cast("dict[str, Any]", about).get("lc_agent_name", "") if isinstance(about, dict) else ""
    names = ("gen_ai.agent.name", "agent.name", "traceloop.association.properties.lc_agent_name")
    return str(span.get(*names, otherwise=kept) or "")


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


def _model(span: Span, where: Mapping[str, Any]) -> Step:
    names = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
    read, written = _tokens(span)
    return Step(
        kind="model",
        tool=str(span.get(*names)),
        server=str(span.get("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")),
        ok=not span.failed,
        input_tokens=read,
        output_tokens=written,
        cost=span.get("operation.cost", "llm.cost.total", otherwise=None),
        latency_ms=milliseconds(span),
        **where,
    )


def _tokens(span: Span) -> tuple[int, int]:
    read = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
    written = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
    return int(span.get(*read, otherwise=0)), int(span.get(*written, otherwise=0))


def _input(trace: list[Span]) -> str:
    """What the user said first, where the spans carry it."""
    last = ""
    for span in trace:
        users = [message.text for message in heard(span) if message.role in ("user", "human") and message.text]
        given = span.get("input.value", "traceloop.entity.input")
        if users or _question(decoded(given)):
            return users[0] if users else _question(decoded(given))
        last = last or str(given)
    return last


def _question(given: Any) -> str:
    """The question where an agent's input is a text, or an object that plainly holds one."""
    if isinstance(given, dict):
        held = cast("dict[str, Any]", given)
        inner = [*held["args"][:1]] if isinstance(held.get("args"), list) else []
        inner += [held.get(name) for name in ("input", "question", "query", "task", "prompt")]
        given = next((each for each in inner if isinstance(each, str)), "")
    return given if isinstance(given, str) else ""


def _case(trace: list[Span]) -> str:
    for span in trace:
        for source in (span.attributes, span.resource):
            if case := next((source[name] for name in CASE if source.get(name)), None):
                return str(case)
    return ""
