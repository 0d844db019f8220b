"""Kept outcomes as OpenTelemetry spans, sent over OTLP/HTTP: to Langfuse, Phoenix, LangSmith or any collector.

One trace an answer: a span of the agent with the case, verdict and scores, and one span below it for each step, in
the GenAI semantic conventions (v1.37). What those have no name for goes into `lyceum.*`, so that
`evals/recording/span_own.py` reads back the very trajectory that was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.suite import CaseResult
from evals.trajectory import Step, Trajectory
from lyceum.errors import OperatorError, UserError
from lyceum.extras import install_command

BATCH = 200  # answers a request
SECONDS = 30.0


@dataclass(frozen=True)
class Target:
    """Where spans go: `keys`, `url` and `project` are environment variables, `url` any one of several."""

    path: str
    keys: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    project: str = ""
    protobuf: bool = False

    def base(self, environment: Mapping[str, str]) -> str:
        """Return the address that the environment names, or nothing."""
        return next((environment[name] for name in self.url if environment.get(name)), "")


# What each documents for OTLP over HTTP: Phoenix refuses JSON, and LangSmith shows protobuf only. None was tried
# against the service itself.
TARGETS: dict[str, Target] = {
    "collector": Target("/v1/traces"),
    "langfuse": Target(
        "/api/public/otel/v1/traces",
        ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"),
        ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    ),
    "phoenix": Target(
        "/v1/traces", ("PHOENIX_API_KEY",), ("PHOENIX_COLLECTOR_ENDPOINT",), "PHOENIX_PROJECT_NAME", protobuf=True
    ),
    "langsmith": Target(
        "/otel/v1/traces", ("LANGSMITH_API_KEY",), ("LANGSMITH_ENDPOINT",), "LANGSMITH_PROJECT", protobuf=True
    ),
}


def headers_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a target asks for; raises UserError that names the variable which is not set."""
    keys = TARGETS[name].keys
    missing = [key for key in keys if not environment.get(key)]
    if missing and name != "phoenix":  # Phoenix at home needs no key
        raise UserError(f"{name} needs {' and '.join(missing)}.", next_step="Set it in the environment.")
    values = [environment.get(key, "") for key in keys]
    if name == "langfuse":
        basic = base64.b64encode(":".join(values).encode()).decode()
        # Without the version what is sent directly shows up about ten minutes late.
        return {"Authorization": f"Basic {basic}", "x-langfuse-ingestion-version": "4"}
    if name == "langsmith":
        project = environment.get(TARGETS[name].project)
        return {"x-api-key": values[0], **({"Langsmith-Project": project} if project else {})}
    return {"Authorization": f"Bearer {values[0]}"} if name == "phoenix" and values[0] else {}


def resource_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the spans are said to come from; Phoenix finds its project there."""
    project = environment.get(TARGETS[name].project) if name == "phoenix" else None
    return {"service.name": "lyceum-evals", **({"openinference.project.name": project} if project else {})}


def send(
    url: str,
    spans: Sequence[dict[str, Any]],
    headers: Mapping[str, str],
    *,
    resource: Mapping[str, str] | None = None,
    protobuf: bool = False,
) -> int:
    """Send spans, and return how many requests it took; raises OperatorError that never quotes a header."""
    traces: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        traces.setdefault(span["traceId"], []).append(span)
    whole = list(traces.values())
    count = 0
    for start in range(0, len(whole), BATCH):
        body = wrapped([span for trace in whole[start : start + BATCH] for span in trace], resource)
        data = packed(body) if protobuf else json.dumps(body).encode()
        kind = "application/x-protobuf" if protobuf else "application/json"
        request = urllib.request.Request(url, data, {**headers, "Content-Type": kind}, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the person gave the URL
                answer.read()
        except urllib.error.HTTPError as error:
            raise OperatorError(f"{url} answered {error.code}.", next_step="Check the URL and the keys.") from None
        except (OSError, ValueError) as error:
            said = str(getattr(error, "reason", error))
            raise OperatorError(f"{url} cannot be reached: {said}.", next_step="Check the URL.") from None
        count += 1
    return count


def wrapped(spans: Sequence[dict[str, Any]], resource: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an ExportTraceServiceRequest as OTLP's JSON."""
    about = {"attributes": _attributes(resource or {"service.name": "lyceum-evals"})}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [{"scope": {"name": "evals"}, "spans": [*spans]}]}]}


def packed(body: dict[str, Any]) -> bytes:
    """Return OTLP's JSON as protobuf; raises OperatorError where the messages are not installed."""
    try:
        from google.protobuf.json_format import ParseDict
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ModuleNotFoundError:
        raise OperatorError("OTLP's messages are not installed.", next_step=install_command("evals")) from None
    held = json.loads(json.dumps(body))
    for scope in held["resourceSpans"][0]["scopeSpans"]:
        for span in scope["spans"]:  # JSON writes ids in hexadecimal, protobuf's own JSON in base 64
            for name in ("traceId", "spanId", "parentSpanId"):
                if span.get(name):
                    span[name] = base64.b64encode(binascii.unhexlify(span[name])).decode()
    return bytes(ParseDict(held, ExportTraceServiceRequest()).SerializeToString())


def spans_of(results: Iterable[tuple[str, CaseResult]], *, run: str, at: int) -> Iterator[dict[str, Any]]:
    """Yield the spans of kept outcomes, which are laid out from `at` (ns since 1970) one after the other."""
    for number, (suite, result) in enumerate(results):
        start = at + number * 1_000_000_000
        outcome = result.outcome
        trajectory = outcome.trajectory or Trajectory(answer=outcome.answer)
        trace = _id(f"{run} {suite} {result.case} {result.trial}", 32)
        root = _id(f"root {trace}", 16)
        end = start + max(1, int(outcome.seconds * 1e9))
        scores = {f"lyceum.score.{each.scorer}": each.value for each in result.scores}
        told: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_agent",
            "test.case.name": result.case,
            "test.suite.name": suite,
            "test.case.result.status": "pass" if result.verdict == "right" else "fail",
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": outcome.answer}]}]
            ),
            **({"input.value": trajectory.input} if trajectory.input else {}),
            "lyceum.trajectory": trajectory.model_dump_json(exclude_defaults=True, exclude={"steps"}),
            **scores,
        }
        failed = outcome.error is not None
        yield _span(trace, root, "", f"invoke_agent {result.case}", start, end, told, failed=failed)
        yield from _steps(trajectory, trace, root, start)


def _steps(trajectory: Trajectory, trace: str, root: str, start: int) -> Iterator[dict[str, Any]]:
    clock = start
    group, opened = "", start
    for number, step in enumerate(trajectory.steps):
        if not (step.group and step.group == group):
            opened = clock  # calls of one message begin together
        group = step.group
        end = opened + max(1, int(step.latency_ms * 1e6))
        clock = max(clock, end)
        name, told = _told(step)
        told["lyceum.number"] = number
        besides = {"arguments", "result"} if step.kind == "tool" else set[str]()  # those have names there
        told["lyceum.step"] = step.model_dump_json(exclude_defaults=True, exclude=besides)
        yield _span(trace, _id(f"{trace} {number}", 16), root, name, opened, end, told, failed=step.ok is False)


def _told(step: Step) -> tuple[str, dict[str, Any]]:
    agent: dict[str, Any] = {"gen_ai.agent.name": step.agent} if step.agent else {}
    if step.kind == "model":
        return f"chat {step.tool}", agent | {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": step.tool,
            "gen_ai.provider.name": step.server,
            "gen_ai.usage.input_tokens": step.input_tokens,
            "gen_ai.usage.output_tokens": step.output_tokens,
            **({"operation.cost": step.cost} if step.cost is not None else {}),
        }
    if step.kind == "tool":
        return f"execute_tool {step.tool}", agent | {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.tool,
            "gen_ai.tool.call.id": step.call,
            "gen_ai.tool.call.arguments": json.dumps(step.arguments, ensure_ascii=False),
            "gen_ai.tool.call.result": step.result,
            "mcp.server.name": step.server,
        }
    return f"{step.kind} {step.tool}", agent


def _span(
    trace: str, span: str, parent: str, name: str, start: int, end: int, told: Mapping[str, Any], *, failed: bool
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        **({"parentSpanId": parent} if parent else {}),
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
        "attributes": _attributes(told),
        "status": {"code": 2 if failed else 1},
    }


def _attributes(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in told.items() if value not in ("", None)]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}


def _id(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
