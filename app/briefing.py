"""What an agent's model is told before it works: its instructions and the tools it is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel

from evals.suite import Outcome

if TYPE_CHECKING:
    from app.wiring import App


class _Told(Exception):
    def __init__(self, instructions: str, tools: list[str]) -> None:
        super().__init__()
        self.instructions = instructions
        self.tools = tools


async def briefing(app: App, agent: str) -> Outcome:
    """Begin an agent's work and stop at its first request: the answer is the instructions, `output` has the `tools`."""
    role = app.runtime.team[agent]
    try:
        await role.make(FunctionModel(_stop), await app.runtime.toolsets(role)).run("", deps=role.deps({}))
    except _Told as told:
        return Outcome(answer=told.instructions, output={"tools": list(told.tools)})
    raise AssertionError("an agent answered without its model")


def _stop(_messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    raise _Told(info.instructions or "", [tool.name for tool in info.function_tools])
