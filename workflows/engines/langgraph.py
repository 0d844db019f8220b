"""LangGraph beside our flows: a flow of ours as a node of a graph, a compiled graph as a step of ours.

Each side keeps what it is good at keeping. A node is a run of ours with an id that follows from the graph's thread and
task, so that a graph which starts a node again finds the same run. A graph that is a step runs as one call, at least
once; one with a checkpointer of its own is refused, because two records of one run can disagree.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from lyceum.errors import LyceumError, OperatorError, UserError
from lyceum.extras import install_command
from lyceum.runs import Decision, Run
from workflows.engines.journal import JournalEngine
from workflows.engines.steps import child_id, fingerprint
from workflows.runtime import Runtime

Node = Callable[[Mapping[str, Any], Mapping[str, Any]], Awaitable[dict[str, Any]]]


def as_node(
    engine: JournalEngine, flow: str, *, request: Callable[[Any], Any], result: str = "result"
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Return a node that runs a flow: `request` makes its request from the graph's state, `result` names its answer.

    An approval of the flow becomes an `interrupt` of the graph, with the approval's id, title and request; resume it
    with `Command(resume={"approved": True})`, or what else a Decision holds.
    """
    langgraph = _langgraph()

    async def node(state: Any, config: Any) -> dict[str, Any]:
        given = request(state)
        run = await _run_of(engine, flow, given, cast("Mapping[str, Any]", config))
        run = await engine.drive(run.id)
        while run.status == "waiting":
            for approval in await engine.runtime.store.approvals(run=run.id):
                asked = {"approval": approval.id, "title": approval.title, "request": approval.request}
                answer = langgraph.interrupt(asked)
                await engine.decide(run.id, approval.id, Decision.model_validate(answer))
            run = await engine.drive(run.id)
        if run.status != "done":
            raise LyceumError(f"The {flow} run {run.id} ended as {run.status}: {run.error}")
        return {result: run.result}

    node.__annotations__["config"] = langgraph.config_type
    return node


async def _run_of(engine: JournalEngine, flow: str, given: Any, config: Mapping[str, Any]) -> Run:
    known = cast("Mapping[str, Any]", config.get("configurable") or {})
    thread, task = known.get("thread_id"), known.get("checkpoint_ns") or known.get("langgraph_checkpoint_ns")
    own = None
    if thread is not None and task:  # a graph that is kept: its node may be started again
        own = child_id(f"langgraph/{thread}", f"{task}/{flow}/{fingerprint(given)}")
    return await engine.runtime.store.run(await engine.submit(flow, given, run_id=own))


async def run_graph(runtime: Runtime, graph: str, state: dict[str, Any]) -> dict[str, Any]:
    """Run a compiled graph as a step: `ctx.step(run_graph, "package.module:graph", {...})`; its state must be JSON.

    Raises UserError for a graph with a checkpointer, and for one that interrupts: ask with `ctx.approve` instead.
    """
    _langgraph()
    module, _, name = graph.partition(":")
    found: Any = getattr(importlib.import_module(module), name, None)
    if found is None or not hasattr(found, "ainvoke"):
        raise UserError(f"{graph} is no compiled graph.", next_step="Name it as package.module:variable.")
    if getattr(found, "checkpointer", None):
        raise UserError(
            f"{graph} has a checkpointer of its own; after a crash the two records could disagree.",
            next_step="Compile it without one: this step is kept by the run.",
        )
    end: dict[str, Any] = await found.ainvoke(state)
    if "__interrupt__" in end:
        raise UserError(f"{graph} asks for something and stops.", next_step="Ask in the flow, with ctx.approve.")
    try:
        return cast("dict[str, Any]", json.loads(json.dumps(end)))
    except TypeError as error:
        raise UserError(f"What {graph} returns is no JSON ({error}).", next_step="Keep plain values in it.") from None


class _LangGraph:
    def __init__(self, interrupt: Callable[[Any], Any], config_type: Any) -> None:
        self.interrupt = interrupt
        self.config_type = config_type


def _langgraph() -> _LangGraph:
    try:
        types: Any = importlib.import_module("langgraph.types")
        runnables: Any = importlib.import_module("langchain_core.runnables")
    except ModuleNotFoundError:
        raise OperatorError("LangGraph is not installed.", next_step=install_command("langgraph")) from None
    return _LangGraph(types.interrupt, runnables.RunnableConfig)
