"""The matrix: every wire, whole and streamed, with what it can say and everything that goes wrong on it.

Rows are what happens, columns the wires of `wires/places.py`. Each stands for a model as the resolver makes it, asked
over real HTTP, so what is checked is what an agent of ours would see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel

from lyceum.errors import LimitReached, LyceumError, OperatorError, Unavailable
from lyceum.settings import FallbackSettings, load_settings
from mcp_servers.providers.practice.faults import KEY as SECRET
from mcp_servers.providers.practice.said import Call, Says
from mcp_servers.providers.practice.serve import Fault, StandIn, running
from models.errors import friendly, kind_of
from models.fallback import Chain, candidates
from models.resolve import ResolvedModels
from tests.models.wires import asking
from tests.models.wires.asking import Told
from tests.models.wires.places import AWS_KEY, PLACES, Place
from tests.models.wires.signature import signed

TEXT = "It rains in Lisbon, and the sun shines in Oslo; take an umbrella to the first."
LISBON, OSLO = Call("weather", {"city": "Lisbon", "day": 1}), Call("weather", {"city": "Oslo", "day": 2})
CUT = Call("weather", {"city": "Lisbon", "day": 1}, cut=True)


@dataclass(frozen=True)
class End:
    """How a request ends for the one who asked: the error of ours, who is asked next, and how long to wait."""

    error: type[LyceumError]
    says: str
    step: str
    kind: str
    falls_back: bool


LATER = "lyceum chat -c"
ENDS: dict[str, End] = {
    "rate_limit": End(Unavailable, "takes no more requests now", LATER, "rate_limit", falls_back=True),
    "server_error": End(Unavailable, "the provider failed", LATER, "server_error", falls_back=True),
    "malformed": End(Unavailable, "sent an answer that cannot be read", LATER, "unreadable", falls_back=True),
    "key": End(OperatorError, "refused the key", "Set a valid key", "key", falls_back=False),
    "overflow": End(LimitReached, "longer than", "Start a new thread", "context", falls_back=False),
    "filter": End(OperatorError, "content filter stopped", "Put it differently", "filter", falls_back=False),
    "disconnect": End(Unavailable, "broke off in mid-answer", LATER, "connection", falls_back=True),
}
WAITS = {"bedrock": None, "ollama": None}  # these name no wait with a 429; all others ask for seven seconds

# botocore takes the half of an answer for the whole, and then cannot read it: it falls back all the same.
OTHERWISE = {("bedrock", "disconnect", False): ENDS["malformed"]}
# What has no words in `faults.py` cannot happen there, and nothing else is missing: see the last test.
NEVER = {("openai-compatible", "filter"), ("ollama", "filter"), ("ollama", "key")}


def column(name: str) -> Any:
    """A wire as a test's parameter; Bedrock's client is an optional package."""
    return pytest.param(name, marks=[pytest.mark.extra] if name == "bedrock" else [])


COLUMNS = [column(name) for name in PLACES]
BREAKING = [column(name) for name, place in PLACES.items() if "in_stream" in place.goes_wrong]
BOTH = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
CELLS = [
    pytest.param(name, row, id=f"{row}-{name}", marks=[pytest.mark.extra] if name == "bedrock" else [])
    for row in ENDS
    for name, place in PLACES.items()
    if row in (*place.goes_wrong, "malformed", "disconnect")
]


class Bench:
    """The stand-in, one event loop and one model a wire, shared by all cells: making a client costs more than a cell."""

    def __init__(self, provider: StandIn) -> None:
        self.provider = provider
        self.runner = asyncio.Runner()
        self._made: dict[str, ResolvedModels] = {}

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def model(self, name: str) -> Model:
        """Return the model of a wire, made as the product makes it; a new breaker and gate for every cell."""
        place = PLACES[name]
        environment = place.variables(self.provider.url)
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in environment.items():
                if variable.startswith("AWS_"):  # boto3 reads the process's own
                    patch.setenv(variable, value)
            if name not in self._made:
                self._made[name] = ResolvedModels(load_settings(environment=environment), environment)
            return self._made[name].get(place.model)

    def rested(self) -> None:
        """Forget what went wrong before: pauses that providers asked for, and breakers that opened."""
        for models in self._made.values():
            wires = {name: candidates(model)[0] for name, model in models._made.items()}
            models._gates.clear()
            for name, wire in wires.items():
                models._made[name] = models._wrapped(wire, name.partition(":")[0])

    def close(self) -> None:
        for models in self._made.values():
            self.run(models.close())
        self.runner.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with running(lambda _heard: Says(TEXT)) as provider:
        bench = Bench(provider)
        yield bench
        bench.close()


@pytest.fixture(autouse=True)
def _fresh(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    bench.provider.forget()
    bench.rested()


def ask(bench: Bench, model: Model, *, streams: bool) -> Told:
    return bench.run(asking.ask(model, streams=streams))


def second() -> Model:
    """Another provider, which is well."""

    def well(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart("from the second")])

    async def streamed(_messages: list[ModelMessage], _info: AgentInfo) -> Any:
        yield "from the second"

    return FunctionModel(well, stream_function=streamed, model_name="second")


def spoil(provider: StandIn, place: Place, row: str) -> None:
    fault = {"malformed": Fault(broken=f'{{"id": {SECRET}'), "disconnect": Fault(dies=True)}.get(
        row
    ) or place.goes_wrong[row]
    provider.faults.append(fault)


@BOTH
@pytest.mark.parametrize("wire", COLUMNS)
def test_an_answer_arrives_with_its_count(bench: Bench, wire: str, streams: bool) -> None:
    told = ask(bench, bench.model(wire), streams=streams)
    assert (told.error, told.text) == (None, TEXT)
    assert (told.input_tokens, told.output_tokens) == (100, 20)
    assert told.pieces > 2 if streams else told.pieces == 0
    [asked] = bench.provider.asked
    place = PLACES[wire]
    assert asked.path == (place.streamed_at if streams and place.streamed_at else place.path)


@BOTH
@pytest.mark.parametrize("wire", COLUMNS)
def test_two_tools_are_called_at_once_and_both_results_go_back(bench: Bench, wire: str, streams: bool) -> None:
    bench.provider.says = [Says(calls=(LISBON, OSLO)), Says(TEXT)]
    told = ask(bench, bench.model(wire), streams=streams)
    assert (told.error, told.text) == (None, TEXT)
    assert sorted(told.days) == [("Lisbon", 1), ("Oslo", 2)]
    _, back = bench.provider.asked
    sent = back.raw.decode()
    assert "Lisbon on day 1: rain" in sent
    assert "Oslo on day 2: rain" in sent


@BOTH
@pytest.mark.parametrize("wire", COLUMNS)
def test_arguments_that_were_cut_are_sent_back_and_asked_for_again(bench: Bench, wire: str, streams: bool) -> None:
    bench.provider.says = [Says(calls=(CUT,)), Says(calls=(LISBON,)), Says(TEXT)]
    told = ask(bench, bench.model(wire), streams=streams)
    assert (told.error, told.text, told.days) == (None, TEXT, [("Lisbon", 1)])
    assert len(bench.provider.asked) == 3


@BOTH
@pytest.mark.parametrize("wire", COLUMNS)
def test_a_call_that_the_longest_answer_cut_ends_the_turn(bench: Bench, wire: str, streams: bool) -> None:
    bench.provider.says = [Says(calls=(CUT,), why="length")] * 3
    told = ask(bench, bench.model(wire), streams=streams)
    assert told.days == []
    assert told.error is not None
    ours = friendly(told.error)
    assert isinstance(ours, (LimitReached, Unavailable)), ours
    assert SECRET not in str(ours)


@BOTH
@pytest.mark.parametrize(("wire", "row"), CELLS)
def test_what_goes_wrong_is_told_as_ours_and_another_model_answers_where_that_helps(
    bench: Bench, caplog: pytest.LogCaptureFixture, wire: str, row: str, streams: bool
) -> None:
    place, end = PLACES[wire], OTHERWISE.get((wire, row, streams), ENDS[row])
    spoil(bench.provider, place, row)
    with caplog.at_level(logging.DEBUG, logger="models"):
        told = ask(bench, bench.model(wire), streams=streams)
        assert told.error is not None, told
        ours = friendly(told.error)
    assert type(ours) is end.error, ours
    assert end.says in ours.message
    assert end.step in ours.next_step
    assert SECRET not in str(ours) + caplog.text
    assert "Traceback" not in str(ours)
    assert kind_of(told.error) == end.kind
    assert len(bench.provider.asked) == 1, "asked once: the engine alone retries"
    if row == "rate_limit":
        assert isinstance(ours, Unavailable)
        assert ours.retry_after == WAITS.get(wire, 7.0)

    bench.provider.forget()
    bench.rested()
    spoil(bench.provider, place, row)
    told = ask(bench, Chain([bench.model(wire), second()], FallbackSettings().on), streams=streams)
    # What has been streamed is never said twice: a stream that breaks off stays with the model that began it.
    helps = end.falls_back and not (streams and row == "disconnect")
    assert (told.text == "from the second") is helps, told
    assert len(bench.provider.asked) == 1


@pytest.mark.parametrize("wire", BREAKING)
def test_an_error_inside_a_stream_is_one_of_the_provider(bench: Bench, wire: str) -> None:
    spoil(bench.provider, PLACES[wire], "in_stream")
    told = ask(bench, bench.model(wire), streams=True)
    assert told.error is not None
    ours = friendly(told.error)
    assert isinstance(ours, Unavailable), ours
    assert SECRET not in str(ours)


@pytest.mark.parametrize("wire", COLUMNS)
def test_the_key_goes_where_its_wire_has_it_and_nowhere_else(bench: Bench, wire: str) -> None:
    ask(bench, bench.model(wire), streams=False)
    [asked] = bench.provider.asked
    carried = [name for name, value in asked.headers.items() if SECRET in value]
    expected: dict[str, list[str]] = {
        "google": ["x-goog-api-key"],
        "azure": ["api-key"],
        "ollama": [],
        "bedrock": [],
    }
    assert carried == expected.get(wire, ["authorization"])
    assert SECRET not in asked.raw.decode() + asked.query
    if wire == "azure":
        assert asked.query == "api-version=2026-06-01"
    if wire == "bedrock":
        assert AWS_KEY in asked.headers["authorization"]
        assert signed(asked.raw_path, asked.headers, asked.raw, AWS_KEY, SECRET)
        assert not signed(asked.raw_path, asked.headers, asked.raw, AWS_KEY, "another")


def test_no_cell_of_the_matrix_is_missing() -> None:
    cells = {(cell.values[0], cell.values[1]) for cell in CELLS}
    assert cells == {(name, row) for name in PLACES for row in ENDS} - NEVER
