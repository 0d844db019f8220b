"""A repository is mended on a copy; the user's files change once, with consent, and only to what was tested.

The model is a script; the tools, the sandbox and the journal are real.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lyceum.events import Answered, ApprovalAsked
from lyceum.runs import Decision
from models.local.engine import Completion
from models.local.model import LocalModel
from workflows.chat_turn import ChatRequest
from workflows.steps.chat_turn import asks_to_mend

CODE = "def add(a, b):\n    return a - b\n\n\ndef twice(n):\n    return 2 * n\n"
TESTS = """from calc import add, twice


def test_add():
    assert add(2, 1) == 3


def test_twice():
    assert twice(2) == 4
"""
RIGHT = "def add(a, b):\n    return a + b\n"


class Scripted:
    """An engine whose texts are given; it keeps what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[str] = []

    async def complete(self, messages: Any, *, samples: int = 1, **_: Any) -> Completion:
        self.asked.append(messages[1]["content"])
        said = tuple(self.texts.pop(0) if self.texts else "nothing" for _ in range(samples))
        return Completion(said, 1, 0, 1)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "calc"
    root.mkdir()
    (root / "calc.py").write_text(CODE)
    (root / "test_calc.py").write_text(TESTS)
    return root


async def asked(app: Any, repository: Path, engine: Scripted, **request: Any) -> Any:
    class Only:
        reason = "a script"
        default = "script"

        def get(self, key: str = "default") -> LocalModel:
            del key
            return LocalModel("script", engine)  # type: ignore[arg-type]

    object.__setattr__(app.runtime, "models", Only())
    thread = await app.store.create_thread("mend")
    await app.attach(thread.id, repository)
    chat = ChatRequest(question="Make the failing tests pass.", agent="coder", **request)
    return await app.engine.drive(await app.engine.submit("chat_turn", chat, thread=thread.id))


async def test_tests_go_green_and_the_answer_shows_what_was_written(
    wired: Callable[..., Any], repository: Path
) -> None:
    engine = Scripted("def add(a, b):\n    return b - a\n", RIGHT)
    async with wired() as app:
        run = await asked(app, repository, engine, approve=["workspace_edit"])
    answer = Answered.model_validate(run.result)
    assert (repository / "calc.py").read_text() == CODE.replace("a - b", "a + b")
    assert (repository / "test_calc.py").read_text() == TESTS
    assert "2 tests pass now, 1 failed before" in answer.text
    assert "+    return a + b" in answer.text
    assert answer.output["green"]
    assert "return a - b" not in engine.asked[0], "a small model copies what it sees"


async def test_nothing_is_written_before_a_person_has_seen_the_diff(
    wired: Callable[..., Any], repository: Path
) -> None:
    async with wired() as app:
        run = await asked(app, repository, Scripted(RIGHT))
        assert run.status == "waiting"
        assert (repository / "calc.py").read_text() == CODE
        (approval,) = await app.store.approvals(run=run.id)
        assert approval.request["tool"] == "workspace_edit"
        assert "+    return a + b" in approval.request["arguments"]["diff"]
        await app.store.decide(run.id, approval.id, Decision(approved=False, reason="not today"))
        run = await app.engine.drive(run.id)
        events = await app.store.events(run.id)
    assert "not today" in Answered.model_validate(run.result).text
    assert len([event for event in events if isinstance(event, ApprovalAsked)]) == 1
    assert (repository / "calc.py").read_text() == CODE


async def test_an_edit_that_breaks_another_test_is_never_written(wired: Callable[..., Any], repository: Path) -> None:
    (repository / "calc.py").write_text(CODE.replace("2 * n", "add(n, -n)"))  # right by the bug alone
    async with wired() as app:
        run = await asked(app, repository, Scripted(RIGHT), approve=["*"])
    answer = Answered.model_validate(run.result)
    assert answer.declined
    assert "nothing was changed" in answer.text
    assert "return a - b" in (repository / "calc.py").read_text()


async def test_where_the_tests_pass_already_nothing_is_done(wired: Callable[..., Any], repository: Path) -> None:
    (repository / "calc.py").write_text(CODE.replace("a - b", "a + b"))
    engine = Scripted()
    async with wired() as app:
        run = await asked(app, repository, engine, approve=["*"])
    assert "All tests pass (2)" in Answered.model_validate(run.result).text
    assert engine.asked == []


def test_what_asks_to_mend_is_told_from_what_asks_about_code() -> None:
    assert asks_to_mend("make the failing tests pass")
    assert asks_to_mend("Fix the bug in the parser")
    assert not asks_to_mend("What does the parser do?")
    assert not asks_to_mend("Run this: ```print(1)```")


async def test_without_a_model_a_small_slip_is_mended_too(wired: Callable[..., Any], repository: Path) -> None:
    async with wired() as app:
        thread = await app.store.create_thread("mend")
        await app.attach(thread.id, repository)
        chat = ChatRequest(question="Fix the failing tests", approve=["*"])
        run = await app.engine.drive(await app.engine.submit("chat_turn", chat, thread=thread.id))
    assert Answered.model_validate(run.result).role == "coder"
    assert (repository / "calc.py").read_text() == CODE.replace("a - b", "a + b")
