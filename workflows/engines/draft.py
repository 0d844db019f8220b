"""The prose of an answer while a model still writes it: plain text, or what a typed output's JSON says so far."""

from __future__ import annotations

from typing import Any, cast

from pydantic_ai import AgentStreamEvent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.messages import ToolCallPart, ToolCallPartDelta
from pydantic_core import from_json

OUTPUT_TOOL = "final_result"  # how PydanticAI names the tool that carries a typed output
_PROSE = ("explanation", "example", "check_question")


class Draft:
    """One model response as it arrives; `text` is what a person may read of it."""

    def __init__(self) -> None:
        self.text = ""
        self._raw = ""
        self._part = -1

    def more(self, event: AgentStreamEvent) -> str:
        """Take a stream event and return the text that it adds, if any."""
        match event:
            case PartStartEvent(index=index, part=TextPart(content=raw)):
                self._part, self._raw = index, raw
            case PartStartEvent(index=index, part=ToolCallPart(tool_name=name) as call) if name.startswith(OUTPUT_TOOL):
                # As it came: `args_as_json_str` makes a cut-off beginning into an empty object.
                whole = call.args_as_json_str() if call.args else ""
                self._part, self._raw = index, call.args if isinstance(call.args, str) else whole
            case PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=raw)) if index == self._part:
                self._raw += raw
            case PartDeltaEvent(index=index, delta=ToolCallPartDelta(args_delta=str(raw))) if index == self._part:
                self._raw += raw
            case _:
                return ""
        said = prose_of(self._raw)
        added = said.removeprefix(self.text) if said.startswith(self.text) else ""
        self.text += added
        return added


def prose_of(raw: str) -> str:
    """Return text as it is, and of a JSON object, finished or cut off anywhere, its claims and explanations."""
    if not raw.lstrip().startswith("{"):
        return raw
    try:
        output = from_json(raw, allow_partial="trailing-strings")
    except ValueError:
        return ""
    fields = cast("dict[str, Any]", output)
    claims = cast("list[Any]", fields.get("claims") or []) if isinstance(fields.get("claims"), list) else []
    said = [cast("dict[str, Any]", claim).get("text") for claim in claims if isinstance(claim, dict)]
    said += [fields.get(name) for name in _PROSE]
    return "\n\n".join(text for text in said if isinstance(text, str) and text)
