"""One tool as every client should meet it: flat schema, four explicit annotations, errors that say what to send.

The SDK's `Tool` validates and runs; this one makes its two schemas plain (no `$ref`, no titles, no `anyOf` with
null), returns compact JSON text equal to the structured content, and rewrites failures for the model that reads them.
"""

from __future__ import annotations

import base64
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast, get_args

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools.base import Tool
from mcp_types import CallToolResult, ImageContent, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ValidationError

from lyceum.errors import LyceumError
from mcp_servers.delimiting import between_marks
from mcp_servers.pictured import Pictured
from mcp_servers.schema import flatten
from mcp_servers.selecting import Records, asked_part, selected

Effect = Literal["read", "run", "write", "destroy"]
TaskSupport = Literal["none", "optional", "required", "run"]

# What a tool does to the world: `run` computes in isolation, `write` adds, `destroy` may remove or replace.
_HINTS: dict[Effect, tuple[bool, bool, bool]] = {
    "read": (True, False, True),
    "run": (True, False, False),
    "write": (False, False, True),
    "destroy": (False, True, True),
}


class TypedTool(Tool):
    """A tool made from a typed async function that returns a pydantic model.

    `task`: "optional" may become a task when it takes long, "required" is refused to clients that know no tasks, and
    "run" starts a run of the store (its result's `run`), which is then the task. `formerly`: see `renamed.py`;
    `records`, and whether parts of them can be asked for (`selects`): see `selecting.py`;
    `origin` of its texts, and whether they are sent between marks (`delimits`): see `delimiting.py`.
    """

    task: TaskSupport = "none"
    formerly: tuple[str, ...] = ()
    records: Records | None = None
    selects: bool = False
    origin: str = ""
    delimits: bool = False

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        known = self.parameters.get("properties", {})
        unknown = [name for name in arguments if name not in known]
        if unknown:
            raise ToolError(f"{self.name} has no parameter {unknown[0]!r}. It takes: {', '.join(known) or 'nothing'}.")
        part = None
        if self.records is not None and self.selects:
            part, arguments = asked_part(self, self.records, arguments)
        result = await self._run(arguments, context, convert_result)
        if isinstance(result, CallToolResult):
            if self.records is not None and part is not None:
                result = selected(self.records, part, result)
            if self.delimits:
                result = between_marks(result, self.origin)
        return result

    async def _run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool) -> Any:
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_what_to_send(self.name, self.parameters, error.__cause__)) from error.__cause__
            if isinstance(error.__cause__, ToolError):
                raise error.__cause__ from None
            raise


def typed_tool(
    function: Callable[..., Awaitable[Any]],
    *,
    title: str,
    effect: Effect,
    open_world: bool,
    task: TaskSupport = "none",
    formerly: tuple[str, ...] = (),
    records: Records | None = None,
    origin: str = "",
) -> Tool:
    """Make a `TypedTool`; the function's docstring is its description, its `Annotated` parameters the schema.

    What it returns is one pydantic model, or `Model | InputRequiredResult` where it may have to ask first.
    """
    read_only, destructive, idempotent = _HINTS[effect]
    tool = TypedTool.from_function(
        _answering(function),
        title=title,
        description=inspect.cleandoc(function.__doc__ or ""),
        annotations=ToolAnnotations(
            title=title,
            read_only_hint=read_only,
            destructive_hint=destructive,
            idempotent_hint=idempotent,
            open_world_hint=open_world,
        ),
    )
    tool.parameters = flatten(tool.parameters)
    tool.fn_metadata.output_schema = flatten(_result_model(function).model_json_schema(mode="serialization"))
    assert isinstance(tool, TypedTool)
    tool.task = task
    tool.formerly = formerly
    tool.records = records
    tool.origin = origin
    return tool


def _result_model(function: Callable[..., Any]) -> type[BaseModel]:
    result = inspect.signature(function, eval_str=True).return_annotation
    models = [each for each in get_args(result) if each is not InputRequiredResult] or [result]
    return cast("type[BaseModel]", models[0])


def _answering(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[CallToolResult]]:
    @functools.wraps(function)
    async def answer(*args: Any, **kwargs: Any) -> CallToolResult | InputRequiredResult:
        try:
            result = await function(*args, **kwargs)
        except LyceumError as error:
            raise ToolError(f"{error.message} {error.next_step}".strip()) from error
        if isinstance(result, InputRequiredResult):
            return result
        text = result.model_dump_json(exclude_none=True)
        pictures = [
            ImageContent(type="image", data=base64.b64encode(png).decode(), mime_type="image/png")
            for png in (result.pictures() if isinstance(result, Pictured) else [])
        ]
        return CallToolResult(
            content=[TextContent(type="text", text=text), *pictures],
            structured_content=result.model_dump(mode="json", exclude_none=True),
        )

    signature = inspect.signature(function, eval_str=True)
    answer.__signature__ = signature.replace(return_annotation=CallToolResult)  # pyright: ignore[reportAttributeAccessIssue]
    answer.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()} | {"return": CallToolResult}
    return cast("Callable[..., Awaitable[CallToolResult]]", answer)


def _what_to_send(name: str, parameters: dict[str, Any], error: ValidationError) -> str:
    """Turn pydantic's report into sentences about parameters, without echoing the rejected values."""
    properties = cast("dict[str, dict[str, Any]]", parameters.get("properties", {}))
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        place = ".".join(str(part) for part in problem["loc"])
        wanted = properties.get(field, {})
        bounds = [f"{key} {wanted[key]}" for key in ("minimum", "maximum", "minLength", "maxLength") if key in wanted]
        choices = f"one of {wanted['enum']}" if "enum" in wanted else wanted.get("type", "a value")
        hint = ", ".join([str(choices), *bounds])
        lines.append(f"{place}: {problem['msg'].lower()}; send {hint} ({wanted.get('description', 'see the schema')})")
    return f"{name} was not called. " + " | ".join(lines)
