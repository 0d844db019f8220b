"""What a role's guide may ask of a language model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_ai.profiles import InlineDefsJsonSchemaTransformer

from models.offline.skill import Call, Turn

LONGEST = 900  # tokens of one object

T = TypeVar("T", bound=BaseModel)


class Think(Protocol):
    """`samples` texts that continue a chat after `begin`, held to `schema` (JSON schema) where there is one."""

    async def __call__(
        self,
        system: str,
        user: str,
        *,
        begin: str = "",
        schema: dict[str, Any] | None = None,
        samples: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 400,
        stop: Sequence[str] = (),
    ) -> tuple[str, ...]: ...


Guide = Callable[[Turn, Think], Awaitable[Sequence[Call] | BaseModel]]


async def fill(think: Think, output: type[T], system: str, user: str, schema: dict[str, Any] | None = None) -> T | None:
    """Ask for one object of a type; `schema` narrows the type's own. None when the text is cut off or does not fit."""
    (text,) = await think(system, user, schema=compact(schema or output.model_json_schema()), max_tokens=LONGEST)
    try:
        return output.model_validate_json(text)
    except ValidationError:
        return None


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Forbid white space, which costs tokens and says nothing."""
    return {**inlined(schema), "x-guidance": {"whitespace_flexible": False}}


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put definitions in their places: a schema that becomes part of another cannot refer to its own root."""
    return InlineDefsJsonSchemaTransformer(schema).walk()
