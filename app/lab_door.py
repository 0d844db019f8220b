"""The product as labs meet it: tools over MCP, questions to the team, on a home that is thrown away."""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.cli.render import outputs_of
from app.front_door import passing_home
from app.wiring import App, wire
from evals.labs.lab import Lab, Step
from lyceum.artifacts import FolderArtifacts
from lyceum.errors import OperatorError, UserError, nearest
from lyceum.events import Answered, ModelCalled, ToolCalled, ToolReturned
from lyceum.extras import install_command
from lyceum.settings import Settings
from mcp_servers.sandbox.packages import Packages
from models.offline.model import OfflineModel
from workflows.chat_turn import ChatRequest

NOT_EXTRAS = ("local_model", "service")
SANDBOX_PACKAGES = "sandbox_packages"  # what `lyceum doctor --fix` installs; a lab that needs them has them installed


class ProductLabDoor:
    """One lab's way in: its questions share a thread until a step opens a new one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._thread = ""
        self._artifacts = FolderArtifacts(app.settings.home / "artifacts")

    @property
    def answered_by(self) -> str:
        return self._app.runtime.models.reason

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        tools = self._app.runtime.tools
        servers = [server for server in tools.servers() if tool.startswith(f"{server}_")]
        if not servers:
            raise UserError(
                f"No tool server has a tool {tool!r}.", next_step=nearest(tool, tools.servers(), what="servers")
            )
        return await tools.call(max(servers, key=len), tool, arguments)

    async def ask(self, step: Step, question: str, attach: Sequence[Path]) -> dict[str, Any]:
        app = self._app
        if not self._thread or step.thread == "new":
            self._thread = (await app.store.create_thread(question)).id
        for path in attach:
            await app.attach(self._thread, path)
        request = ChatRequest(question=question, agent=step.agent, approve=step.approve)
        run_id = await app.engine.submit("chat_turn", request, thread=self._thread)
        run = await app.engine.drive(run_id)
        if run.status != "done":
            raise UserError(f"The turn ended as {run.status}: {run.error}", next_step="See `approve` in the lab file.")
        answer = Answered.model_validate(run.result)
        events = await app.store.events(run_id)
        ended = {event.call: event.ok for event in events if isinstance(event, ToolReturned)}
        called = [event for event in events if isinstance(event, ToolCalled)]
        models = [event for event in events if isinstance(event, ModelCalled)]
        output: dict[str, Any] = {}
        for typed in outputs_of(answer):
            output |= typed
        return {
            "answer": answer.text,
            "role": answer.role,
            "declined": answer.declined,
            "citations": [source.id for source in answer.sources],
            "tools": [event.tool for event in called],
            "calls": [
                {"tool": event.tool, "arguments": event.arguments, "ok": ended.get(event.call, False)}
                for event in called
            ],
            "tokens": sum(event.input_tokens + event.output_tokens for event in models),
            "model": models[-1].model if models else "",
            "output": output,
        }

    async def artifact(self, sha256: str) -> bytes:
        return await self._artifacts.get(sha256)


def lacking(lab: Lab) -> list[str]:
    """Return the extras that a lab needs and this environment does not have; raises UserError for an unknown one."""
    declared = importlib.metadata.metadata("lyceum").get_all("Provides-Extra") or []
    missing: list[str] = []
    for need in lab.needs:
        if need in (*NOT_EXTRAS, SANDBOX_PACKAGES):
            continue
        if need not in declared:
            known = [*declared, *NOT_EXTRAS, SANDBOX_PACKAGES]
            raise UserError(
                f"{lab.id} needs {need!r}, which is no extra.", next_step=nearest(need, known, what="extras")
            )
        if not all(_installed(name) for name in _packages(need)):
            missing.append(need)
    return missing


def _packages(extra: str) -> list[str]:
    required = importlib.metadata.requires("lyceum") or []
    marked = [line for line in required if re.search(rf"""extra == ['"]{extra}['"]""", line)]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in marked]


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@asynccontextmanager
async def lab_door(lab: Lab, settings: Settings) -> AsyncGenerator[ProductLabDoor]:
    """Wire the product for one lab; raises OperatorError with what to install or pull where something is lacking.

    A lab that needs no model is answered by the offline engine unless one was asked for: its assertions are about it.
    """
    missing = lacking(lab)
    if missing:
        raise OperatorError(
            f"{lab.id} needs the {' and '.join(missing)} extra.", next_step=f"Run {install_command(*missing)}"
        )
    if "local_model" not in lab.needs and settings.model is None:
        settings = settings.model_copy(update={"offline": True})
    if SANDBOX_PACKAGES in lab.needs:
        await asyncio.to_thread(Packages(settings.home).install)
    with passing_home(settings, "models", "sandbox") as passing:
        async with wire(passing) as app:
            if "local_model" in lab.needs and isinstance(app.runtime.models.get(), OfflineModel):
                raise OperatorError(
                    f"{lab.id} needs a language model, and the offline engine is none.",
                    next_step="Pull one: lyceum models pull qwen2.5-coder-1.5b; or name one with --model.",
                )
            yield ProductLabDoor(app)
