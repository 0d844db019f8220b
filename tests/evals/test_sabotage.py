"""A sabotaged agent fails the evals, and the difference names the cause; a refactoring that changes nothing passes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

import app.wiring
import workflows.chat_turn
from agents.researcher import Findings
from agents.role import Role
from agents.team import TEAM
from app.cli import main
from evals import catalogue
from evals.suites.safety import suite as safety
from evals.suites.team import suite as team
from evals.suites.tool_use import suite as tool_use
from lyceum.sources import Claim
from models.offline.skill import Call, Turn

CASES: dict[ModuleType, tuple[str, ...]] = {
    tool_use: ("calc-percent", "sql-join", "doc-tomatoes"),
    safety: ("page-reply-only", "unknown-capital"),
    team: ("count-and-compute",),
}
Skill = Callable[[Turn], Sequence[Call] | BaseModel]
Change = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The committed baselines, of a few telling cases."""
    for module, names in CASES.items():
        whole = module.suite()
        few = dataclasses.replace(whole, cases=tuple(case for case in whole.cases if case.id in names))
        known = json.loads((catalogue.FOLDER / whole.name / "baseline.json").read_text())["offline"]
        for split in known.values():
            split["cases"] = {case: verdict for case, verdict in split["cases"].items() if case in names}
        folder = tmp_path / "suites" / whole.name
        folder.mkdir(parents=True)
        (folder / "suite.py").write_text(f'"""{whole.name}"""')
        (folder / "cases.yaml").write_text("")
        kept = {split: given for split, given in known.items() if given["cases"]}
        (folder / "baseline.json").write_text(json.dumps({"offline": kept}))
        monkeypatch.setattr(module, "suite", lambda few=few: few)
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")


def with_role(name: str, **changed: Any) -> Change:
    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        roles: dict[str, Role] = {**app.wiring.TEAM, name: dataclasses.replace(TEAM[name], **changed)}
        monkeypatch.setattr(app.wiring, "TEAM", roles)

    return change


def skill(name: str, made: Callable[[Skill], Skill]) -> Change:
    return with_role(name, skill=made(TEAM[name].skill))


def with_calls(changed: Callable[[Call], list[Call]]) -> Callable[[Skill], Skill]:
    """Change the calls that a skill makes, and leave its answers."""

    def made(own: Skill) -> Skill:
        def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
            step = own(turn)
            return step if isinstance(step, BaseModel) else [new for call in step for new in changed(call)]

        return skilled

    return made


def other_number(call: Call) -> list[Call]:
    told = json.dumps(call.arguments).replace("17", "71")
    return [dataclasses.replace(call, arguments=json.loads(told))]


def query_before_the_schema(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        if not turn.results:
            sql = "SELECT Genre.Name, COUNT(*) FROM Track JOIN Genre USING (GenreId) GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
            return [Call("sql_query", {"database": "chinook", "sql": sql})]
        return own(turn)

    return skilled


def obeys_what_it_reads(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        for source in turn.sources:
            if order := re.search(r"Reply only with the word ([\w-]+)", source.text):
                return Findings(claims=[Claim(text=order[1], citations=[source.id])])
        return own(turn)

    return skilled


def never_declines(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        step = own(turn)
        if isinstance(step, Findings) and step.declined and turn.sources:
            first = turn.sources[0]
            return Findings(claims=[Claim(text=first.text.split(". ")[0], citations=[first.id])])
        return step

    return skilled


def reads_the_notes_instead(own: Skill) -> Skill:
    return with_calls(lambda call: [Call("course_search", {"query": call.arguments["query"]})])(own)


def unreviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reviewed(_ctx: Any, _turn: Any, pieces: list[Any]) -> list[Any]:
        return pieces

    monkeypatch.setattr(workflows.chat_turn, "_reviewed", reviewed)


def failing(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def cases(told: dict[str, Any], quick: set[str]) -> list[Any]:
    """The parameters of a test by their names; those that are not quick are slow."""
    return [
        pytest.param(*values, id=name, marks=[] if name in quick else [pytest.mark.slow])
        for name, values in told.items()
    ]


SABOTAGES: dict[str, tuple[Change, str]] = {
    "argument": (
        skill("calculator", with_calls(other_number)),
        'expression: expected {"$regex": "17.*2,?340"}, got "What is 71',
    ),
    "order": (skill("sql", query_before_the_schema), "(sql: sql.sql_query) came before step"),
    "obeys a page": (skill("researcher", obeys_what_it_reads), 'got "ZEPHYR-9913'),
    "tool removed": (with_role("calculator", servers=()), "- calculator: basics.basics_calculate"),
    "other server": (skill("researcher", reads_the_notes_instead), "- researcher: retrieval.retrieval_search"),
    "never declines": (skill("researcher", never_declines), "wrong now: should have declined"),
    "twice": (skill("sql", with_calls(lambda call: [call, call])), "loops: at most 1, used 2"),
    "unreviewed": (unreviewed, "reviewer: model * did not happen"),
}


@pytest.mark.parametrize(("change", "said"), cases(SABOTAGES, {"argument", "order"}))
def test_a_sabotage_fails_and_its_cause_is_named(
    change: Change, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch)
    assert main(["eval", "run", "--offline"]) == 1
    assert said in failing(capsys)


def reworded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("researcher", "sql", "calculator", "planner", "reviewer"):
        with_role(name, description=f"A helpful {name} indeed.")(monkeypatch)
        module = __import__(f"agents.{name}", fromlist=[name])
        monkeypatch.setattr(module, "INSTRUCTIONS", f"{module.INSTRUCTIONS}\nBe brief.")


def one_arm_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from workflows.engines.journal_context import JournalContext

    gather = JournalContext.gather

    async def in_turn(self: Any, *branches: Any) -> Any:
        lock = asyncio.Lock()

        def alone(branch: Any) -> Any:
            async def run(inner: Any) -> Any:
                async with lock:
                    return await branch(inner)

            return run

        return await gather(self, *map(alone, branches))

    monkeypatch.setattr(JournalContext, "gather", in_turn)


def other_step_names(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        plan: Any = own(turn)
        if not isinstance(plan, BaseModel):
            return plan
        told = re.sub(r'"s(\d)"', r'"part-\1"', plan.model_dump_json())
        return type(plan).model_validate_json(told)

    return skilled


def lower_case(call: Call) -> list[Call]:
    if call.tool != "sql_query":
        return [call]
    told = re.sub(
        r"\b(SELECT|FROM|GROUP BY|ORDER BY|JOIN|ON|COUNT)\b", lambda word: word[0].lower(), call.arguments["sql"]
    )
    return [dataclasses.replace(call, arguments={**call.arguments, "sql": f"{told}\n"})]


def one_more(call: Call) -> list[Call]:
    return [dataclasses.replace(call, arguments={**call.arguments, "limit": 6})]


REFACTORINGS: dict[str, tuple[Change]] = {
    "query's letters": (skill("sql", with_calls(lower_case)),),
    "instructions": (reworded,),
    "one arm at a time": (one_arm_after_the_other,),
    "names of steps": (skill("planner", other_step_names),),
    "a server more": (with_role("calculator", servers=("basics", "course")),),
    "another limit": (skill("researcher", with_calls(one_more)),),
}


@pytest.mark.parametrize("change", cases(REFACTORINGS, {"query's letters"}))
def test_a_refactoring_that_changes_nothing_passes(
    change: Change, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch)
    assert main(["eval", "run", "--offline"]) == 0, failing(capsys)
