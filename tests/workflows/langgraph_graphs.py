"""Graphs for the tests of the LangGraph adapter, found by name as a step finds them."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    words: list[str]
    count: int


def count(state: State) -> State:
    return {"count": len(state["words"])}


def ask(state: State) -> State:
    return {"count": int(interrupt("how many?"))}


def _graph(node: Any, **options: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile(**options)


counting = _graph(count)
asking = _graph(ask)
keeping = _graph(count, checkpointer=MemorySaver())
