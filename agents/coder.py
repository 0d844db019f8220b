"""The coder: writes or takes Python, runs it in the sandbox and reports what it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from models.offline.skill import Call, Turn, question_of

INSTRUCTIONS = f"""You solve problems with Python. Write short code, run it with sandbox_run, read the result,
correct it when it fails, and report exactly what it printed. Never claim a result that you did not run.
{DATA_RULE}"""

_FENCE = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"^.*?\b(?:python|code|snippet|script)\b[^:\n]*:\s*(.+)$", re.DOTALL | re.IGNORECASE)


class CodeResult(Answer):
    code: str = Field(default="", description="The code that was run, exactly.")
    stdout: str = Field(default="", description="What it printed.")
    result: str = Field(default="", description="The value of its last expression, if any.")
    error: str = Field(default="", description="The error it ended with, if any.")
    explanation: str = Field(default="", description="One sentence on what the code does and shows.")


def coder(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, CodeResult]:
    return Agent(
        model,
        name="coder",
        output_type=CodeResult,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def code_in(request: str) -> str:
    """Return the code that a request carries: a fenced block, or what follows "Run this Python:"."""
    fenced = _FENCE.search(request)
    inline = None if fenced else _INLINE.match(request)
    found = fenced or inline
    return found.group(1).strip().strip("`") if found else ""


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Run the code in the request; the engine writes none of its own."""
    code = code_in(question_of(turn.request))
    if not code:
        return CodeResult(declined="The offline engine runs the code you give it, but writes none.")
    if not turn.results:
        return [Call("sandbox_run", {"code": code})]
    last = turn.results[-1]
    if not last.ok:
        return CodeResult(code=code, declined=f"The sandbox refused: {last.content}")
    error = last.content.get("error")
    return CodeResult(
        code=code,
        stdout=last.content.get("stdout", ""),
        result="\n".join(result["text"] for result in last.content.get("results", [])),
        error=f"{error['name']}: {error['value']}" if error else "",
        explanation=f"Ran in the sandbox ({last.content.get('tier', 'unknown')} tier).",
    )


ROLE = Role(
    name="coder",
    description="Writes and runs Python in the sandbox.",
    servers=("sandbox",),
    output=CodeResult,
    factory=coder,
    skill=offline,
)
