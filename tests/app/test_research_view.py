"""Live progress of research: each researcher's state and finds, the stage, cost, and what may be left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from app.cli.research_view import Watch
from lyceum.events import ModelCalled, PlanMade, PlannedStep, SourceFound, StepFinished, StepStarted
from lyceum.sources import Source
from workflows.deep_research import ResearchRequest
from workflows.steps.research.plan import Place

QUESTION = "How many bells hang in the tower? Who is the Archduke of Norholm?"


async def test_a_run_shows_what_each_researcher_does_and_how_much_it_has_found(wired: Any, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "tower.md").write_text("# Tower\n\nFour bells hang in the tower.\n")
    seen: list[str] = []
    watch = Watch(tell=lambda _line: None)
    watch.live = True

    class Screen(list[Any]):
        def append(self, event: Any) -> None:
            watch(event)
            seen.append("\n".join(watch.lines()))

    asked = ResearchRequest(
        question=QUESTION, places=[Place(kind="docs", name="tower", uri=str(folder))], approve=["*"]
    )
    async with wired(Screen()) as app:
        run = await app.engine.drive(await app.engine.submit("deep_research", asked))
    assert run.status == "done", run.error
    shown = "\n".join(seen)
    for state in ("(waiting)", "(looking up)", "(1 source, looked up)", "looking again: 0 of 2"):
        assert state in shown, state
    assert "☐ q1 tower: How many bells hang in the tower? (waiting)" in shown
    assert "✓ q1 tower: How many bells hang in the tower? (1 source, checked)" in seen[-1]
    assert "writing: 2 of 2 sub-questions, 1 sources" in shown


def test_what_is_left_follows_the_pace_since_the_plan_was_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("app.cli.research_view.time.monotonic", lambda: clock[0])
    watch = Watch(tell=lambda _line: None)
    source = Source(id="doc:a#1", kind="passage", title="a", text="t")
    watch(PlanMade(steps=[PlannedStep(id=f"q{n}", role="docs", task="?") for n in (1, 2, 3)]))
    assert watch.left() is None
    assert "left" not in watch.summary()
    for number in range(3):
        watch(StepStarted(branch=str(number), step=f"q{number + 1}", role="researcher", task="?"))
    clock[0] += 10
    watch(SourceFound(branch="0/0", source=source))
    watch(StepFinished(branch="0", step="q1", ok=True))
    assert watch.researchers["q1"].told() == "1 source, looked up"
    assert watch.left() == pytest.approx(90)  # one of ten parts took ten seconds
    assert "about 2 min left" in watch.summary()
    for number in (1, 2):
        watch(StepFinished(branch=str(number), step=f"q{number + 1}", ok=True))
    clock[0] += 20
    for number in range(3):
        watch(ModelCalled(branch=str(number), agent="writer", model="m", input_tokens=10, output_tokens=5, cost=0.002))
    assert watch.left() == pytest.approx(20)
    assert (
        "writing: 3 of 3 sub-questions, 1 sources, 0 calls, 30 s, 45 tokens, $0.0060, about 20 s left"
        in watch.summary()
    )
    assert time.monotonic() == clock[0]
