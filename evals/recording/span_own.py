"""The trajectory that `evals/interop/otlp.py` wrote into spans, read back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from evals.recording.span_forms import Span
from evals.recording.span_messages import decoded
from evals.trajectory import Trajectory

_OBJECT = TypeAdapter(dict[str, Any])


def own(trace: Sequence[Span]) -> Trajectory | None:
    """Return the trajectory of spans that we exported ourselves; None where they are somebody else's."""
    root = next((span for span in trace if span.get("lyceum.trajectory")), None)
    if root is None:
        return None
    told = _OBJECT.validate_json(str(root.get("lyceum.trajectory")))
    numbered = {int(span.get("lyceum.number")): span for span in trace if span.get("lyceum.step")}
    steps = [_step(numbered[number]) for number in sorted(numbered)]
    return Trajectory.model_validate({**told, "case": str(root.get("test.case.name")), "steps": steps})


def _step(span: Span) -> dict[str, Any]:
    step = _OBJECT.validate_json(str(span.get("lyceum.step")))
    if step.get("kind") != "tool":
        return step
    arguments = decoded(span.get("gen_ai.tool.call.arguments", otherwise={}))
    return {**step, "arguments": arguments, "result": span.get("gen_ai.tool.call.result")}
