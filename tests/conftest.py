"""Every test gets a home of its own, no model requests, and no network but loopback."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., Any]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _sealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("LYCEUM_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LYCEUM_PDF", "false")  # a browser takes a second or more
    import pydantic_ai.models

    monkeypatch.setattr(pydantic_ai.models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture
def wired(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Wire the whole product, offline, on a home that outlives the wiring; `seen` collects its events."""

    @asynccontextmanager
    async def wired(seen: list[Any] | None = None, **settings: Any) -> AsyncGenerator[Any]:
        from app.wiring import wire
        from lyceum.settings import Settings

        given = Settings(home=tmp_path / "home", offline=True, **settings)
        async with wire(given, listen=(seen if seen is not None else []).append) as app:
            yield app

    return wired


@pytest.fixture
def ask(wired: Callable[..., AbstractAsyncContextManager[Any]]) -> Ask:
    """Ask one question in a fresh thread and return the answering event."""

    async def ask(question: str, **request: Any) -> Any:
        from lyceum.events import Answered
        from workflows.chat_turn import ChatRequest

        async with wired() as app:
            thread = await app.store.create_thread(question)
            for path in request.pop("attach", ()):
                await app.attach(thread.id, path)
            asked = ChatRequest(question=question, **request)
            run = await app.engine.drive(await app.engine.submit("chat_turn", asked, thread=thread.id))
            assert run.status == "done", run.error
            return Answered.model_validate(run.result)

    return ask


@pytest.fixture
def lyceum(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; returns its exit code and what it wrote on standard output and error."""
    from app.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
