"""Typed answers from passages: they cite only what was shown, and what the passages do not say is dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from lyceum.sources import Claim, Source
from models.local.think import Think, fill
from models.offline.skill import content_words

PASSAGES = 3
CHARACTERS = 900  # of a passage: a small model reads about 65 tokens a second
SUPPORTED = 0.6  # share of a claim's content words that its passages must carry
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

T = TypeVar("T", bound=BaseModel)


async def cite(think: Think, output: type[T], instructions: str, question: str, passages: Sequence[Source]) -> T | None:
    """Fill a typed answer from numbered passages; its `citations` come back as the passages' ids."""
    shown = "\n\n".join(f"[{number}] {source.text[:CHARACTERS]}" for number, source in enumerate(passages, 1))
    numbers = [str(number) for number in range(1, len(passages) + 1)]
    schema = _citing(output.model_json_schema(), numbers)
    written = await fill(think, output, instructions, f"Passages:\n{shown}\n\nRequest: {question}", schema)
    if written is None:
        return None
    ids = {number: source.id for number, source in zip(numbers, passages, strict=True)}
    return output.model_validate(_named(written.model_dump(), ids))


def supported(claim: Claim, passages: Sequence[Source]) -> bool:
    """Whether the cited passages carry most words and every number of a claim."""
    cited = " ".join(f"{source.title} {source.text}" for source in passages if source.id in claim.citations)
    said, held = content_words(claim.text), set(content_words(cited))
    numbers = set(_NUMBER.findall(claim.text)) - set(_NUMBER.findall(cited))
    return bool(said) and not numbers and sum(word in held for word in said) / len(said) >= SUPPORTED


def _citing(schema: Any, numbers: list[str]) -> Any:
    """The schema with every `citations` held to the numbers of the passages, and nothing left out."""
    if isinstance(schema, list):
        return [_citing(each, numbers) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    narrowed = {key: _citing(value, numbers) for key, value in cast("dict[str, Any]", schema).items()}
    properties = narrowed.get("properties")
    if isinstance(properties, dict):
        named = cast("dict[str, Any]", properties)
        named.pop("declined", None)  # decided before the model is asked
        if "citations" in named:
            named["citations"] = {"type": "array", "items": {"enum": numbers}, "minItems": 1, "maxItems": len(numbers)}
        narrowed |= {"required": list(named), "additionalProperties": False}
    return narrowed


def _named(written: Any, ids: dict[str, str]) -> Any:
    if isinstance(written, list):
        return [_named(each, ids) for each in cast("list[Any]", written)]
    if not isinstance(written, dict):
        return written
    return {
        key: list(dict.fromkeys(ids[number] for number in value)) if key == "citations" else _named(value, ids)
        for key, value in cast("dict[str, Any]", written).items()
    }
