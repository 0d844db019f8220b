"""Files of spans as they come: sent twice, cut, packed, over several files, of collectors and of other tracers."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from evals.recording.files import read_trajectories
from evals.trajectory import Trajectory
from lyceum.errors import UserError

SECOND = 10**9


def span(number: int, parent: int, operation: str, name: str, start: int, end: int, trace: str = "t1") -> Any:
    about = {"gen_ai.operation.name": operation, "gen_ai.agent.name" if operation == "invoke_agent" else "name": name}
    if operation == "execute_tool":
        about["gen_ai.tool.name"] = name
        about["gen_ai.tool.call.arguments"] = json.dumps({"n": number})
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": f"{operation} {name}",
        "startTimeUnixNano": str(start * SECOND),
        "endTimeUnixNano": str(end * SECOND),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in about.items()],
    }


def work(trace: str = "t1", at: int = 100) -> list[Any]:
    return [
        span(1, 0, "invoke_agent", "lead", at, at + 9, trace),
        span(2, 1, "chat", "m", at, at + 1, trace),
        span(3, 1, "execute_tool", "search", at + 2, at + 3, trace),
        span(4, 1, "execute_tool", "send", at + 4, at + 5, trace),
    ]


def wrapped(spans: list[Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def lines(*items: Any) -> bytes:
    return "\n".join(json.dumps(item) for item in items).encode()


def read(tmp_path: Path, *files: bytes) -> list[Trajectory]:
    paths = [tmp_path / f"{number}.json" for number in range(len(files))]
    for path, held in zip(paths, files, strict=True):
        path.write_bytes(held)
    return read_trajectories(*paths)


@pytest.fixture
def whole(tmp_path: Path) -> Trajectory:
    (found,) = read(tmp_path, lines(wrapped(work())))
    assert [step.name for step in found.steps] == ["handoff lead", "lead: model", "lead: search", "lead: send"]
    assert found.seconds == 9
    return found


def test_however_the_spans_are_cut_and_packed_they_are_the_same_trajectory(tmp_path: Path, whole: Trajectory) -> None:
    spans = work()
    assert read(tmp_path, lines(wrapped(spans + spans[1:3]), wrapped(spans[:2]))) == [whole]  # sent again
    assert read(tmp_path, lines(*[wrapped([each]) for each in reversed(spans)])) == [whole]  # as a collector writes
    assert read(tmp_path, lines(wrapped(spans[2:])), lines(wrapped(spans[:2]))) == [whole]
    assert read(tmp_path, gzip.compress(lines(wrapped(spans)))) == [whole]
    assert read(tmp_path, lines(*random.Random(1).sample(spans, 4))) == [whole]
    logs = {"resourceLogs": [{"scopeLogs": []}]}
    assert read(tmp_path, lines(logs, wrapped(spans), {"resourceMetrics": []})) == [whole]


def test_a_span_that_was_sent_before_it_ended_counts_as_it_ended(tmp_path: Path, whole: Trajectory) -> None:
    begun = {**work()[2], "endTimeUnixNano": "0", "attributes": work()[2]["attributes"][:1]}
    assert read(tmp_path, lines(wrapped([begun, *work(), begun]))) == [whole]


def test_several_traces_are_several_trajectories_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    found = read(tmp_path, lines(wrapped(work("late", 500)), wrapped(work("early", 100))))
    assert [each.labels["trace"] for each in found] == ["early", "late"]


def test_what_a_span_does_not_say_takes_nothing_from_the_others(tmp_path: Path, whole: Trajectory) -> None:
    lead, chat, search, send = work()
    (endless,) = read(tmp_path, lines(wrapped([lead, chat, search, {**send, "endTimeUnixNano": "0"}])))
    assert (endless.calls[1].latency_ms, endless.seconds) == (0, 9)
    (timeless,) = read(tmp_path, lines(wrapped([lead, chat, search, {**send, "startTimeUnixNano": "0"}])))
    assert [step.tool for step in timeless.steps] == [step.tool for step in whole.steps]
    assert timeless.seconds == 9
    nameless = [{**each, "spanId": ""} for each in (search, send)]
    (found,) = read(tmp_path, lines(wrapped([lead, chat, *nameless])))
    assert [step.arguments for step in found.calls] == [{"n": 3}, {"n": 4}]
    (orphan,) = read(tmp_path, lines(wrapped([search, send])))
    assert [(step.tool, step.agent) for step in orphan.steps] == [("search", ""), ("send", "")]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"", "holds no trajectory"),
        (lines(wrapped(work()))[:-40], "0.json:1: not JSON"),
        (b"\x0a\xc2\x03\x12\x80\xff\xfe", "protobuf is not read"),
        (b"\x28\xb5\x2f\xfd\x00", "zstd -d"),
        (gzip.compress(lines(wrapped(work())))[:-20], "broken gzip"),
        (json.dumps({"data": [{"traceID": "a", "spans": []}]}).encode(), "Jaeger"),
        (json.dumps([{"traceId": "a", "id": "b", "name": "c", "timestamp": 1}]).encode(), "Zipkin"),
        (lines({"resourceLogs": []}), "logs or metrics, and no spans"),
        (lines(wrapped([])), "No span there is a model request"),
        (lines(wrapped([{**each, "traceId": ""} for each in work()])), "has no trace id"),
        ("[1]".encode("utf-16"), "not text in UTF-8"),
    ],
)
def test_what_is_no_file_of_spans_is_refused_with_what_to_do(tmp_path: Path, held: bytes, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(tmp_path, held)
    assert said in str(refused.value)


def test_ten_thousand_traces_are_read_in_seconds(tmp_path: Path) -> None:
    held = lines(*[wrapped(work(f"t{n}", n)) for n in range(10_000)])
    began = time.process_time()
    assert len(read(tmp_path, held)) == 10_000
    assert time.process_time() - began < 15
