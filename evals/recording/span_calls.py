"""A tool's span as a step: what it was called with and what came back, in whichever form that was written down."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, cast

from evals.recording.span_forms import Span
from evals.recording.span_messages import Call, decoded
from evals.trajectory import Step, preview
from lyceum.events import result_hash

_ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "input.value",
    "tool.parameters",
    "traceloop.entity.input",
)
_RESULTS = ("gen_ai.tool.call.result", "tool_response", "output.value", "traceloop.entity.output")
SERVER = ("mcp.server.name", "fastmcp.server.name", "server.address")


def tool_name(span: Span) -> str:
    name = span.name.removeprefix("execute_tool ").removeprefix("tools/call ")
    return str(span.get("gen_ai.tool.name", "tool.name", "traceloop.entity.name", otherwise=name))


def call_id(span: Span) -> str:
    """Return the id of the call, which LangChain writes into its result only."""
    return str(span.get("gen_ai.tool.call.id", "tool_call.id", "tool.id")) or str(
        _unpacked(span)[1].get("tool_call_id", "")
    )


def tool_step(span: Span, asked: Call | None, answered: Any, where: Mapping[str, Any]) -> Step:
    """Return the step; what its span does not say is taken from the model's request and from what it was told after."""
    result, about = _unpacked(span)
    result = answered if result in (None, "") and answered is not None else result
    failed = span.failed or about.get("status") == "error" or span.get("error.type") != ""
    if failed and result in (None, ""):
        result = next((each.get("exception.message", "") for name, each in span.events if name == "exception"), "")
    text, digest = told(result)
    return Step(
        kind="tool",
        tool=tool_name(span),
        server=str(span.get(*SERVER)),
        call=call_id(span) or (asked.id if asked else ""),
        arguments=_arguments(span, asked),
        ok=not failed,
        result=text,
        result_hash=digest,
        latency_ms=milliseconds(span),
        **where,
    )


def retrieval_step(span: Span, where: Mapping[str, Any]) -> Step:
    """Return a search for documents as a call with the `query` that was asked."""
    given = decoded(span.get("gen_ai.retrieval.query.text", "input.value"))
    arguments = cast("dict[str, Any]", given) if isinstance(given, dict) else {"query": given} if given else {}
    text, digest = told(_unpacked(span)[0])
    return Step(
        kind="tool",
        tool=span.name,
        arguments=arguments,
        ok=not span.failed,
        result=text,
        result_hash=digest,
        latency_ms=milliseconds(span),
        **where,
    )


def told(result: Any) -> tuple[str, str]:
    """Return the beginning of a result as text, and its hash."""
    if result in (None, ""):
        return "", ""
    return preview(result), result_hash(result)


def milliseconds(span: Span) -> float:
    return round((span.end - span.start) * 1000, 3)


def _arguments(span: Span, asked: Call | None) -> dict[str, Any]:
    """Return what the tool was called with: what it was given, else what the model asked for."""
    plain: Any = ""
    for name in _ARGUMENTS:
        given = decoded(span.get(name))
        if isinstance(given, dict):
            held = _unwrapped(cast("dict[str, Any]", given))
            if held is not None:
                return held
        elif plain == "":
            plain = given
    if asked is not None:
        return asked.arguments
    return {} if plain in ("", None) else {"value": plain}


def _unwrapped(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments inside what some instrumentations put around them; None for a tool's schema."""
    if given.get("type") == "object" and isinstance(given.get("properties"), dict):
        return None
    if given and all(isinstance(each, dict) and "type" in each and "description" in each for each in given.values()):
        return None  # smolagents writes one a parameter
    if "input_str" in given:  # LangChain, by OpenLLMetry: Python's way of writing them
        try:
            held: Any = ast.literal_eval(str(given["input_str"]))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            held = given["input_str"]
        return cast("dict[str, Any]", held) if isinstance(held, dict) else None
    inner = given.get("kwargs")
    if isinstance(inner, dict) and given.keys() <= {"args", "kwargs", "sanitize_inputs_outputs"}:
        named = cast("dict[str, Any]", inner)
        return {**named, "args": given["args"]} if given.get("args") else named
    return given


def _unpacked(span: Span) -> tuple[Any, dict[str, Any]]:
    """Return the result, and what LangChain's message around it says besides."""
    result = decoded(span.get(*_RESULTS))
    held = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
    if isinstance(held.get("output"), dict) and "lc" in held["output"]:
        held = cast("dict[str, Any]", held["output"])
    about: Any = held.get("data") if held.get("type") == "tool" else held.get("kwargs") if "lc" in held else None
    if isinstance(about, dict) and "content" in about:
        inner = cast("dict[str, Any]", about)
        return decoded(inner["content"]), inner
    return cast("Any", result), {}
