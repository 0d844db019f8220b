"""What a span says was heard and said, in whichever form it was written down, as one.

Read are the messages of the GenAI conventions (as attributes, as the event of an inference, and one event a message
as before 1.37), the numbered attributes of OpenInference and OpenLLMetry, and several providers' bodies inside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from evals.recording.span_forms import Span

_DETAILS = "gen_ai.client.inference.operation.details"
_HEARD = ("gen_ai.input.messages", "pydantic_ai.all_messages")
_SAID = ("gen_ai.output.messages",)
_NUMBERED_HEARD, _NUMBERED_SAID = (
    ("llm.input_messages.", "gen_ai.prompt."),
    ("llm.output_messages.", "gen_ai.completion."),
)
_MOST_PARTS = 10_000  # a number in an attribute's name is a place in a list, up to here


@dataclass(frozen=True)
class Call:
    """A call that a model asked for."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass
class Message:
    """One message: its text, the calls it asks for, and the results it carries by the call's id."""

    role: str = ""
    text: str = ""
    calls: list[Call] = field(default_factory=list[Call])
    results: dict[str, Any] = field(default_factory=dict[str, Any])


def heard(span: Span) -> list[Message]:
    """Return the messages that a span was given."""
    found = _listed(span, _HEARD) or _numbered(span, _NUMBERED_HEARD)
    events = [event for event in _events(span) if event[0] != "gen_ai.choice"]
    return found or [_message(body, name.split(".")[1]) for name, body in events]


def said(span: Span) -> list[Message]:
    """Return the messages that a span gave."""
    found = _listed(span, _SAID) or _numbered(span, _NUMBERED_SAID)
    if not any(each.text or each.calls for each in found):
        choices = [_message(body, "assistant") for name, body in _events(span) if name == "gen_ai.choice"]
        found = choices or found
    if not any(each.text or each.calls for each in found) and span.role == "model":
        found = _items(decoded(span.get("output.value"))) or found
    return found


def decoded(value: Any) -> Any:
    """Return what a JSON text holds; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _objects(value: Any) -> list[dict[str, Any]]:
    held = decoded(value)
    listed = cast("list[Any]", held) if isinstance(held, list) else [held]
    return [cast("dict[str, Any]", each) for each in listed if isinstance(each, dict)]


def _listed(span: Span, names: Iterable[str]) -> list[Message]:
    sources = [span.attributes, *(about for name, about in span.events if name == _DETAILS)]
    for name in names:
        if found := [_message(each) for source in sources for each in _objects(source.get(name))]:
            return found
    return []


def _events(span: Span) -> list[tuple[str, dict[str, Any]]]:
    """Return one event a message: those of the span, or the list of them that an attribute holds."""
    told = [(name, about) for name, about in span.events if name.startswith("gen_ai.")]
    kept = _objects(span.get("events", "all_messages_events"))
    told += [(str(each.get("event.name", "")), each) for each in kept]
    return [(name, about) for name, about in told if name == "gen_ai.choice" or name.endswith(".message")]


def _numbered(span: Span, prefixes: Iterable[str]) -> list[Message]:
    """Gather `prefix.0.message.content` and its like into messages."""
    for prefix in prefixes:
        whole: dict[str, Any] = {}
        for name, value in span.attributes.items():
            if name.startswith(prefix):
                at = whole
                *path, last = name.removeprefix(prefix).split(".")
                for step in path:
                    inner = at.setdefault(step, {})
                    at = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
                at[last] = value
        if whole:
            return [_message(each) for each in _in_order(whole)]
    return []


def _in_order(numbered: Any) -> list[dict[str, Any]]:
    """Return the objects under 0, 1, 2 ... as a list; a list as it is."""
    if not isinstance(numbered, dict):
        return _objects(numbered)
    held = cast("dict[str, Any]", numbered)
    places = sorted(int(key) for key in held if key.isdecimal() and len(key) < len(str(_MOST_PARTS)))
    return [held[str(place)] for place in places if isinstance(held.get(str(place)), dict)]


def _items(value: Any) -> list[Message]:
    """Read a provider's answer: a list of output items, or an object that holds choices or messages."""
    held = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    for key in ("choices", "messages", "output"):
        if isinstance(held.get(key), list):
            value = held[key]
            break
    found = [_message(each, "assistant") for each in _objects(value)]
    return [each for each in found if each.text or each.calls]


def _message(given: Mapping[str, Any], role: str = "") -> Message:
    body = _object_in(given, "message")
    found = Message(role=str(body.get("role") or given.get("role") or role))
    _take(body.get("message"), found)  # an event whose `message` is the text itself
    for name in ("parts", "content", "contents"):
        _take(body.get(name), found)
    if body.get("type") in ("function_call", "function_call_output", "tool_call", "text"):
        _take([body], found)
    calls = body.get("tool_calls") or given.get("tool_calls")
    found.calls += [_call(each) for each in _in_order(decoded(calls))]
    answered = body.get("tool_call_id") or (body.get("id") if found.role == "tool" else "")
    if answered and found.role == "tool" and not found.results:
        found.results[str(answered)] = decoded(body.get("content"))
    return found


def _take(parts: Any, into: Message) -> None:
    """Add the parts of a message, a text or a list of them in a provider's form."""
    held = decoded(parts) if isinstance(parts, str) and parts[:2] in ("[{", '{"') else parts
    if isinstance(held, str):
        into.text += held
    for outer in _in_order(cast("Any", held)) if isinstance(held, (dict, list)) else []:
        part = _object_in(outer, "message_content")
        kind, text = part.get("type"), part.get("text", part.get("content"))
        if kind in ("tool_call", "tool_use", "function_call"):
            into.calls.append(_call(part))
        elif isinstance(used := part.get("toolUse"), dict):
            into.calls.append(_call(cast("dict[str, Any]", used)))
        elif kind in ("tool_call_response", "tool_result", "function_call_output") or "toolResult" in part:
            answer = _object_in(part, "toolResult")
            names = ("id", "tool_use_id", "toolUseId") if kind != "function_call_output" else ("call_id",)
            at = next((answer[name] for name in names if answer.get(name)), "")
            what = next((answer[n] for n in ("response", "result", "content", "output") if n in answer), None)
            into.results[str(at)] = decoded(what)
        elif isinstance(text, str) and kind in (None, "text", "output_text", "input_text", "refusal"):
            into.text += text


def _call(given: dict[str, Any]) -> Call:
    body = _object_in(given, "tool_call")
    function = _object_in(body, "function")
    names = ("call_id", "id", "tool_call_id", "toolUseId")
    told = next((function[name] for name in ("arguments", "args", "input") if function.get(name) is not None), None)
    arguments = decoded(told)
    return Call(
        id=str(next((body[name] for name in names if body.get(name)), "")),
        name=str(function.get("name", "")),
        arguments=cast("dict[str, Any]", arguments)
        if isinstance(arguments, dict)
        else {"value": arguments}
        if arguments not in (None, "")
        else {},
    )


def _object_in(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object that a wrapper holds under a name, else the wrapper itself."""
    held = decoded(given.get(name))
    return cast("dict[str, Any]", held) if isinstance(held, dict) else dict(given)
