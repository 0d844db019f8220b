"""Trajectories from the logs of other people's eval tools: inspect-ai's samples and RAGAS's data sets."""

from __future__ import annotations

import json
from typing import Any, cast

from evals.trajectory import Step, Trajectory, preview
from lyceum.events import result_hash


def from_inspect(log: dict[str, Any]) -> list[Trajectory]:
    """Return one trajectory a sample and epoch of an inspect-ai log (JSON form); calls of one message share a group."""
    return [_sample(cast("dict[str, Any]", sample)) for sample in cast("list[Any]", log.get("samples") or [])]


def _sample(sample: dict[str, Any]) -> Trajectory:
    messages = cast("list[dict[str, Any]]", sample.get("messages") or [])
    asked = sample.get("input", "")
    if isinstance(asked, list):  # a chat
        asked = next((text_of(m) for m in cast("list[dict[str, Any]]", asked) if m.get("role") == "user"), "")
    error = cast("dict[str, Any] | None", sample.get("error"))
    output = cast("dict[str, Any]", sample.get("output") or {})
    usage = cast("dict[str, dict[str, Any]]", sample.get("model_usage") or {})
    steps = _steps(messages, calls="tool_calls", name="function", arguments="arguments", call="tool_call_id")
    models = [step for step in steps if step.kind == "model"]
    if models:  # the log has sums only: the first request carries them
        models[0].input_tokens = sum(int(each.get("input_tokens") or 0) for each in usage.values())
        models[0].output_tokens = sum(int(each.get("output_tokens") or 0) for each in usage.values())
    given = cast("dict[str, dict[str, Any]]", sample.get("scores") or {})
    scores = {f"score {name}": str(score.get("value")) for name, score in given.items()}
    return Trajectory(
        case=str(sample.get("id", "")),
        input=str(asked),
        answer=str(output.get("completion", "")),
        error=str(error.get("message")) if error else None,
        seconds=float(sample.get("total_time") or 0.0),
        steps=steps,
        labels=scores,
    )


def from_ragas(items: list[Any]) -> list[Trajectory]:
    """Return one trajectory a sample of a RAGAS data set; what was retrieved is a call of `retrieve`."""
    return [_ragas(cast("dict[str, Any]", item)) for item in items]


def _ragas(item: dict[str, Any]) -> Trajectory:
    asked = item["user_input"]
    labels = {"reference": str(item["reference"])} if item.get("reference") else {}
    if not isinstance(asked, list):
        contexts = cast("list[Any]", item.get("retrieved_contexts") or [])
        result = "\n".join(map(str, contexts))
        step = Step(
            kind="tool", tool="retrieve", result=preview(result), result_hash=result_hash(contexts), ok=bool(contexts)
        )
        answer = str(item.get("response") or "")
        return Trajectory(input=str(asked), answer=answer, steps=[step] if contexts else [], labels=labels)
    messages = [
        {**each, "role": {"human": "user", "ai": "assistant", "tool": "tool"}.get(str(each.get("type")), "user")}
        for each in cast("list[dict[str, Any]]", asked)
    ]
    said = [text_of(each) for each in messages if each["role"] == "assistant" and text_of(each)]
    first = next((text_of(each) for each in messages if each["role"] == "user"), "")
    steps = _steps(messages, calls="tool_calls", name="name", arguments="args", call="tool_call_id")
    return Trajectory(input=first, answer=said[-1] if said else "", steps=steps, labels=labels)


def _steps(messages: list[dict[str, Any]], *, calls: str, name: str, arguments: str, call: str) -> list[Step]:
    steps: list[Step] = []
    waiting: list[Step] = []
    for number, message in enumerate(messages):
        if message.get("role") == "assistant":
            steps.append(Step(kind="model", tool=str(message.get("model") or "")))
            for each in cast("list[dict[str, Any]]", message.get(calls) or []):
                given = each.get(arguments)
                step = Step(
                    kind="tool",
                    tool=str(each.get(name, "")),
                    call=str(each.get("id", "")),
                    arguments=cast("dict[str, Any]", given) if isinstance(given, dict) else {"value": given},
                    group=f"m{number}",
                )
                waiting.append(step)
                steps.append(step)
        elif message.get("role") == "tool" and waiting:
            # Where results name their call it is that one, else they come in the order of the calls.
            mine = next((step for step in waiting if step.call and step.call == message.get(call)), waiting[0])
            waiting.remove(mine)
            text = text_of(message)
            mine.ok = not message.get("error")
            mine.result, mine.result_hash = preview(text), result_hash(text)
    return steps


def text_of(message: dict[str, Any]) -> str:
    """Return what a message says; parts that are no text are left out."""
    content = message.get("content", "")
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    texts = [cast("dict[str, Any]", part).get("text", "") if isinstance(part, dict) else part for part in parts]
    return "".join(text if isinstance(text, str) else json.dumps(text) for text in texts)
