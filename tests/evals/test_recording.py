"""The same work, however it was recorded, gives the same trajectory."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai import Agent, InstrumentationSettings, ModelResponse, RunContext, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from evals.matching import match
from evals.matching.expectation import read_expectation
from evals.recording.events import from_events
from evals.recording.files import read_trajectories
from evals.recording.messages import from_messages
from evals.recording.spans import from_spans
from evals.trajectory import Step, Trajectory, earlier, schema
from lyceum.errors import UserError
from lyceum.events import (
    ApprovalAsked,
    ApprovalDecided,
    ModelCalled,
    RunFinished,
    StepFinished,
    StepStarted,
    ToolCalled,
    ToolReturned,
    result_hash,
)

ROOT = Path(__file__).parents[2]


def two_at_once_then_one(messages: list[Any], info: AgentInfo) -> ModelResponse:
    del info
    if len(messages) == 1:
        return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2}), ToolCallPart("add", '{"a": 3, "b": 4}')])
    if len(messages) == 3:
        return ModelResponse(parts=[ToolCallPart("add", {"a": 3, "b": 7})])
    return ModelResponse(parts=[TextPart("ten")])


def an_agent(**options: Any) -> Agent[None, str]:
    agent: Agent[None, str] = Agent(FunctionModel(two_at_once_then_one), name="adder", **options)

    @agent.tool
    async def add(ctx: RunContext[None], a: int, b: int) -> int:
        del ctx
        return a + b

    return agent


EXPECTED = read_expectation(
    {
        "steps": [
            {"one_message": [{"tool": "add", "arguments": {"b": 4}}, {"tool": "add", "arguments": {"b": 2}}]},
            {"tool": "add", "arguments": {"a": 3, "b": 7}, "result": "10", "ok": True},
        ],
        "extra": "forbid",
        "budget": {"model_calls": 3},
        "answer": "ten",
    }
)


async def test_a_message_history_is_a_trajectory() -> None:
    result = await an_agent().run("What is 1+2+3+4?")
    found = from_messages(result.all_messages_json(), case="sum")
    assert match(EXPECTED, found).diff == ""
    assert (found.case, found.input) == ("sum", "What is 1+2+3+4?")
    assert found.calls[2].result_hash == result_hash(10)
    assert found.totals.tokens is not None
    assert found.totals.tokens > 0


async def test_a_typed_output_is_what_came_of_it_and_no_call() -> None:
    def typed(messages: list[Any], info: AgentInfo) -> ModelResponse:
        del messages
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, {"response": 3})])

    result = await Agent(FunctionModel(typed), output_type=int).run("three")
    found = from_messages(result.all_messages_json())
    assert found.calls == []
    assert found.output == {"response": 3}


@pytest.fixture
def spans() -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter, InstrumentationSettings(tracer_provider=provider)
    provider.shutdown()


async def test_an_agents_spans_are_a_trajectory(spans: Any, tmp_path: Path) -> None:
    exporter, instrumented = spans
    agent = an_agent()
    agent.instrument = instrumented
    await agent.run("What is 1+2+3+4?")
    file = tmp_path / "spans.jsonl"
    file.write_text("\n".join(span.to_json(indent=None) for span in exporter.get_finished_spans()))
    (found,) = read_trajectories(file)
    assert match(EXPECTED, found).diff == ""
    assert found.input == "What is 1+2+3+4?"
    assert [step.kind for step in found.steps][:2] == ["handoff", "model"]
    assert {step.agent for step in found.calls} == {"adder"}


def otlp(name: str, span: str, parent: str, start: int, end: int, **attributes: Any) -> dict[str, Any]:
    def value(held: Any) -> dict[str, Any]:
        return {"intValue": str(held)} if isinstance(held, int) else {"stringValue": held}

    return {
        "traceId": "t1",
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(start * 10**9),
        "endTimeUnixNano": str(end * 10**9),
        "attributes": [{"key": key.replace("__", "."), "value": value(held)} for key, held in attributes.items()],
        "status": {},
    }


def test_another_makers_export_is_read_with_agents_that_ran_at_the_same_time(tmp_path: Path) -> None:
    agent = {"gen_ai__operation__name": "invoke_agent"}
    tool = {"gen_ai__operation__name": "execute_tool"}
    chat = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m", "gen_ai__usage__input_tokens": 5}
    trace = [
        otlp("root", "r", "", 0, 9, **agent, gen_ai__agent__name="lead", test__case__name="case-1"),
        otlp("chat", "c", "r", 0, 1, **chat),
        otlp("left", "l", "r", 1, 5, **agent, gen_ai__agent__name="left"),
        otlp("right", "q", "r", 2, 6, **agent, gen_ai__agent__name="right"),
        otlp("x", "x", "l", 2, 3, **tool, gen_ai__tool__name="search", gen_ai__tool__call__arguments='{"q": "a"}'),
        otlp("y", "y", "q", 4, 5, **tool, gen_ai__tool__name="read"),
        otlp("z", "z", "r", 7, 8, **tool, gen_ai__tool__name="send", mcp__server__name="mail"),
    ]
    file = tmp_path / "otlp.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": trace}]}]}))
    (found,) = read_trajectories(file)
    assert found.case == "case-1"
    assert [(step.name, step.arguments) for step in found.calls] == [
        ("left: search", {"q": "a"}),
        ("right: read", {}),
        ("lead: mail.send", {}),
    ]
    assert not match(read_expectation({"steps": [{"tool": "search"}, {"tool": "read"}]}), found).ok
    assert match(read_expectation({"steps": [{"tool": "search"}, {"tool": "send"}]}), found).ok
    assert found.totals.tokens == 5


def test_spans_of_openinference_are_read() -> None:
    told = [
        otlp("llm", "a", "", 0, 1, openinference__span__kind="LLM", llm__model_name="m", llm__token_count__prompt=3),
        otlp("t", "b", "", 1, 2, openinference__span__kind="TOOL", tool__name="find", input__value='{"q": 1}'),
    ]
    (found,) = from_spans(told)
    assert [(step.kind, step.tool) for step in found.steps] == [("model", "m"), ("tool", "find")]
    assert found.calls[0].arguments == {"q": 1}


def test_calls_are_read_from_the_models_answer_where_no_tool_span_exists() -> None:
    parts = [{"type": "tool_call", "id": n, "name": "find", "arguments": {"q": n}} for n in ("1", "2")]
    said = json.dumps([{"role": "assistant", "parts": parts}])
    (found,) = from_spans([otlp("c", "a", "", 0, 1, gen_ai__operation__name="chat", gen_ai__output__messages=said)])
    assert [step.arguments for step in found.calls] == [{"q": "1"}, {"q": "2"}]
    assert len({step.group for step in found.calls}) == 1


# our own event log


def log(*events: Any) -> list[Any]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        e.model_copy(update={"run": "r", "seq": n, "at": start + timedelta(seconds=n)}) for n, e in enumerate(events)
    ]


def wave(*arms: str) -> list[Any]:
    """Every arm hands over, asks a model and calls a tool; the arms take turns."""
    made: list[list[Any]] = []
    for arm in arms:
        who = {"branch": arm, "agent": "a"}
        made.append(
            [
                StepStarted(step=arm, role="a", task="t", branch=arm),
                ModelCalled(model="m", input_tokens=2, **who),
                ToolCalled(call=f"c{arm}", server="s", tool=f"tool{arm}", arguments={}, **who),
                ToolReturned(call=f"c{arm}", server="s", tool=f"tool{arm}", ok=True, result_hash="h", **who),
                StepFinished(step=arm, ok=True, branch=arm),
            ]
        )
    return [event for turn in zip(*made, strict=True) for event in turn]


def test_arms_of_one_wave_run_at_the_same_time_and_waves_follow_each_other() -> None:
    found = from_events(log(*wave("0", "1"), *wave("0", "1"), RunFinished(status="done")))
    known = earlier(found.steps)
    places = [n for n, step in enumerate(found.steps) if step.kind == "tool"]
    first_left, first_right, second_left, _ = places
    assert not known[first_right] >> first_left & 1
    assert known[second_left] >> first_left & 1
    assert known[second_left] >> first_right & 1
    assert found.seconds == 20
    assert found.error is None


def test_an_approval_is_one_step_with_its_decision() -> None:
    asked = ApprovalAsked(approval="p", title="t", request={"server": "mail", "tool": "send", "arguments": {"to": "x"}})
    found = from_events(
        log(asked, ApprovalDecided(approval="p", approved=False, by="user"), RunFinished(status="failed"))
    )
    (step,) = found.steps
    assert (step.kind, step.name, step.ok, step.labels["by"]) == ("approval", "approval mail.send", False, "user")
    assert found.error == "failed: "


async def test_a_real_turn_and_its_own_log_file_agree(wired: Callable[..., Any], tmp_path: Path) -> None:
    from workflows.chat_turn import ChatRequest

    async with wired() as app:
        thread = await app.store.create_thread("t")
        question = ChatRequest(question="How many tracks are there, and what is 12 % of 250?")
        run = await app.engine.drive(await app.engine.submit("chat_turn", question, thread=thread.id))
        events = await app.store.events(run.id)
    found = from_events(events)
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(event.model_dump_json() for event in events))
    assert read_trajectories(file) == [found]
    expected = {
        "steps": [
            {"kind": "handoff", "tool": "planner"},
            {"any_order": [{"agent": "sql", "server": "sql", "tool": "sql_query"}, {"server": "basics"}]},
        ]
    }
    assert match(read_expectation(expected), found).diff == ""


# plain JSON

TEXT = st.text(max_size=8)
STEPS = st.builds(
    Step,
    kind=st.sampled_from(["model", "tool", "handoff", "approval"]),
    tool=TEXT,
    arguments=st.dictionaries(TEXT, st.none() | st.integers() | TEXT, max_size=2),
    ok=st.none() | st.booleans(),
    group=TEXT,
    branch=st.sampled_from(["", "f.0", "f.1/g.2"]),
)


@settings(max_examples=30, deadline=None)
@given(st.builds(Trajectory, case=TEXT, answer=TEXT, steps=st.lists(STEPS, max_size=4)))
def test_what_is_written_as_json_fits_the_published_schema_and_is_read_back(found: Trajectory) -> None:
    told = json.loads(found.model_dump_json())
    jsonschema.validate(told, schema())
    assert Trajectory.model_validate(told) == found


def test_the_published_schema_is_current() -> None:
    rendered = runpy.run_path(str(ROOT / "docs" / "trajectory.py"))["rendered"]
    assert (ROOT / "docs" / "trajectory.schema.json").read_text() == rendered(), "Run `python docs/trajectory.py`."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no trajectory"),
        ("{oops", "file.json:1: not JSON"),
        ('{"steps": [{"kind": "tol"}]}', "steps.0.kind"),
        ('{"context": {}, "name": "x"}', "No span there is a model request"),
        ('[{"parts": 3}]', "no list of PydanticAI messages"),
        ("[1, 2]", "holds no objects"),
        ('{"steps": []}\n[1]', "mixes several forms"),
    ],
)
def test_a_file_that_is_no_trajectory_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        read_trajectories(file)


# what others write may be anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    "gen_ai.operation.name gen_ai.tool.name gen_ai.tool.call.id gen_ai.tool.call.arguments gen_ai.output.messages"
    " gen_ai.input.messages gen_ai.usage.input_tokens gen_ai.agent.name operation.cost test.case.name".split()
)
VALUES = JSON | st.sampled_from(["chat", "execute_tool", "invoke_agent"]) | JSON.map(json.dumps)
SPANS = st.lists(
    st.fixed_dictionaries(
        {"traceId": st.sampled_from("ab"), "spanId": st.sampled_from("pqrs")},
        optional={
            "parentSpanId": st.sampled_from("pqrs") | JSON,
            "name": JSON,
            "startTimeUnixNano": st.integers(0, 9).map(str) | JSON,
            "endTimeUnixNano": JSON,
            "status": JSON,
            "attributes": st.dictionaries(NAMES, VALUES) | JSON,
        },
    ),
    min_size=1,
    max_size=4,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"parts": st.lists(st.dictionaries(st.sampled_from(["part_kind", "tool_name", "args", "content"]), VALUES))},
        optional={"kind": st.sampled_from(["request", "response"]) | JSON, "usage": JSON, "model_name": JSON},
    ),
    min_size=1,
    max_size=3,
)


@given(JSON | SPANS | SPANS.map(lambda spans: {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) | MESSAGES)
@settings(max_examples=200, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_in_words(tmp_path_factory: Any, held: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps(held))
    try:
        found = read_trajectories(file)
    except UserError:
        return
    for each in found:
        assert match(read_expectation({"budget": {"calls": 99}}), each).ok


def test_a_history_with_pictures_several_texts_and_tools_of_the_provider_loses_nothing() -> None:
    asked = [
        {"part_kind": "user-prompt", "content": ["What is this?", {"kind": "image-url", "url": "x"}, "In a word."]}
    ]
    searched = [
        {"part_kind": "builtin-tool-call", "tool_name": "web_search", "tool_call_id": "1", "args": {"q": "cat"}},
        {"part_kind": "builtin-tool-return", "tool_name": "web_search", "tool_call_id": "1", "content": "a page"},
        {"part_kind": "text", "content": "A "},
        {"part_kind": "text", "content": "cat."},
        {"part_kind": "tool-call", "tool_name": "final_results_list", "tool_call_id": "2", "args": "{}"},
    ]
    usage = {"request_tokens": 7, "response_tokens": 3}
    found = from_messages(
        [{"kind": "request", "parts": asked}, {"kind": "response", "parts": searched, "usage": usage}]
    )
    assert (found.input, found.answer) == ("What is this?\nIn a word.", "A cat.")
    assert [(step.tool, step.result) for step in found.calls] == [("web_search", "a page"), ("final_results_list", "")]
    assert found.totals.tokens == 10
