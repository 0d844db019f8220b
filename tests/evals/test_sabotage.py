"""A sabotaged agent fails the evals, and the difference names the cause; a refactoring that changes nothing passes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

import agents.researcher
import app.front_door
import app.wiring
import workflows.chat_turn
import workflows.deep_research
import workflows.research_stages
from agents.memory import Remembered
from agents.researcher import Findings
from agents.team import TEAM
from app.cli import main
from evals import catalogue
from evals.suites.deep_research import suite as research
from evals.suites.memory import suite as memory
from evals.suites.retrieval import suite as retrieval
from evals.suites.safety import suite as safety
from evals.suites.team import suite as team
from evals.suites.tool_use import suite as tool_use
from lyceum.sources import Claim
from models.offline.skill import Call, Turn
from tests.evals.changes import Change, Skill, cases, failing, skill, with_calls, with_role
from workflows.chat_turn import ChatRequest

CASES: dict[ModuleType, tuple[str, ...]] = {
    tool_use: ("calc-percent", "sql-join", "doc-tomatoes"),
    safety: ("page-reply-only", "unknown-capital"),
    team: ("count-and-compute",),
    research: (),
    memory: (),
    retrieval: (),
}
# What only some sabotages touch is asked only there.
MORE: dict[str, dict[ModuleType, tuple[str, ...]]] = {
    "research": {research: ("two-questions", "refused", "waits", "small-budget", "order-among-facts")},
    "memory": {memory: ("city", "never-told", "planted-order")},
    "retrieval": {retrieval: ("pool-1", "waste-1", "unanswerable-1", "two-relevant")},
    "approval": {tool_use: ("coder-asks-first",)},
    "none": {},
}


@pytest.fixture
def about() -> str:
    return "none"


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, about: str) -> None:
    """The committed baselines, of a few telling cases."""
    for module, names in (CASES if about == "none" else MORE[about]).items():
        if not names:
            continue
        whole = module.suite()
        few = dataclasses.replace(whole, cases=tuple(case for case in whole.cases if case.id in names))
        known = json.loads((catalogue.FOLDER / whole.name / "baseline.json").read_text())["offline"]
        for split in known.values():
            split["cases"] = {case: verdict for case, verdict in split["cases"].items() if case in names}
            split["failing"] = {case: by for case, by in (split.get("failing") or {}).items() if case in names}
        folder = tmp_path / "suites" / whole.name
        folder.mkdir(parents=True)
        (folder / "suite.py").write_text(f'"""{whole.name}"""')
        (folder / "cases.yaml").write_text("")
        kept = {split: given for split, given in known.items() if given["cases"]}
        (folder / "baseline.json").write_text(json.dumps({"offline": kept}))
        monkeypatch.setattr(module, "suite", lambda few=few: few)
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")


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


def another_table(call: Call) -> list[Call]:
    if call.tool != "sql_query":
        return [call]
    return [dataclasses.replace(call, arguments={**call.arguments, "sql": "SELECT Name, COUNT(*) FROM Artist"})]


def cites_nothing(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        step = own(turn)
        if isinstance(step, Findings):
            return Findings(claims=[Claim(text=claim.text) for claim in step.claims], declined=step.declined)
        return step

    return skilled


def does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def approved(_ctx: Any, _request: Any, plan: Any, _opened: Any) -> Any:
        return plan

    monkeypatch.setattr(workflows.deep_research, "_approved", approved)


def edits_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.front_door, "ChatRequest", lambda **given: ChatRequest(**{**given, "approve": ["*"]}))


def spends_what_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows.research_stages, "shares", lambda _left, wanted: list(wanted))


def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_ctx: Any, _job: Any) -> None: ...

    monkeypatch.setattr(workflows.deep_research, "verify", nothing)


def invents_what_was_told(_own: Skill) -> Skill:
    return lambda _turn: Remembered(claims=[Claim(text="You told me that you live in Lisbon.")])


def one_step_only(own: Skill) -> Skill:
    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        plan: Any = own(turn)
        return plan if not isinstance(plan, BaseModel) else plan.model_copy(update={"steps": plan.steps[:1]})

    return skilled


def unreviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reviewed(_ctx: Any, _turn: Any, pieces: list[Any]) -> list[Any]:
        return pieces

    monkeypatch.setattr(workflows.chat_turn, "_reviewed", reviewed)


# What is changed, what the verdict must name, and where only some suites can tell: which.
SABOTAGES: dict[str, tuple[Change, str] | tuple[Change, str, str]] = {
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
    "another table": (skill("sql", with_calls(another_table)), '"SELECT Name, COUNT(*) FROM Artist"'),
    "citations dropped": (skill("researcher", cites_nothing), "nothing in the answer is cited"),
    "a part dropped": (skill("planner", one_step_only), "- handoff calculator"),
    "plan not approved": (does_not_wait, "approval research_plan did not happen", "research"),
    "edits unasked": (edits_unasked, "- approval workspace_*", "approval"),
    "claims unchecked": (unverified, "verifier: model * (1 to any times) did not happen", "research"),
    "budget ignored": (spends_what_it_likes, "calls: at most 2, used", "research"),
    "memory invented": (skill("memory", invents_what_was_told), "memory.memory_search", "memory"),
}


@pytest.mark.parametrize(
    ("change", "said", "about"),
    cases({name: (*given, "none")[:3] for name, given in SABOTAGES.items()}, {"argument", "order"}),
)
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


def registry_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.wiring, "TEAM", dict(reversed(TEAM.items())))


def servers_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {name: dataclasses.replace(role, servers=tuple(reversed(role.servers))) for name, role in TEAM.items()}
    monkeypatch.setattr(app.wiring, "TEAM", roles)


def arms_swapped(own: Skill) -> Skill:
    """The planner names the independent parts of a request in the other order."""

    def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
        plan: Any = own(turn)
        if not isinstance(plan, BaseModel):
            return plan
        free: Any = plan
        return free.model_copy(update={"steps": list(reversed(free.steps))})

    return skilled


def slower(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.connections import ConnectedTools

    call = ConnectedTools.call

    async def late(self: Any, *given: Any) -> Any:
        await asyncio.sleep(0.02)
        return await call(self, *given)

    monkeypatch.setattr(ConnectedTools, "call", late)


def renamed_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    extract = agents.researcher.extract

    def best_sentences(*given: Any, **more: Any) -> Any:
        return extract(*given, **more)

    monkeypatch.setattr(agents.researcher, "extract", best_sentences)


def spaced(call: Call) -> list[Call]:
    if call.tool != "sql_query":
        return [call]
    return [dataclasses.replace(call, arguments={**call.arguments, "sql": f"  {call.arguments['sql']}  ;\n"})]


REFACTORINGS: dict[str, tuple[Change]] = {
    "query's letters": (skill("sql", with_calls(lower_case)),),
    "instructions": (reworded,),
    "one arm at a time": (one_arm_after_the_other,),
    "names of steps": (skill("planner", other_step_names),),
    "a server more": (with_role("calculator", servers=("basics", "course")),),
    "another limit": (skill("researcher", with_calls(one_more)),),
    "registry in another order": (registry_reversed,),
    "servers in another order": (servers_reversed,),
    "arms swapped": (skill("planner", arms_swapped),),
    "slower tools": (slower,),
    "renamed inside": (renamed_inside,),
    "query with spaces": (skill("sql", with_calls(spaced)),),
}


@pytest.mark.parametrize("change", cases(REFACTORINGS, {"query's letters"}))
def test_a_refactoring_that_changes_nothing_passes(
    change: Change, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch)
    assert main(["eval", "run", "--offline"]) == 0, failing(capsys)
