"""What was done is sent as spans to the services that show them, and reads back as it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli import main
from evals.interop.otlp import spans_of, wrapped
from evals.recording.files import read_trajectories
from evals.recording.spans import from_spans
from evals.stored import Manifest, StoredRun
from evals.suite import CaseResult, Outcome, Score
from evals.trajectory import Step, Trajectory


@pytest.fixture
def collector() -> Generator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A stand-in that speaks OTLP over HTTP and keeps what it is sent; one path refuses."""
    got: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(401 if "denied" in self.path else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


@pytest.fixture
def kept(tmp_path: Path) -> StoredRun:
    run = StoredRun.create(tmp_path / "kept", Manifest(model="m", suites={"s": {}}))
    steps = [
        Step(kind="model", tool="m", input_tokens=5, output_tokens=2),
        Step(kind="tool", tool="search", server="web", group="1", arguments={"query": "late fee"}, ok=True),
        Step(kind="tool", tool="search", server="web", group="1", arguments={"query": "hours"}, ok=True),
    ]
    done = Trajectory(input="What does a late book cost?", answer="20 cents", steps=steps)
    scores = [Score(scorer="answer", value=1, verdict="right")]
    outcome = Outcome(answer="20 cents", trajectory=done)
    run.keep("s", CaseResult(case="late-fee", outcome=outcome, scores=scores))
    return run


@pytest.mark.parametrize(
    ("target", "path", "header", "keys"),
    [
        ("collector", "/v1/traces", {}, {}),
        (
            "langfuse",
            "/api/public/otel/v1/traces",
            {"authorization": "Basic cGs6c2s=", "x-langfuse-ingestion-version": "4"},
            {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"},
        ),
    ],
)
def test_a_run_is_sent_over_otlp_and_reads_back_as_it_was(
    target: str,
    path: str,
    header: dict[str, str],
    keys: dict[str, str],
    collector: Any,
    kept: StoredRun,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, got = collector
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    assert main(["eval", "export", str(kept.folder), "--target", target, "--url", url]) == 0
    [(at, headers, body)] = got
    assert at == path
    assert header.items() <= headers.items()
    spans = tmp_path / "spans.json"
    spans.write_bytes(body)
    [read] = read_trajectories(spans)
    assert (read.case, read.answer, read.totals.tokens) == ("late-fee", "20 cents", 7)
    assert [step.arguments for step in read.calls] == [{"query": "late fee"}, {"query": "hours"}]


@pytest.mark.extra
@pytest.mark.parametrize(
    ("target", "path", "header", "project", "keys"),
    [
        ("phoenix", "/v1/traces", {}, "", {}),
        (
            "phoenix",
            "/v1/traces",
            {"authorization": "Bearer ph"},
            "ours",
            {"PHOENIX_API_KEY": "ph", "PHOENIX_PROJECT_NAME": "ours"},
        ),
        ("langsmith", "/otel/v1/traces", {"x-api-key": "ls"}, "", {"LANGSMITH_API_KEY": "ls"}),
        (
            "langsmith",
            "/otel/v1/traces",
            {"x-api-key": "ls", "langsmith-project": "ours"},
            "",
            {"LANGSMITH_API_KEY": "ls", "LANGSMITH_PROJECT": "ours"},
        ),
    ],
)
def test_phoenix_and_langsmith_are_sent_protobuf_into_their_project(
    target: str,
    path: str,
    header: dict[str, str],
    project: str,
    keys: dict[str, str],
    collector: Any,
    kept: StoredRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    url, got = collector
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    assert main(["eval", "export", str(kept.folder), "--target", target, "--url", url]) == 0
    [(at, headers, body)] = got
    assert at == path
    assert {**header, "content-type": "application/x-protobuf"}.items() <= headers.items()
    [block] = service.ExportTraceServiceRequest.FromString(body).resource_spans
    about = {each.key: each.value.string_value for each in block.resource.attributes}
    assert about == {"service.name": "lyceum-evals", **({"openinference.project.name": project} if project else {})}
    spans = block.scope_spans[0].spans
    assert [span.name for span in spans][:2] == ["invoke_agent late-fee", "chat m"]
    assert len(spans[0].trace_id) == 16


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUE = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=2)
SOME = st.integers(0, 10**6)
STEPS = st.builds(
    Step,
    kind=st.sampled_from(["model", "tool", "handoff", "approval"]),
    tool=TEXT,
    server=TEXT,
    agent=st.sampled_from(["", "lead", "mailer"]),
    call=TEXT,
    arguments=st.dictionaries(TEXT, VALUE, max_size=2),
    ok=st.none() | st.booleans(),
    result=TEXT,
    result_hash=TEXT,
    group=st.sampled_from(["", "1", "2"]),
    branch=st.sampled_from(["", "f.0", "f.1/g.2"]),
    input_tokens=SOME,
    cost=st.none() | st.floats(0, 9),
    latency_ms=st.floats(0, 1e6),
    labels=st.dictionaries(TEXT, TEXT, max_size=1),
)
DONE = st.builds(
    Trajectory,
    input=TEXT,
    answer=TEXT,
    output=VALUE,
    declined=st.booleans(),
    error=st.none() | TEXT,
    seconds=st.floats(0, 1e3),
    steps=st.lists(STEPS, max_size=5),
    labels=st.dictionaries(TEXT, TEXT, max_size=1),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(DONE, min_size=1, max_size=3), st.randoms())
def test_what_is_exported_is_read_back_as_the_very_same_trajectories(done: list[Trajectory], chance: Any) -> None:
    results = [
        ("s", CaseResult(case=f"case-{n}", outcome=Outcome(answer=each.answer, trajectory=each), scores=[]))
        for n, each in enumerate(done)
    ]
    spans = list(spans_of(results, run="r", at=10**18))
    chance.shuffle(spans)
    told = json.loads(json.dumps(wrapped(spans)))
    assert from_spans([told]) == [each.model_copy(update={"case": f"case-{n}"}) for n, each in enumerate(done)]


def test_what_cannot_be_sent_says_why_and_no_key_is_told(
    collector: Any, kept: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = collector
    folder = str(kept.folder)
    assert main(["eval", "export", folder, "--target", "langfuse", "--url", url]) == 2
    assert "LANGFUSE_PUBLIC_KEY" in capsys.readouterr().err
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "shown")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "very-secret")
    assert main(["eval", "export", folder, "--target", "langfuse", "--url", f"{url}/denied"]) != 0
    said = capsys.readouterr().err
    assert "answered 401" in said
    assert "very-secret" not in said
    assert main(["eval", "export", folder, "--target", "nowhere", "--url", url]) == 2
    assert main(["eval", "export", folder]) == 2
