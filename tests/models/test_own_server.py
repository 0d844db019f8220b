"""A real server of one's own: llama.cpp with the pulled 1.5B model, behind its OpenAI wire and a key."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from lyceum.errors import LimitReached, OperatorError, Unavailable
from lyceum.paths import home_from_environment
from lyceum.settings import load_settings
from models.errors import friendly
from models.resolve import ResolvedModels
from tests.models.wires.asking import Told, ask

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(600)]

REAL_HOME = home_from_environment()  # before a test's own home takes its place: the pulled model is there
NAME = "qwen2.5-coder-1.5b"
KEY = "sk-of-the-server-on-this-machine"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the model in a process of its own, as `lyceum models serve` does."""
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "models", "serve", NAME, "--port", "0"],
        env={"LYCEUM_HOME": str(REAL_HOME), "LYCEUM_PROVIDER__API_KEY": KEY, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        process.wait(timeout=30)
        pytest.skip("the 1.5B model is not pulled: lyceum models pull qwen2.5-coder-1.5b")
    yield line
    process.terminate()
    process.communicate(timeout=30)


async def asked(url: str, question: str, *, key: str = KEY, streams: bool = True, timeout: float = 300) -> Told:
    from pydantic_ai.models import override_allow_model_requests

    place = {"LYCEUM_PROVIDER__BASE_URL": url, "LYCEUM_PROVIDER__API_KEY": key}
    models = ResolvedModels(load_settings(environment={**place, "LYCEUM_PROVIDER__TIMEOUT": str(timeout)}), {})
    with override_allow_model_requests(True):
        told = await ask(models.get(f"openai-compatible:{NAME}"), streams=streams, question=question)
    await models.close()
    return told


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_it_answers_with_its_count(url: str, streams: bool) -> None:
    told = await asked(url, "Write one short sentence about Oslo.", streams=streams)
    assert told.error is None, told.error
    assert told.text
    assert told.input_tokens > 20
    assert told.output_tokens
    assert (told.pieces > 2) is streams


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_a_conversation_that_is_too_long_is_told_as_a_limit(url: str, streams: bool) -> None:
    told = await asked(url, "word " * 20_000, streams=streams)
    assert told.error is not None
    assert isinstance(friendly(told.error), LimitReached), friendly(told.error)


async def test_a_wrong_key_and_a_server_that_is_too_slow_are_told_as_what_they_are(url: str) -> None:
    wrong = await asked(url, "Hello?", key="sk-wrong-0123456789")
    assert wrong.error is not None
    refused = friendly(wrong.error)
    assert type(refused) is OperatorError
    assert "refused the key" in refused.message
    assert "sk-wrong" not in str(refused)
    slow = await asked(url, "Tell a long story.", timeout=0.05, streams=False)
    assert slow.error is not None
    assert isinstance(friendly(slow.error), Unavailable)
