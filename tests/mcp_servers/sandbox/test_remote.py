"""The sandbox at E2B, through the real SDK against a stand-in of its wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import SecretStr

from lyceum.artifacts import Artifact
from lyceum.errors import LyceumError, ModelRetry
from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.sandbox.remote import RemoteSandbox
from mcp_servers.services import Services
from tests.mcp_servers.sandbox.e2b_standin import StandIn

pytestmark = pytest.mark.extra
KEY = "e2b_0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def e2b(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    server = StandIn(tmp_path / "machine")
    monkeypatch.setenv("E2B_API_URL", server.url)
    monkeypatch.setenv("E2B_SANDBOX_URL", server.url)
    monkeypatch.setenv("E2B_HTTP_VERSION", "1.1")
    monkeypatch.setenv("E2B_API_KEY", KEY)
    return server


@pytest.fixture
async def sandbox(e2b: StandIn) -> AsyncIterator[RemoteSandbox]:
    del e2b

    def keep(data: bytes, media_type: str, name: str) -> Artifact:
        return Artifact(sha256="0" * 64, size=len(data), media_type=media_type, name=name)

    made = RemoteSandbox(SecretStr(KEY), keep=keep)
    yield made
    await made.close()


async def test_a_run_gives_the_same_shape_as_here(sandbox: RemoteSandbox, e2b: StandIn) -> None:
    heard: list[str] = []
    done = await sandbox.run_code("print('on')\n6 * 7", listen=lambda _stream, text: heard.append(text))
    assert (done.stdout, done.results[0].text, done.error, done.tier) == ("on\n", "42", None, "e2b")
    assert heard == ["on\n"]
    assert "left this machine" in done.warning
    failed = await sandbox.run_code("x = 1\n1 / 0")
    assert failed.error is not None
    assert failed.error.name == "ZeroDivisionError"
    chart = await sandbox.run_code("'chart'")
    assert chart.results[0].png is not None
    created = next(body for method, path, _, body in e2b.seen if method == "POST" and path.endswith("sandboxes"))
    assert b'"allow_internet_access":false' in created.replace(b" ", b"")
    assert sum(path.endswith("sandboxes") for _, path, _, _ in e2b.seen) == 1


async def test_contexts_files_and_commands_are_there(sandbox: RemoteSandbox, e2b: StandIn) -> None:
    context = (await sandbox.create_context()).id
    await sandbox.run_code("x = 41", context=context)
    assert (await sandbox.run_code("x + 1", context=context)).results[0].text == "42"
    assert (await sandbox.run_code("x")).error is not None, "a fresh run sees no context"
    await sandbox.write_file(context, "in/a.txt", b"b\na\n")
    assert await sandbox.read_file(context, "in/a.txt") == b"b\na\n"
    assert [(each.name, each.kind) for each in await sandbox.list_files(context, ".")] == [("in", "folder")]
    done = await sandbox.run_command("sort in/a.txt; echo oops >&2; exit 3", context=context)
    assert (done.stdout, done.stderr, done.exit_code) == ("a\nb\n", "oops\n", 3)
    await sandbox.remove_file(context, "in/a.txt")
    with pytest.raises(ModelRetry, match="no such file"):
        await sandbox.read_file(context, "in/a.txt")
    await sandbox.close_context(context)
    with pytest.raises(ModelRetry, match="There is no context"):
        await sandbox.run_code("x", context=context)
    await sandbox.close()
    assert e2b.killed


async def test_a_run_that_is_late_or_cancelled_is_stopped_over_there(sandbox: RemoteSandbox, e2b: StandIn) -> None:
    late = await sandbox.run_code("for ever", seconds=0.5)
    assert late.error is not None
    assert late.error.name == "TimeoutError"
    begun = asyncio.Event()
    running = asyncio.create_task(sandbox.run_code("for ever", seconds=60, listen=lambda _stream, _text: begun.set()))
    await asyncio.wait_for(begun.wait(), 20)
    e2b.cut_off.clear()
    before = len(e2b.seen)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert any(path.endswith("/restart") for _, path, _, _ in e2b.seen[before:])
    assert await asyncio.to_thread(e2b.cut_off.wait, 20)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_what_fails_there_is_said_without_the_key(
    e2b: StandIn, status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    e2b.fail = (status, f"what you sent: {KEY}")
    caplog.set_level(logging.DEBUG)
    remote: dict[str, Any] = {"sandbox": {"remote": "e2b"}}
    async with Client(make("sandbox", Settings(home=tmp_path, servers=remote), Services(tmp_path))) as client:
        result = await client.call_tool("sandbox_run", {"code": "1"})
    assert result.is_error
    text = result.content[0].text  # type: ignore[union-attr]
    assert "E2B" in text
    assert KEY not in text + caplog.text + repr(RemoteSandbox(SecretStr(KEY)))
    with pytest.raises(LyceumError) as failed:
        await RemoteSandbox(SecretStr(KEY)).run_code("1")
    assert KEY not in str(failed.value) + repr(failed.value)
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


async def test_without_a_key_it_says_how_to_have_one(
    e2b: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del e2b
    monkeypatch.delenv("E2B_API_KEY")
    remote: dict[str, Any] = {"sandbox": {"remote": "e2b"}}
    async with Client(make("sandbox", Settings(home=tmp_path, servers=remote), Services(tmp_path))) as client:
        result = await client.call_tool("sandbox_run", {"code": "1"})
    assert "Set E2B_API_KEY" in result.content[0].text  # type: ignore[union-attr]
