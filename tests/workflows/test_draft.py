"""A draft is what a person may read of an answer that is still being written."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import PartDeltaEvent, PartStartEvent
from pydantic_ai.messages import ToolCallPart, ToolCallPartDelta

from workflows.engines.draft import Draft, prose_of


@given(st.lists(st.text(min_size=1), max_size=3), st.integers(min_value=1, max_value=9))
def test_claims_stream_as_prose_wherever_the_json_is_cut(texts: list[str], size: int) -> None:
    raw = json.dumps({"claims": [{"text": text, "citations": ["a"]} for text in texts]})
    draft = Draft()
    streamed = draft.more(PartStartEvent(index=0, part=ToolCallPart("final_result", raw[:size])))
    for place in range(size, len(raw), size):
        delta = ToolCallPartDelta(args_delta=raw[place : place + size])
        streamed += draft.more(PartDeltaEvent(index=0, delta=delta))
    assert streamed == draft.text == "\n\n".join(texts)


def test_arguments_of_other_tools_and_other_fields_are_no_prose() -> None:
    call = ToolCallPart("sandbox_run", '{"explanation": "x"}')
    assert Draft().more(PartStartEvent(index=0, part=call)) == ""
    assert prose_of('{"sql": "SELECT 1", "explanation": "One ro') == "One ro"
    assert prose_of("plain **text**") == "plain **text**"
    assert prose_of('{"claims": 3}') == prose_of("{]") == ""
