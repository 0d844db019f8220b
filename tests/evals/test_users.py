"""A persona who is simulated ends when it has what it came for, when its script ends, or when it has had enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.cli import main
from evals import catalogue
from evals.suite import Outcome
from evals.users import Persona, simulate


class Clerk:
    """Knows two things, and declines the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(
        self, question: str, *, agent: str | None = None, approve: Sequence[str] = (), plan: bool | None = None
    ) -> Outcome:
        self.asked.append(question)
        known = {"price?": "It costs 20 cents.", "hours?": "We open at nine."}
        if question == "crash":
            return Outcome(error="it fell over")
        return Outcome(answer=known.get(question, "I do not know."), declined=question not in known)


def persona(**given: object) -> Persona:
    return Persona.model_validate({"opening": "price?", "goal": [{"$contains": "cents"}], **given})


async def test_a_persona_that_has_all_it_came_for_says_no_more() -> None:
    clerk = Clerk()
    held = await simulate(persona(moves=[{"say": "hours?"}]), clerk)
    assert (held.ending, clerk.asked) == ("satisfied", ["price?"])


async def test_each_move_is_made_once_and_depends_on_what_is_heard() -> None:
    clerk = Clerk()
    moves = [{"when": {"$contains": "nine"}, "say": "never"}, {"declined": True, "say": "price?"}]
    held = await simulate(persona(opening="hm?", moves=moves), clerk)
    assert (held.ending, clerk.asked) == ("satisfied", ["hm?", "price?"])
    held = await simulate(persona(opening="hm?", goal=[{"$contains": "gold"}], moves=moves), Clerk())
    assert (held.ending, held.said) == ("gave up", ["hm?", "price?"])
    assert held.missing == [{"$contains": "gold"}]


async def test_patience_ends_and_an_error_is_no_answer() -> None:
    again = [{"say": "hm?"}] * 9
    held = await simulate(persona(opening="hm?", moves=again, patience=3), Clerk())
    assert (held.ending, len(held.said)) == ("gave up", 3)
    assert (await simulate(persona(opening="crash"), Clerk())).ending == "error"


async def test_a_model_that_plays_is_asked_for_the_next_line_and_judges_nothing() -> None:
    lines = iter(["hours?", "price?", "more?"])

    async def next_line(_persona: Persona, talk: Sequence[tuple[str, str]]) -> str | None:
        assert talk[-1][1]
        return next(lines)

    held = await simulate(persona(opening="hm?"), Clerk(), next_line)
    assert (held.ending, held.said) == ("satisfied", ["hm?", "hours?", "price?"])

    async def satisfied_too_early(_persona: Persona, _talk: Sequence[tuple[str, str]]) -> str | None:
        return None

    assert (await simulate(persona(opening="hm?"), Clerk(), satisfied_too_early)).ending == "gave up"


def test_three_files_are_a_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with cases, a task of fifteen lines and a baseline is run, compared, and fails when it is worse."""
    import evals.suites

    folder = tmp_path / "suites" / "sums_of_mine"
    folder.mkdir(parents=True)
    team = (catalogue.FOLDER / "team" / "suite.py").read_text(encoding="utf-8")
    assert len(team.splitlines()) < 20
    (folder / "suite.py").write_text(team.replace("team", "sums_of_mine"), encoding="utf-8")
    (folder / "cases.yaml").write_text("- {id: a, input: 'What is 3 * 7?', expected: {number: 21}}\n")
    monkeypatch.setattr(evals.suites, "__path__", [*evals.suites.__path__, str(tmp_path / "suites")])
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")
    run = ["eval", "run", "sums_of_mine", "--offline"]
    assert main([*run, "--update-baseline"]) == 0
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "baseline.json",
        "cases.yaml",
        "suite.py",
    ]
    assert main([*run, "--require-baseline"]) == 0
    (folder / "cases.yaml").write_text("- {id: a, input: 'What is 3 * 7?', expected: {number: 22}}\n")
    assert main(run) == 1
    assert "expected 22, the answer has" in capsys.readouterr().err
