"""Spans that other people's instrumentations wrote are the same trajectory, whatever their convention.

`foreign/spans` holds what they wrote of one piece of work: two searches in one message, then a second agent, which
sends a mail to a wrong address and then to the right one. Written by pydantic-ai 1 (events) and 2.68, langchain 1.5
with OpenInference 0.1.80 and OpenLLMetry 0.62, openai-agents 0.24 with OpenInference 2.6, strands-agents 1.62 (both of
its conventions), google-adk 2.13, and by hand with the OpenTelemetry SDK 1.45. Texts that nobody reads are cut out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from evals.matching import match
from evals.matching.expectation import read_expectation
from evals.recording.files import read_trajectories
from evals.recording.spans import from_spans
from evals.trajectory import Step, Trajectory
from lyceum.errors import UserError

SPANS = Path(__file__).parent / "foreign" / "spans"
WROTE = sorted(path.stem for path in SPANS.glob("*.jsonl"))
QUESTION = "What does a late book cost, and when is the library open?"
HANDS_OVER_FOR_GOOD = ("google_adk", "openai_agents_openinference")  # the others call the second agent as a tool
WITHOUT_RESULTS = ("by_hand_1_36",)


def read(name: str) -> Trajectory:
    (found,) = read_trajectories(SPANS / f"{name}.jsonl")
    return found


def searched(text: str) -> dict[str, Any]:
    return {"tool": "search", "agent": "lead", "arguments": {"query": {"$contains": text}}, "exactly": True, "ok": True}


def mailed(to: str, *, ok: bool) -> dict[str, Any]:
    return {"tool": "send_mail", "agent": "mailer", "arguments": {"to": to, "text": "x"}, "exactly": True, "ok": ok}


def what_should_happen(name: str) -> dict[str, Any]:
    ask = {"tool": "ask_mailer", "agent": "lead", "arguments": {"to": "ada@example.org"}, "exactly": True, "ok": True}
    hand = {"google_adk": [{"tool": "transfer_to_agent"}], "openai_agents_openinference": []}.get(name, [ask])
    return {
        "steps": [
            {"one_message": [searched("opening hours"), searched("late fee")]},
            *hand,
            mailed("ada", ok=False),
            mailed("ada@example.org", ok=True),
        ],
        "extra": "forbid",
        "budget": {"calls": 5, "model_calls": 6, "loops": 1, "seconds": 1},
        "answer": {"$exact": "20 cents a day; open nine to five."},
    }


@pytest.mark.parametrize("name", WROTE)
def test_what_others_recorded_is_read_in_full(name: str) -> None:
    found = read(name)
    wanted = what_should_happen(name)
    assert match(read_expectation(wanted), found).diff == ""
    assert found.input == QUESTION
    models = [step for step in found.steps if step.kind == "model"]
    assert len(models) == (5 if name in HANDS_OVER_FOR_GOOD else 6)
    assert all(step.input_tokens > 9 and step.output_tokens > 3 for step in models)
    assert {step.agent for step in models} == {"lead", "mailer"}
    if name not in WITHOUT_RESULTS:
        results = [step.result for step in found.calls if step.tool == "search"]
        assert ["late fee page" in results[0], "opening hours page" in results[1]] == [True, True]
        assert all(step.result_hash for step in found.calls)
    if name not in (
        "langchain_openinference",
    ):  # it names its agents on their spans, and has no span of an agent's own
        assert any((step.kind, step.tool) == ("handoff", "mailer") for step in found.steps)


@pytest.mark.parametrize("name", WROTE)
@pytest.mark.parametrize("change", ["late", "mailer", "x", "one_message", "extra"])
def test_what_they_did_otherwise_is_named(name: str, change: str) -> None:
    wanted: Any = json.dumps(what_should_happen(name))
    if change == "extra":
        wanted = json.loads(wanted)
        del wanted["steps"][-1]
    elif change == "one_message":
        wanted = json.loads(wanted)
        wanted["steps"] = [{"one_message": [searched("late fee"), mailed("ada", ok=False)]}]
        wanted["extra"] = "allow"
    else:
        right = {"late": "late fee", "mailer": '"agent": "mailer"', "x": '"text": "x"'}[change]
        wrong = {"late": "weather", "mailer": '"agent": "lead"', "x": '"text": "y"'}[change]
        wanted = json.loads(wanted.replace(right, wrong))
    found = match(read_expectation(wanted), read(name))
    assert not found.ok
    assert found.diff.count("\n! ") >= 1


def test_they_are_scored_by_the_command_together(tmp_path: Path) -> None:
    """One file of every emitter's spans: each is a trial of the case whose input it was asked."""
    spans = tmp_path / "spans.jsonl"
    spans.write_text("".join((SPANS / f"{name}.jsonl").read_text() for name in WROTE))
    wanted = {"steps": what_should_happen("by_hand")["steps"][:1]}
    cases = tmp_path / "cases.yaml"
    cases.write_text(json.dumps([{"id": "late", "input": QUESTION, "expected": {"trajectory": wanted}}]))
    assert main(["eval", "score", str(spans), "--cases", str(cases)]) == 0
    assert len(read_trajectories(spans)) == len(WROTE)


# single spans


def span(name: str, number: int, parent: int = 0, **about: Any) -> dict[str, Any]:
    given = {key.replace("__", "."): value for key, value in about.pop("attributes", {}).items()}
    return {
        "context": {"trace_id": "t", "span_id": str(number)},
        "parent_id": str(parent) if parent else None,
        "name": name,
        "start_time": f"2026-01-01T00:00:{number:02}Z",
        "end_time": f"2026-01-01T00:00:{number + 1:02}Z",
        "attributes": given,
        **about,
    }


def chat(number: int, parent: int = 0, **attributes: Any) -> dict[str, Any]:
    return span("chat m", number, parent, attributes={"gen_ai__operation__name": "chat", **attributes})


def tool(name: str, number: int, parent: int = 0, **attributes: Any) -> dict[str, Any]:
    told = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": name}
    return span(f"execute_tool {name}", number, parent, attributes={**told, **attributes})


def steps(*spans: dict[str, Any]) -> list[Step]:
    (found,) = from_spans(spans)
    return found.steps


def test_a_call_and_its_mcp_client_and_server_are_one_step_of_that_server() -> None:
    mcp = {"mcp__method__name": "tools/call", "gen_ai__tool__name": "find"}
    client = span("tools/call find", 2, 1, attributes={**mcp, "server__address": "docs.example"})
    server = span("tools/call find", 3, 2, attributes=mcp)
    listing = span("tools/list", 4, 1, attributes={"mcp__method__name": "tools/list"})
    (step,) = steps(tool("find", 1, gen_ai__tool__call__arguments='{"q": 1}'), client, server, listing)
    assert (step.name, step.arguments) == ("docs.example.find", {"q": 1})


def test_a_request_that_two_instrumentations_saw_is_counted_once() -> None:
    inner = chat(2, 1, gen_ai__usage__input_tokens=7, gen_ai__usage__output_tokens=2)
    (step,) = steps(chat(1), inner)
    assert (step.input_tokens, step.output_tokens) == (7, 2)


def test_making_an_agent_is_no_run_of_it() -> None:
    made = span("create_agent a", 1, attributes={"gen_ai__operation__name": "create_agent"})
    other = {**chat(2), "context": {"trace_id": "u", "span_id": "2"}}
    (found,) = from_spans([made, other])
    assert [step.kind for step in found.steps] == ["model"]


def test_tokens_of_an_agent_whose_requests_are_not_seen_are_counted() -> None:
    usage = {"gen_ai__usage__input_tokens": 9, "gen_ai__usage__output_tokens": 1}
    agent = span("invoke_agent far", 1, attributes={"gen_ai__operation__name": "invoke_agent", **usage})
    (found,) = from_spans([agent])
    assert found.totals.tokens == 10
    (seen,) = from_spans([agent, chat(2, 1, **usage)])
    assert seen.totals.tokens == 10


def test_a_tools_schema_is_not_what_it_was_called_with() -> None:
    schema = json.dumps({"type": "object", "properties": {"q": {"type": "string"}}})
    given = {"openinference__span__kind": "TOOL", "tool__parameters": schema, "input__value": '{"q": "a"}'}
    assert steps(span("find", 1, attributes=given))[0].arguments == {"q": "a"}
    assert steps(span("find", 1, attributes={**given, "input__value": ""}))[0].arguments == {}


def test_a_search_for_documents_is_a_call_unless_a_tool_makes_it() -> None:
    retriever = {"openinference__span__kind": "RETRIEVER", "input__value": "late fee"}
    (step,) = steps(span("retrieve", 1, attributes=retriever))
    assert (step.kind, step.tool, step.arguments) == ("tool", "retrieve", {"query": "late fee"})
    assert [step.tool for step in steps(tool("find", 1), span("retrieve", 2, 1, attributes=retriever))] == ["find"]


def test_results_of_calls_without_spans_are_in_the_messages_after() -> None:
    asks = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": 1}}]}]
    told = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"hits": 3}}]}]
    found = steps(chat(1, gen_ai__output__messages=json.dumps(asks)), chat(2, gen_ai__input__messages=json.dumps(told)))
    assert [(step.kind, step.result) for step in found] == [("model", ""), ("tool", '{"hits": 3}'), ("model", "")]


def test_a_call_that_no_message_asks_for_is_of_no_message() -> None:
    asks = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": 1}}]}]
    asked, done, by_itself = steps(chat(1, gen_ai__output__messages=json.dumps(asks)), tool("find", 2), tool("log", 3))
    assert (asked.kind, done.tool, by_itself.tool) == ("model", "find", "log")
    assert done.group != by_itself.group == ""
    _, one, other = steps(chat(1), tool("find", 2), tool("log", 3))  # what was asked for is not known
    assert one.group == other.group != ""


def test_what_is_said_beside_a_call_is_no_answer() -> None:
    parts = [{"type": "text", "content": "Let me look."}, {"type": "tool_call", "id": "1", "name": "find"}]
    (found,) = from_spans([chat(1, gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": parts}]))])
    assert found.answer == ""
    assert [step.tool for step in found.calls] == ["find"]


def test_spans_printed_over_several_lines_are_read_and_a_broken_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    wide = chat(1, gen_ai__output__messages=json.dumps([{"role": "assistant", "content": "a\u2028b"}]))
    file.write_text("\n".join(json.dumps(each, indent=4, ensure_ascii=False) for each in (wide, tool("find", 2))))
    (found,) = read_trajectories(file)
    assert (found.answer, [step.tool for step in found.calls]) == ("a\u2028b", ["find"])
    file.write_text('{"context": {}}\n\n{"context": ')
    with pytest.raises(UserError, match=r"console\.json:3: not JSON"):
        read_trajectories(file)


def test_instrumentations_that_name_things_their_own_way_are_read() -> None:
    """smolagents by OpenInference, and the decorators of OpenLLMetry."""
    task = {"openinference__span__kind": "AGENT", "input__value": '{"task": "late?", "reset": true}'}
    task["smolagents__max_steps"] = 2
    wrapped = {
        "openinference__span__kind": "TOOL",
        "tool__name": "search",
        "input__value": '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"query": "late"}}',
        "tool__parameters": '{"query": {"type": "string", "description": "what"}}',
    }
    (found,) = from_spans([span("lead.run", 1, attributes=task), span("SimpleTool", 2, 1, attributes=wrapped)])
    assert (found.input, found.calls[0].arguments) == ("late?", {"query": "late"})
    assert found.calls[0].agent == "lead"
    decorated = {"traceloop__span__kind": "tool", "traceloop__entity__name": "search"}
    (other,) = from_spans(
        [
            span("w", 1, attributes={"traceloop__entity__input": '{"args": ["late?"], "kwargs": {}}'}),
            span(
                "t", 2, 1, attributes={**decorated, "traceloop__entity__input": '{"args": ["x"], "kwargs": {"n": 1}}'}
            ),
        ]
    )
    assert (other.input, other.calls[0].tool, other.calls[0].arguments) == ("late?", "search", {"n": 1, "args": ["x"]})
