"""JSON and regular expressions, tried in a process that is killed when it takes too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from mcp_servers.basics.killable import run

JSON_SECONDS = 5.0
RegexFlag = Literal["ignore_case", "multiline", "dot_all", "verbose", "ascii"]


class JsonError(BaseModel):
    """Where a document stops being JSON; line and column count from 1."""

    message: str
    line: int
    column: int
    excerpt: str = Field(description="The line, and a mark under the place.")
    hint: str = Field(description="What to do about it.")


class SchemaError(BaseModel):
    path: str = Field(description="Where in the document, e.g. $.orders[0].id.")
    message: str
    rule: str = Field(description="The keyword of the schema that it breaks.")


class JsonChecked(BaseModel):
    """`result` is the answer to a query as JSON text; `schema_errors` is absent where no schema was sent."""

    valid: bool
    error: JsonError | None = None
    kind: str = Field(default="", description="object, array, string, number, boolean or null.")
    size: int = Field(default=0, description="Keys or elements at the top.")
    repeated_keys: list[str] = Field(default_factory=list[str], description="Keys that an object holds twice.")
    result: str | None = None
    schema_errors: list[SchemaError] | None = None
    further_errors: int = 0


class Match(BaseModel):
    """One match; `start` and `end` count characters from 0, `line` from 1."""

    text: str
    start: int
    end: int
    line: int
    groups: list[str | None] = Field(description="Groups by number; null for one that took no part.")
    named: dict[str, str]


class RegexTried(BaseModel):
    count: int = Field(description="All matches, also those beyond the first hundred, which are listed.")
    matches: list[Match]
    whole: bool = Field(description="Whether the pattern matches the whole text at once.")
    replaced: str | None = Field(default=None, description="The text with every match replaced.")
    explanation: list[str] = Field(description="What each part of the pattern means, nested parts indented.")


def check_json(text: str, query: str, schema: str) -> JsonChecked:
    """Check, query and validate a document; raises ModelRetry for a query or schema that is none."""
    request: dict[str, Any] = {"text": text, "query": query, "schema": schema}
    too_long = f"The document or its schema took more than {JSON_SECONDS:g} s."
    answer = run(
        "inside_json.py",
        request,
        JSON_SECONDS,
        too_long=too_long,
        next_step="Send less, or simpler patterns.",
    )
    return JsonChecked.model_validate(answer)


def try_regex(pattern: str, text: str, flags: Sequence[RegexFlag], replacement: str, seconds: float) -> RegexTried:
    """Search a text; raises ModelRetry for a pattern that is not valid or does not end in time."""
    request = {"pattern": pattern, "text": text, "flags": list(flags), "replacement": replacement or None}
    too_long = f"The pattern did not end within {seconds:g} s on this text."
    advice = "Nested repeats such as (a+)+ backtrack without end: make their parts exclude each other."
    return RegexTried.model_validate(run("inside_regex.py", request, seconds, too_long=too_long, next_step=advice))
