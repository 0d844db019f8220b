"""What stands between an agent and a provider: chains, limits, the breaker and kept answers, over a scripted model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAuthenticationError,
    ModelRateLimitError,
    ModelServerError,
)
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, PartStartEvent, TextPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.function import AgentInfo, FunctionModel

from lyceum.errors import OperatorError, Unavailable, UserError
from lyceum.settings import BreakerSettings, CacheSettings, LimitSettings, load_settings
from models.answer_store import AnswerStore
from models.breaker import BreakerModel, BrokenModel
from models.cache import KEPT, CachedModel, uncached
from models.errors import friendly
from models.fallback import Chain, candidates
from models.limits import Gate, LimitedModel
from models.resolve import ResolvedModels

ON = ("rate_limit", "server_error")
COLD: Any = {"temperature": 0}
SECRET = "sk-planted-4242-never-to-be-seen"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A model that says or raises what it is told to, and counts how often it was asked."""

    def __init__(self, *says: str | Exception, name: str = "scripted") -> None:
        self.says = list(says)
        self.asked = 0
        self.model = FunctionModel(self._answer, model_name=name)

    def _answer(self, _messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        self.asked += 1
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return ModelResponse(parts=[TextPart(said)], finish_reason="stop")


async def ask(model: Model, text: str = "Hello?", settings: Any = None) -> ModelResponse:
    return await model.request([ModelRequest.user_text_prompt(text)], settings, ModelRequestParameters())


async def test_the_next_model_answers_and_what_is_kept_of_the_first_holds_none_of_its_text() -> None:
    first = Scripted(ModelServerError("first", f"you sent {SECRET}"), name="first")
    second = Scripted("hello", name="second")
    response = await ask(Chain([first.model, second.model], ON))
    assert (response.text, response.model_name) == ("hello", "second")
    [attempt] = response.failed_attempts or []
    assert (attempt.model_name, attempt.error) == ("first", "ModelServerError")


async def test_a_refused_key_is_told_rather_than_hidden_by_another_model() -> None:
    second = Scripted("hello")
    chain = Chain([Scripted(ModelAuthenticationError("first", "no")).model, second.model], ON)
    with pytest.raises(ModelAuthenticationError):
        await ask(chain)
    assert second.asked == 0


async def test_when_nobody_answers_each_is_named_and_the_shortest_wait_is_told() -> None:
    late = [ModelRateLimitError(name, SECRET, retry_after=wait) for name, wait in (("one", 9.0), ("two", 4.0))]
    with pytest.raises(FallbackExceptionGroup) as raised:
        await ask(Chain([Scripted(error).model for error in late], ON))
    told = friendly(raised.value)
    assert isinstance(told, Unavailable)
    assert told.retry_after == 4.0
    assert "one" in told.message
    assert "two" in told.message
    assert SECRET not in str(told)


def test_those_who_may_answer_are_found_through_chains_and_wrappers() -> None:
    one, two = Scripted("a", name="one").model, Scripted("b", name="two").model
    chain = Chain([BreakerModel(one, BreakerSettings()), two], ON)
    assert [each.model_name for each in candidates(chain)] == ["one", "two"]


async def test_a_breaker_opens_after_failures_in_a_row_tries_once_after_its_pause_and_closes_on_an_answer() -> None:
    clock, down = Clock(), ModelServerError("scripted", "down")
    scripted = Scripted(down, down, down, "up")
    model = BreakerModel(scripted.model, BreakerSettings(failures=2, seconds=30), clock)
    for _ in range(2):
        with pytest.raises(ModelServerError):
            await ask(model)
    with pytest.raises(BrokenModel) as left_alone:
        await ask(model)
    assert (scripted.asked, left_alone.value.retry_after) == (2, 30)
    clock.now += 31
    with pytest.raises(ModelServerError):  # the one trial fails: open again
        await ask(model)
    with pytest.raises(BrokenModel):
        await ask(model)
    clock.now += 31
    assert (await ask(model)).text == "up"
    assert (await ask(model)).text == "up"


async def test_a_refusal_says_nothing_about_a_models_health() -> None:
    model = BreakerModel(Scripted(ModelAuthenticationError("m", "no")).model, BreakerSettings(failures=1))
    for _ in range(3):
        with pytest.raises(ModelAuthenticationError):
            await ask(model)


async def test_the_pause_that_a_provider_asks_for_holds_for_all_its_models() -> None:
    clock = Clock()
    gate = Gate(LimitSettings(), clock)
    busy = LimitedModel(Scripted(ModelRateLimitError("a", "slow", retry_after=20)).model, gate)
    other = Scripted("hello")
    with pytest.raises(ModelRateLimitError):
        await ask(busy)
    with pytest.raises(ModelRateLimitError) as held:
        await ask(LimitedModel(other.model, gate))
    assert (other.asked, held.value.retry_after) == (0, 20)
    clock.now += 20
    assert (await ask(LimitedModel(other.model, gate))).text == "hello"


@pytest.mark.parametrize("limit", [{"requests_per_minute": 2}, {"tokens_per_minute": 6}])
async def test_a_request_too_many_is_refused_until_a_minute_has_passed(limit: dict[str, int]) -> None:
    clock, scripted = Clock(), Scripted("x")
    model = LimitedModel(scripted.model, Gate(LimitSettings(**limit, wait=0), clock))
    while scripted.asked < 2 and not limit.get("tokens_per_minute"):
        await ask(model)
    if limit.get("tokens_per_minute"):
        await ask(model)
    with pytest.raises(ModelRateLimitError) as refused:
        await ask(model, "a longer question than fits")
    assert refused.value.retry_after == 60
    clock.now += 60
    await ask(model)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., CachedModel]:
    clock = Clock()

    def kept(scripted: Scripted, *, secret: str = "", embedder: Any = None, later: float = 0, **rules: Any) -> Any:
        clock.now += later
        settings = CacheSettings(enabled=True, **rules)
        return CachedModel(
            scripted.model, AnswerStore(tmp_path / "answers.db", settings, clock), settings, secret, embedder
        )

    return kept


async def test_the_same_request_is_paid_for_once(kept: Any) -> None:
    scripted = Scripted("one", "two")
    assert (await ask(kept(scripted), settings=COLD)).text == "one"
    again = await ask(kept(scripted), settings=COLD)
    assert (again.text, again.usage.output_tokens, (again.metadata or {})[KEPT]) == ("one", 0, "exact")
    assert scripted.asked == 1
    assert (await ask(kept(scripted), "Other?", COLD)).text == "two"


async def test_an_answer_that_is_one_of_many_is_not_kept_unless_asked_for(kept: Any) -> None:
    for settings in (None, {"temperature": 0.7}):
        scripted = Scripted("one", "two")
        assert [(await ask(kept(scripted), settings=settings)).text for _ in range(2)] == ["one", "two"]
    sampled = Scripted("one", "two")
    assert [(await ask(kept(sampled, sampled=True))).text for _ in range(2)] == ["one", "one"]


async def test_answers_are_not_shared_between_keys_models_or_places(kept: Any) -> None:
    scripted = Scripted("one", "two", "three")
    assert (await ask(kept(scripted, secret="key-a"), settings=COLD)).text == "one"
    assert (await ask(kept(scripted, secret="key-b"), settings=COLD)).text == "two"
    other = Scripted("four", name="another")
    assert (await ask(kept(other, secret="key-a"), settings=COLD)).text == "four"


async def test_trials_ask_anew_and_old_answers_go(kept: Any) -> None:
    scripted = Scripted("one", "two", "three")
    assert (await ask(kept(scripted), settings=COLD)).text == "one"
    with uncached():
        assert (await ask(kept(scripted), settings=COLD)).text == "two"
    assert (await ask(kept(scripted, later=25 * 3600), settings=COLD)).text == "three"


async def test_the_store_stays_below_its_size_and_lets_the_least_used_go(kept: Any, tmp_path: Path) -> None:
    scripted = Scripted(*("x" * 3000 for _ in range(9)))
    for number in range(9):
        await ask(kept(scripted, later=1, megabytes=0.01), f"{number}?", COLD)
    await ask(kept(scripted, later=1, megabytes=0.01), "8?", COLD)
    assert scripted.asked == 9
    await ask(kept(scripted, later=1, megabytes=0.01), "0?", COLD)
    assert scripted.asked == 10


async def test_no_key_is_kept_not_even_one_that_an_answer_quotes(kept: Any, tmp_path: Path) -> None:
    scripted = Scripted(f"your key is {SECRET}", "fine")
    await ask(kept(scripted, secret=SECRET), settings=COLD)
    await ask(kept(scripted, secret=SECRET), settings=COLD)
    assert scripted.asked == 2
    assert not [path for path in tmp_path.rglob("*") if SECRET.encode() in path.read_bytes()]


async def test_a_kept_answer_streams_and_a_damaged_store_only_costs_a_request(kept: Any, tmp_path: Path) -> None:
    scripted = Scripted("one", "two")
    await ask(kept(scripted), settings=COLD)
    hello = [ModelRequest.user_text_prompt("Hello?")]
    async with kept(scripted).request_stream(hello, COLD, ModelRequestParameters()) as stream:
        said = [event.part.content async for event in stream if isinstance(event, PartStartEvent)]
    assert (said, scripted.asked) == (["one"], 1)
    for path in tmp_path.glob("answers.db*"):
        path.write_bytes(b"no database")
    assert (await ask(kept(Scripted("three")), settings=COLD)).text == "three"


async def test_a_question_that_means_the_same_shares_an_answer_and_one_that_differs_in_a_number_does_not(
    kept: Any,
) -> None:
    from models.embeddings import default_embedder

    meaning = {"embedder": default_embedder(), "semantic": 0.9}
    scripted = Scripted("one", "two", "three", "four")
    assert (await ask(kept(scripted, **meaning), "What is the capital of France?", COLD)).text == "one"
    close = await ask(kept(scripted, **meaning), "What's the capital city of France?", COLD)
    assert (close.text, (close.metadata or {})[KEPT]) == ("one", "semantic")
    assert (await ask(kept(scripted, **meaning), "What is the capital of Spain?", COLD)).text == "two"
    assert (await ask(kept(scripted, **meaning), "List the 5 best albums", COLD)).text == "three"
    assert (await ask(kept(scripted, **meaning), "List the 6 best albums", COLD)).text == "four"


def resolved(environment: dict[str, str], **settings: str) -> ResolvedModels:
    alone = {"LYCEUM_PROVIDER__OLLAMA_URL": "http://127.0.0.1:9", "LYCEUM_HOME": "/nonexistent", **settings}
    return ResolvedModels(load_settings(environment=alone), environment)


def test_the_fallback_models_of_the_settings_follow_the_default_and_are_told() -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    models = resolved(keys, LYCEUM_FALLBACK__MODELS="anthropic:claude-sonnet-5-5, offline")
    assert models.reason.endswith("then anthropic:claude-sonnet-5-5, offline)")
    assert [each.system for each in candidates(models.get())] == ["openai", "anthropic", "lyceum"]
    named = resolved(keys).get("openai:gpt-6-luna,offline")
    assert [each.system for each in candidates(named)] == ["openai", "lyceum"]


def test_a_fallback_that_cannot_be_used_is_told_before_it_is_needed() -> None:
    with pytest.raises(OperatorError, match="ANTHROPIC_API_KEY"):
        resolved({"OPENAI_API_KEY": "k"}, LYCEUM_FALLBACK__MODELS="anthropic:claude-sonnet-5-5").get()


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("LYCEUM_LIMITS__OPENAY__CONCURRENT", "2", "'openai'"),
        ("LYCEUM_PROVIDER__OUTPUT__GOGLE", "tool", "'google'"),
        ("LYCEUM_LIMITS__OPENAI__CONCURENT", "2", "'concurrent'"),
        ("LYCEUM_CACHE__ENABELD", "true", "'enabled'"),
        ("LYCEUM_FALLBACK__ON", "rate_limt", "rate_limit"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest(setting: str, value: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        resolved({}, **{setting: value})


def test_typed_output_is_asked_for_as_the_settings_say_and_only_where_the_model_can() -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    native = resolved(keys, LYCEUM_PROVIDER__OUTPUT__OPENAI="native").get("openai:gpt-6-luna")
    assert native.profile.get("default_structured_output_mode") == "native"
    with pytest.raises(UserError, match="has no native output"):
        resolved(keys, LYCEUM_PROVIDER__OUTPUT__ANTHROPIC="native").get("anthropic:claude-2")


def test_prices_of_ones_own_win_and_batches_cost_half() -> None:
    from lyceum.settings import PriceSettings
    from models.prices import Prices, Tokens

    used = Tokens(1_000_000, 1_000_000, cached=500_000)
    own = Prices({"mine": PriceSettings(input=2, output=4, cached=1)})
    assert own.cost("mine", "openai-compatible", used) == 1 + 0.5 + 4
    assert Prices().cost("mine", "openai-compatible", used) is None
    small = Tokens(1000, 1000)
    whole = Prices().cost("gpt-6-luna", "openai", small) or 0
    assert Prices().cost("gpt-6-luna", "openai", small, batch=True) == pytest.approx(whole / 2)
