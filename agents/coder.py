"""The coder: runs Python in the sandbox and reports what it printed; in a workspace, proposes edits that mend tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.repairing import Proposal, assignment_in, imports, propose, small_changes
from agents.role import DATA_RULE, Answer, Role
from models.local.think import Think
from models.offline.skill import Call, Result, Turn, question_of

INSTRUCTIONS = f"""You solve problems with Python. Write short code, run it with sandbox_run, read the result,
correct it when it fails, and report exactly what it printed. Never claim a result that you did not run.
When the request is JSON with `failing` tests, answer with `proposals`: edits of the files in `texts` that make them
pass, the likeliest first; change no test. Look up what else you need with the workspace tools. Proposals are tested
for you, and earlier ones that did not help are in `tried`. For any other work in a workspace use its tools.
{DATA_RULE}"""

CORRECTIONS = 2
_WRITE = (
    "You write short, plain Python 3 that solves the request and prints the answer. "
    "Use only built-in functions and the math, re, json and datetime modules; read no files and no network."
)

_FENCE = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"^.*?\b(?:python|code|snippet|script)\b[^:\n]*:\s*(.+)$", re.DOTALL | re.IGNORECASE)


class CodeResult(Answer):
    code: str = Field(default="", description="The code that was run, exactly.")
    stdout: str = Field(default="", description="What it printed.")
    result: str = Field(default="", description="The value of its last expression, if any.")
    error: str = Field(default="", description="The error it ended with, if any.")
    explanation: str = Field(default="", description="One sentence on what the code does and shows.")
    proposals: list[Proposal] = Field(default=[], description="Edits that may mend failing tests; else empty.")


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
    """Run the code in the request; the engine writes none of its own, but mends imports and small slips."""
    given = assignment_in(turn.request)
    if given is not None:
        known = imports(given) or (small_changes(given) if given.attempt == 1 else [])
        return CodeResult(proposals=known, declined="" if known else "The offline engine writes no code of its own.")
    code = code_in(question_of(turn.request))
    if not code:
        return CodeResult(declined="The offline engine runs the code you give it, but writes none.")
    if not turn.results:
        return [Call("sandbox_run", {"code": code})]
    return _report(turn.results[-1], code)


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Run the code in the request; without one let the model write it, and correct it where it fails."""
    given = assignment_in(turn.request)
    if given is not None:
        known = imports(given) or (small_changes(given) if given.attempt == 2 else [])
        return CodeResult(proposals=known or await propose(given, think))
    request = question_of(turn.request)
    if code_in(request):
        return offline(turn)
    runs = turn.of("sandbox_run")
    if runs and (not _failure(runs[-1]) or len(runs) > CORRECTIONS):
        return _report(runs[-1], str(runs[-1].arguments["code"]))
    failed = f"\n\nThis failed:\n{runs[-1].arguments['code']}\n{_failure(runs[-1])}" if runs else ""
    (code,) = await think(_WRITE, request + failed, begin="```python\n", stop=["```"], max_tokens=500)
    return [Call("sandbox_run", {"code": code.strip()})]


def _refused(run: Result) -> bool:
    """Tell whether nothing was run: the sandbox said no, or a person did, which comes as text instead of a result."""
    return not run.ok or isinstance(run.content, str)


def _failure(run: Result) -> str:
    """What went wrong in a run, or an empty string."""
    if _refused(run):
        return str(run.content)
    error = run.content.get("error")
    return f"{error['name']}: {error['value']}" if error else ""


def _report(run: Result, code: str) -> CodeResult:
    if _refused(run):
        return CodeResult(code=code, declined=f"The code was not run: {run.content}")
    return CodeResult(
        code=code,
        stdout=run.content.get("stdout", ""),
        result="\n".join(result["text"] for result in run.content.get("results", [])),
        error=_failure(run),
        explanation=f"Ran in the sandbox ({run.content.get('tier', 'unknown')} tier).",
    )


ROLE = Role(
    name="coder",
    description="Writes and runs Python in the sandbox, and mends the code of a workspace.",
    servers=("sandbox", "workspace"),
    output=CodeResult,
    factory=coder,
    skill=offline,
    guide=guided,
)
