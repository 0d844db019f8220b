"""Over a network nobody comes in without a token, and nobody further than the token's audience and scopes allow."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from app.cli import main
from lyceum.errors import UserError
from lyceum.settings import Settings
from mcp_servers.http import http_app
from mcp_servers.remote import RemoteSettings, check_bind
from mcp_servers.serve import Choice, combined
from tests.mcp_servers.issuer import issuing

URL = "https://tools.example/mcp"
SECRET = "0123456789abcdef0123456789abcdef"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def reached(
    home: Path, settings: RemoteSettings, choice: Choice | None = None
) -> AsyncGenerator[httpx2.AsyncClient]:
    app = http_app(combined(Settings(home=home), choice), 8765, host="0.0.0.0", settings=settings)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as web:
        yield web


async def call(web: httpx2.AsyncClient, token: str, tool: str, **arguments: Any) -> httpx2.Response:
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    params = {"name": tool, "arguments": arguments, "_meta": META}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    own = {"authorization": f"Bearer {token}"} if token else {}
    return await web.post(URL, json=body, headers={**headers, **own})


@pytest.fixture(scope="module")
def issuer() -> Generator[str]:
    with issuing() as address:
        yield address


def issued(issuer: str, **asked: str) -> str:
    with httpx2.Client() as web:
        answer = web.post(f"{issuer}/token", data={"sub": "ann", "resource": URL, **asked})
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("settings", [{}, {"token": "short"}, {"token": SECRET}, {"issuer": "https://i.example"}])
def test_an_address_beyond_this_machine_is_refused_without_token_and_url(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refused:
        check_bind("0.0.0.0", RemoteSettings.model_validate(settings))
    assert refused.value.next_step


def test_the_command_refuses_to_serve_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path))
    assert main(["mcp", "serve", "--transport", "http", "--host", "0.0.0.0"]) == 2
    assert "LYCEUM_SERVERS__MCP__TOKEN" in capsys.readouterr().err


async def test_one_secret_opens_everything_and_nothing_else_does(tmp_path: Path) -> None:
    settings = RemoteSettings(token=SecretStr(SECRET), url=URL, calls_per_minute=5)
    async with reached(tmp_path, settings) as web:
        for token in ("", "wrong", SECRET[:-1], SECRET + "0"):
            assert (await call(web, token, "basics_calculate", expression="6 * 7")).status_code == 401
        assert "42" in (await call(web, SECRET, "basics_calculate", expression="6 * 7")).text
        forged = await web.post("https://evil.example/mcp", json={}, headers={"authorization": f"Bearer {SECRET}"})
        assert forged.status_code == 421
        answers = [await call(web, SECRET, "basics_calculate", expression="6 * 7") for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    record = (tmp_path / "logs" / "mcp-audit.jsonl").read_text(encoding="utf-8")
    assert json.loads(record.splitlines()[0])["who"] == "token"
    assert SECRET not in record


async def test_issued_tokens_are_taken_for_this_server_and_their_scopes_only(tmp_path: Path, issuer: str) -> None:
    settings = RemoteSettings(issuer=issuer, url=URL)
    async with reached(tmp_path, settings) as web:
        unknown = await call(web, "", "basics_calculate", expression="6 * 7")
        assert unknown.status_code == 401
        where = unknown.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        told = (await web.get(where)).json()
        assert (told["resource"], told["authorization_servers"]) == (URL, [issuer])
        assert {"tools:all", "tools:sql"} <= set(told["scopes_supported"])

        sums = issued(issuer, scope="tools:basics")
        assert "42" in (await call(web, sums, "basics_calculate", expression="6 * 7")).text
        further = await call(web, sums, "sql_query", sql="SELECT 1")
        assert further.status_code == 403
        assert 'error="insufficient_scope", scope="tools:sql"' in further.headers["www-authenticate"]
        hidden = await call(web, sums, "tools_call_read", name="sql_explain", arguments={"sql": "SELECT 1"})
        assert hidden.status_code == 403, "a scope holds for what is called by name, too"
        stepped_up = issued(issuer, scope="tools:basics tools:sql")
        assert (await call(web, stepped_up, "sql_query", sql="SELECT 1 AS one")).status_code == 200

        for token in (
            issued(issuer, scope="tools:all", resource="https://other.example/mcp"),
            issued(issuer, scope="tools:all", seconds="-10"),
            sums[:-4] + "AAAA",
            "eyJhbGciOiJub25lIn0.e30.",
        ):
            assert (await call(web, token, "basics_calculate", expression="6 * 7")).status_code == 401
    who = {json.loads(line)["who"] for line in (tmp_path / "logs" / "mcp-audit.jsonl").read_text().splitlines()}
    assert who == {"ann"}
