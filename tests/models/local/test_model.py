"""A local model chooses among the tools that fit, within their schemas; the engine here is a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelSettings

from lyceum.errors import UserError
from models.local.engine import Completion, Engine
from models.local.model import LocalModel
from models.local.think import Think
from models.offline.skill import Call, Turn


class ScriptedEngine(Engine):
    """Says what it was given to say and keeps the schemas that it was held to."""

    def __init__(self, *said: Any) -> None:
        super().__init__(Path("none.gguf"))
        self.said = [each if isinstance(each, str) else json.dumps(each) for each in said]
        self.schemas: list[dict[str, Any]] = []
        self.prompts: list[Sequence[dict[str, str]]] = []
        self.sampled: list[tuple[float, int]] = []

    async def complete(self, messages: Sequence[dict[str, str]], **options: Any) -> Completion:
        self.schemas.append(options["schema"])
        self.sampled.append((options["temperature"], options["seed"]))
        self.prompts.append(messages)
        return Completion((self.said.pop(0),), prompt_tokens=100, cached_tokens=80, completion_tokens=9)

    def choices(self, request: int) -> list[str]:
        choices = self.schemas[request].get("anyOf", [self.schemas[request]])
        return [each["properties"].get("tool", {}).get("const", "answer") for each in choices]


class Weather(BaseModel):
    city: str
    degrees: float = Field(description="Degrees Celsius.")


class Said(BaseModel):
    text: str


def agent(engine: Engine, **options: Any) -> Agent[None, Any]:
    made: Agent[None, Any] = Agent(LocalModel("local:test", engine), instructions="You help.", **options)

    @made.tool_plain
    def weather_now(city: str) -> str:  # pyright: ignore[reportUnusedFunction]
        """Return the weather of a city now, with its temperature."""
        return f"{city}: 21.5 degrees"

    @made.tool_plain
    def send_invoice(customer: str, cents: int) -> str:  # pyright: ignore[reportUnusedFunction]
        """Send an invoice to a customer."""
        raise AssertionError((customer, cents))

    return made


async def test_it_calls_the_tool_that_fits_and_answers_from_its_result() -> None:
    engine = ScriptedEngine({"tool": "weather_now", "arguments": {"city": "Oslo"}}, {"answer": "21.5 degrees."})
    result = await agent(engine).run("What is the weather in the city of Oslo now?")
    assert result.output == "21.5 degrees."
    assert engine.choices(0) == ["weather_now", "answer"]
    assert "Oslo: 21.5 degrees" in engine.prompts[1][-1]["content"]


async def test_a_request_that_fits_no_tool_can_only_be_answered() -> None:
    engine = ScriptedEngine({"answer": "Hello."})
    await agent(engine).run("Good morning, friend!")
    assert engine.choices(0) == ["answer"]


async def test_the_system_text_is_the_same_for_every_request_so_that_its_prefix_stays_in_cache() -> None:
    engine = ScriptedEngine({"answer": "a"}, {"answer": "b"})
    for request in ("Good morning!", "What is the weather in the city of Rome now?"):
        await agent(engine).run(request)
    assert engine.prompts[0][0] == engine.prompts[1][0]


async def test_a_typed_output_is_one_of_the_choices_and_its_schema_has_no_references() -> None:
    engine = ScriptedEngine({"answer": {"city": "Oslo", "degrees": 21.5}})
    result = await agent(engine, output_type=Weather).run("How warm is it?")
    assert result.output == Weather(city="Oslo", degrees=21.5)
    assert "$ref" not in json.dumps(engine.schemas)


async def test_an_output_that_was_cut_off_is_asked_for_again() -> None:
    engine = ScriptedEngine('{"answer": {"city": "Os', {"answer": {"city": "Oslo", "degrees": 21.5}})
    assert (await agent(engine, output_type=Weather).run("How warm is it?")).output.city == "Oslo"


async def test_without_a_temperature_it_answers_alike_and_with_one_each_time_anew() -> None:
    engine = ScriptedEngine(*[{"answer": "Hello."}] * 6)
    for settings in ({}, {}, {"temperature": 0.7}, {"temperature": 0.7}, *[{"temperature": 0.7, "seed": 3}] * 2):
        await agent(engine).run("Good morning!", model_settings=ModelSettings(**settings))
    cold, again, warm, anew, seeded, same = engine.sampled
    assert cold == again == (0.0, 1)
    assert warm[0] == anew[0] == 0.7
    assert warm[1] != anew[1]
    assert seeded == same == (0.7, 3)


async def test_what_it_costs_is_counted_with_the_share_of_the_prefix_cache() -> None:
    result = await agent(ScriptedEngine({"answer": "Hello."})).run("Good morning!")
    assert (result.usage.input_tokens, result.usage.cache_read_tokens, result.usage.output_tokens) == (100, 80, 9)


@pytest.mark.parametrize("streamed", [False, True])
async def test_how_many_samples_asked_for_a_call_is_known_when_it_has_run(streamed: bool) -> None:
    async def guide(turn: Turn, _think: Think) -> Sequence[Call] | BaseModel:
        ran = turn.of("weather_now")
        return Said(text=f"{ran[0].votes} votes") if ran else [Call("weather_now", {"city": "Oslo"}, votes=4)]

    guided = agent(ScriptedEngine())
    with guided.override(model=LocalModel("local:test", ScriptedEngine(), guide)):
        if streamed:
            async with guided.run_stream("How warm is it?") as result:
                said = await result.get_output()
        else:
            said = (await guided.run("How warm is it?")).output
    assert said == "4 votes"


async def test_a_file_that_is_no_model_says_to_pull_it_again(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(4096))
    with pytest.raises(UserError, match="no model") as caught:
        await Engine(broken).complete([{"role": "user", "content": "Hello"}])
    assert "lyceum models pull" in caught.value.next_step
