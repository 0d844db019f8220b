"""A trajectory from a PydanticAI message history, as `result.all_messages_json()` writes it."""

from __future__ import annotations

import json
from typing import Any, cast

from evals.trajectory import Step, Trajectory, preview
from lyceum.errors import UserError
from lyceum.events import result_hash

_NEXT = "Write `result.all_messages_json()`."
_OUTPUT = "final_result"  # the name under which PydanticAI asks for a typed output: an answer, not a call


def from_messages(messages: str | bytes | list[Any], *, case: str = "", output_tool: str = _OUTPUT) -> Trajectory:
    """Return the trajectory of one agent's history; raises UserError for what is no list of messages.

    Calls of one response share a group. The typed output is the trajectory's output, and no step.
    """
    told = _decoded(messages)
    steps: list[Step] = []
    calls: dict[str, Step] = {}
    found: dict[str, Any] = {"case": case}
    for number, message in enumerate(told):
        for part in message.get("parts", []):
            kind = part.get("part_kind")
            if kind == "user-prompt":
                found.setdefault("input", _text(part["content"]))
            elif kind in ("tool-return", "retry-prompt") and part.get("tool_call_id") in calls:
                _returned(calls[part["tool_call_id"]], part, ok=kind == "tool-return")
        if message.get("kind") != "response":
            continue
        steps.append(_model(message))
        said = [part["content"] for part in message.get("parts", []) if part.get("part_kind") == "text"]
        found |= {"answer": "".join(said)} if said else {}
        for part in message.get("parts", []):
            kind, name = part.get("part_kind"), str(part.get("tool_name", ""))
            if kind == "builtin-tool-return" and part.get("tool_call_id") in calls:  # the provider ran it itself
                _returned(calls[part["tool_call_id"]], part, ok=True)
            elif kind == "tool-call" and (name == output_tool or name.startswith(f"{output_tool}_")):
                found["output"] = _arguments(part.get("args"))
            elif kind in ("tool-call", "builtin-tool-call"):
                call = str(part.get("tool_call_id", ""))
                step = Step(
                    kind="tool", tool=name, call=call, arguments=_arguments(part.get("args")), group=f"m{number}"
                )
                calls[call] = step
                steps.append(step)
    return Trajectory(steps=steps, **found)


def _decoded(messages: str | bytes | list[Any]) -> list[dict[str, Any]]:
    try:
        told = json.loads(messages) if isinstance(messages, (str, bytes)) else messages
    except ValueError as error:
        raise UserError(f"The messages are not JSON: {error}.", next_step=_NEXT) from None
    if not isinstance(told, list) or not all(
        isinstance(each, dict) and isinstance(cast("dict[str, Any]", each).get("parts"), list)
        for each in cast("list[Any]", told)
    ):
        raise UserError("That is no list of PydanticAI messages.", next_step=_NEXT)
    return cast("list[dict[str, Any]]", told)


def _model(message: dict[str, Any]) -> Step:
    usage: dict[str, Any] = message.get("usage") or {}
    return Step(
        kind="model",
        tool=message.get("model_name") or "",
        server=message.get("provider_name") or "",
        input_tokens=usage.get("input_tokens") or usage.get("request_tokens") or 0,  # the latter until 1.0
        output_tokens=usage.get("output_tokens") or usage.get("response_tokens") or 0,
    )


def _text(content: Any) -> str:
    """Return what a prompt says in words; it may be a list that holds pictures as well."""
    if isinstance(content, list):
        return "\n".join(each for each in cast("list[Any]", content) if isinstance(each, str))
    return content if isinstance(content, str) else ""


def _arguments(given: Any) -> dict[str, Any]:
    """Arguments come as an object, or as the JSON text that the model wrote, which may be broken."""
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except ValueError:
            return {"unparsed": given}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {"value": given} if given else {}


def _returned(step: Step, part: dict[str, Any], *, ok: bool) -> None:
    content = part.get("content")
    step.ok = ok and part.get("outcome", "success") == "success"
    step.result_hash = result_hash(content)
    step.result = preview(content)
