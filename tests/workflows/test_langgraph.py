"""People who live in LangGraph use our flows as nodes, and their graphs as steps of ours."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, TypedDict

import pytest

from tests.workflows.conformance.flows import Request
from tests.workflows.conformance.processes import journal
from workflows.context import Context
from workflows.engines.journal import JournalEngine
from workflows.engines.langgraph import as_node, run_graph

pytestmark = pytest.mark.extra


async def uses_graph(ctx: Context, request: dict[str, str]) -> Any:
    return await ctx.step(run_graph, f"tests.workflows.langgraph_graphs:{request['graph']}", {"words": ["a", "b"]})


class State(TypedDict, total=False):
    names: list[str]
    result: Any


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[JournalEngine]:
    pytest.importorskip("langgraph")
    monkeypatch.setenv("CONFORMANCE", str(tmp_path))
    made = journal(tmp_path)
    made._flows = {**made._flows, "uses_graph": uses_graph}
    yield made
    made.journal.close()
    made.runtime.store.close()  # type: ignore[attr-defined]


def graph_of(engine: JournalEngine, flow: str) -> Any:
    from langgraph.checkpoint.memory import MemorySaver
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State)
    graph.add_node("ours", as_node(engine, flow, request=lambda state: Request(names=state.get("names", []))))
    graph.add_edge(START, "ours")
    graph.add_edge("ours", END)
    return graph.compile(checkpointer=MemorySaver())


async def test_a_graph_is_a_step_whose_result_is_kept(engine: JournalEngine) -> None:
    run = await engine.drive(await engine.submit("uses_graph", {"graph": "counting"}))
    assert run.result == {"words": ["a", "b"], "count": 2}


@pytest.mark.parametrize(("graph", "why"), [("keeping", "checkpointer"), ("asking", "stops"), ("none", "no compiled")])
async def test_a_graph_that_would_spoil_a_run_is_refused(engine: JournalEngine, graph: str, why: str) -> None:
    run = await engine.drive(await engine.submit("uses_graph", {"graph": graph}))
    assert run.status == "failed"
    assert why in run.error


async def test_a_flow_is_a_node_and_its_approval_an_interrupt(engine: JournalEngine, tmp_path: Path) -> None:
    from langgraph.types import Command

    graph, config = graph_of(engine, "asks"), {"configurable": {"thread_id": "t"}}
    stopped = await graph.ainvoke({"names": []}, config)
    [asked] = stopped["__interrupt__"]
    assert asked.value["title"] == "Go?"
    end = await graph.ainvoke(Command(resume={"approved": True, "edited": {"speed": 3}}), config)
    assert end["result"] == {"approved": True, "reason": "", "edited": {"speed": 3}, "by": "user"}
    runs = await engine.runtime.store.runs()
    assert len(runs) == 1  # the node was started twice, the run once
    effects = [line.split()[0] for line in (tmp_path / "effects").read_text().splitlines()]
    assert effects == ["before", "after"]
