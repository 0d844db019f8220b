"""A real LiteLLM proxy, in an environment of its own, between us and the stand-in: what it passes on and what it says.

It is installed by uv from `requirements/litellm.lock`. Where CI cannot start it, that is a failure.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_servers.providers.practice import faults as wire
from mcp_servers.providers.practice.said import Says
from mcp_servers.providers.practice.serve import Fault, StandIn, running
from tests.models.conftest import reply

pytestmark = [pytest.mark.service, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LOCK = ROOT / "requirements" / "litellm.lock"
QUESTION = "How many tracks are there?"
MODEL = "openai-compatible:stand-in"
UPSTREAM = "sk-of-the-proxy-at-its-provider"
SECONDS = 240  # to install it once and to start it

CONFIG = """
model_list:
  - model_name: stand-in
    litellm_params: {{model: openai/gpt-4o-mini, api_base: {url}/v1, api_key: {key}, max_retries: 0}}
litellm_settings: {{num_retries: 0}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""


@dataclass(frozen=True)
class Proxy:
    url: str
    key: str
    upstream: StandIn


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder, key = tmp_path_factory.mktemp("litellm"), f"sk-{secrets.token_hex(24)}"
    with running(reply) as upstream, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        (folder / "config.yaml").write_text(CONFIG.format(url=upstream.url, key=UPSTREAM), encoding="utf-8")
        alone = [str(UV), "run", "--isolated", "--no-project", "--python", sys.executable, "--with-requirements", LOCK]
        serve = [
            "litellm",
            "--config",
            "config.yaml",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--telemetry",
            "False",
        ]
        environment = {**os.environ, "LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*alone, *serve], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _until_it_lives(process, f"http://127.0.0.1:{port}", folder / "log")
            yield Proxy(f"http://127.0.0.1:{port}", key, upstream)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _until_it_lives(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(SECONDS * 2):
        try:
            if httpx2.get(f"{url}/health/liveliness", timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.5)
    why = f"LiteLLM does not start here: {log.read_text(encoding='utf-8', errors='replace')[-1500:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(autouse=True)
def _behind(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.upstream.forget()
    monkeypatch.setattr("pydantic_ai.models.ALLOW_MODEL_REQUESTS", True)
    monkeypatch.setenv("LYCEUM_PROVIDER__BASE_URL", f"{proxy.url}/v1")
    monkeypatch.setenv("LYCEUM_PROVIDER__API_KEY", proxy.key)


def test_a_turn_with_a_tool_streams_through_it_and_is_the_first_model_it_lists(proxy: Proxy, chat: Any) -> None:
    said = chat(QUESTION)  # no model is named: the ladder asks the proxy what it serves
    assert said.code == 0, said.err
    assert said.of("answered")[0]["output"]["rows"] == [[3503]]
    calls = said.of("model_called")
    assert {call["model"] for call in calls} == {"stand-in"}
    assert [(call["input_tokens"], call["output_tokens"]) for call in calls] == [(100, 20), (100, 20)]
    assert [asked.path for asked in proxy.upstream.asked] == ["/v1/chat/completions"] * 2
    assert all(asked.body["stream"] for asked in proxy.upstream.asked)
    assert {asked.headers["authorization"] for asked in proxy.upstream.asked} == {f"Bearer {UPSTREAM}"}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_two_tools_are_called_at_once_through_it(proxy: Proxy, streams: bool) -> None:
    from lyceum.settings import load_settings
    from models.resolve import ResolvedModels
    from tests.models.test_wires import LISBON, OSLO, TEXT
    from tests.models.wires.asking import ask

    proxy.upstream.says = [Says(calls=(LISBON, OSLO)), Says(TEXT)]
    models = ResolvedModels(load_settings(), {})
    told = await ask(models.get(MODEL), streams=streams)
    await models.close()
    assert (told.error, told.text, sorted(told.days)) == (None, TEXT, [("Lisbon", 1), ("Oslo", 2)])
    assert [asked.body.get("stream", False) for asked in proxy.upstream.asked] == [streams, streams]


def test_the_wait_that_its_provider_asks_for_is_kept(proxy: Proxy, chat: Any, tmp_path: Path) -> None:
    proxy.upstream.fail(
        status=429, headers={"retry-after": "1"}, body=wire.openai_refused("Slow down", "rate_limit_exceeded")
    )
    said = chat(QUESTION, "--model", MODEL)
    assert (said.code, len(proxy.upstream.asked)) == (0, 3), said.err
    assert "asks to wait 1 s" in said.of("note")[0]["text"]
    proxy.upstream.fail(status=429, headers={"retry-after": "3600"}, body=wire.openai_refused("Slow down"))
    said = chat(QUESTION, "--model", MODEL)
    assert said.code == 1
    assert "asks to wait 3600 s" in said.err
    assert_no_key(tmp_path, said, proxy)


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (wire.OPENAI["overflow"], 4, "longer than"),
        (wire.OPENAI["server_error"], 1, "the provider failed"),
        (wire.OPENAI["filter"], 1, "content filter"),
        (Fault(dies=True), 1, "the provider failed"),  # told in the stream, as an error of its own
    ],
    ids=["overflow", "server_error", "filter", "disconnect"],
)
def test_what_goes_wrong_behind_it_is_told_as_ours(
    proxy: Proxy, chat: Any, tmp_path: Path, fault: Fault, code: int, told: str
) -> None:
    proxy.upstream.faults = [fault] * 3
    said = chat(QUESTION, "--model", MODEL)
    assert said.code == code, said.err
    assert told in said.err
    assert_no_key(tmp_path, said, proxy)


def test_a_key_it_does_not_know_is_refused_as_a_key(
    proxy: Proxy, chat: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LYCEUM_PROVIDER__API_KEY", "sk-not-one-of-its-keys")
    said = chat(QUESTION, "--model", MODEL)
    assert said.code == 1
    assert proxy.upstream.asked == []
    assert "refused the key" in said.err or "rejected the request" in said.err  # without a database it knows none
    assert_no_key(tmp_path, said, proxy)


def assert_no_key(home: Path, said: Any, proxy: Proxy) -> None:
    printed = json.dumps(said.events) + said.err
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for key in (proxy.key, UPSTREAM, "sk-not-one-of-its-keys"):
        assert key not in printed
        assert key.encode() not in kept
