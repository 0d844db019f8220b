"""Signing in to a remote server, against a real authorization server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from app.third_party.config import Server, parse
from app.third_party.connection import Connection, LeftOut
from app.third_party.limits import Limits
from app.third_party.oauth import forget_tokens, signing
from tests.app.third_party.authorization import protected_server

DOCUMENT = "https://lyceum.example/client.json"


class Browser:
    """Opens the address and follows it back, as a browser does; `opened` is where it was sent."""

    def __init__(self, change: Any = lambda address: address) -> None:
        self.opened: list[str] = []
        self._change = change
        self._tasks: list[asyncio.Task[Any]] = []

    def __call__(self, address: str) -> None:
        self.opened.append(address)
        self._tasks.append(asyncio.create_task(self._go(address)))

    async def _go(self, address: str) -> None:
        async with httpx2.AsyncClient() as client:
            sent = await client.get(address)
            await client.get(self._change(sent.headers["location"]))


def _server(url: str, home: Path, **oauth: Any) -> Server:
    entry: dict[str, Any] = {"url": url, **({"oauth": oauth} if oauth else {})}
    return Server("calendar", parse("calendar", entry, "test"), "home", home / "mcp.json")


async def _list(server: Server, home: Path, browser: Browser | None) -> list[str]:
    connection = Connection(server, os.environ, Limits(start=10, listing=10), signing(home, browser))
    try:
        return list(await connection.list())
    finally:
        await connection.close()


async def test_a_person_signs_in_once_and_later_processes_use_and_refresh_the_tokens(tmp_path: Path) -> None:
    with protected_server() as (url, provider):
        server = _server(url, tmp_path)
        with pytest.raises(LeftOut, match="sign in: `lyceum mcp inspect calendar`"):
            await _list(server, tmp_path, None)
        assert provider.log == [], "nothing was registered for nobody"
        browser = Browser()
        assert await _list(server, tmp_path, browser) == ["next_meeting"]
        assert provider.log == ["register", "authorize", "code"]
        asked = httpx2.URL(browser.opened[0]).params
        assert asked["code_challenge_method"] == "S256"
        assert asked["resource"] == url
        kept = tmp_path / "mcp" / "tokens.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        held = json.loads(json.loads(kept.read_text())["calendar"])
        assert held["known"]["expires"] > 0
        held["known"]["expires"] = 1.0  # an hour later
        kept.write_text(json.dumps({"calendar": json.dumps(held)}))
        provider.tokens.clear()  # the old one is worth nothing any more
        provider.log.clear()
        assert await _list(server, tmp_path, None) == ["next_meeting"], "nobody was at hand"
        assert provider.log == ["refresh"]


@pytest.mark.slow
async def test_a_client_id_document_needs_no_registration(tmp_path: Path) -> None:
    with protected_server(documents=True) as (url, provider):
        port = 43117
        provider.clients[DOCUMENT] = OAuthClientInformationFull(
            client_id=DOCUMENT,
            redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")],
            token_endpoint_auth_method="none",
            scope="read",
        )
        server = _server(url, tmp_path, client_metadata_url=DOCUMENT, port=port)
        browser = Browser()
        assert await _list(server, tmp_path, browser) == ["next_meeting"]
        assert provider.log == ["authorize", "code"]
        assert httpx2.URL(browser.opened[0]).params["client_id"] == DOCUMENT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("back", "reason"),
    [
        (lambda address: address.replace("iss=http", "iss=https"), "iss mismatch"),
        (lambda address: address.split("&iss")[0], "missing iss"),
        (lambda address: address.replace("state=", "state=x"), "State parameter mismatch"),
    ],
)
async def test_an_answer_of_another_server_or_sign_in_is_refused(tmp_path: Path, back: Any, reason: str) -> None:
    with protected_server(documents=True) as (url, provider):
        with pytest.raises(LeftOut, match=reason):
            await _list(_server(url, tmp_path), tmp_path, Browser(back))
        assert "code" not in provider.log
        assert (
            not (tmp_path / "mcp" / "tokens.json").exists()
            or "access_token" not in (tmp_path / "mcp" / "tokens.json").read_text()
        )


@pytest.mark.slow
async def test_tokens_are_for_the_address_they_were_given_for(tmp_path: Path) -> None:
    with protected_server() as (url, provider), protected_server() as (other, elsewhere):
        await _list(_server(url, tmp_path), tmp_path, Browser())
        with pytest.raises(LeftOut, match="sign in"):
            await _list(_server(other, tmp_path), tmp_path, None)
        secret = next(iter(provider.tokens))
        assert secret in (tmp_path / "mcp" / "tokens.json").read_text()
        assert elsewhere.log == []


async def test_a_server_cannot_send_the_sign_in_to_an_address_without_encryption(tmp_path: Path) -> None:
    from app.third_party.http import BoundedTransport
    from app.third_party.stdio import Health

    health = Health()
    transport = BoundedTransport("https://calendar.example/mcp", Limits(), health)
    for address in ("http://169.254.169.254/latest", "http://127.0.0.1:1/token"):
        with pytest.raises(httpx2.ConnectError):
            await transport.handle_async_request(httpx2.Request("GET", address))
    assert "unencrypted" in health.reason
    await transport.aclose()


def test_the_keyring_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    from app.third_party.tokens import FileVault, KeyringVault, open_vault

    assert isinstance(open_vault(tmp_path), FileVault)
    held: dict[tuple[str, str], str] = {}
    ring, fail = types.ModuleType("keyring"), types.ModuleType("keyring.backends.fail")
    ring.get_keyring = lambda: object()  # type: ignore[attr-defined]
    ring.get_password = lambda service, key: held.get((service, key))  # type: ignore[attr-defined]
    ring.set_password = lambda service, key, text: held.update({(service, key): text})  # type: ignore[attr-defined]
    ring.delete_password = lambda service, key: held.pop((service, key))  # type: ignore[attr-defined]
    fail.Keyring = type("Keyring", (), {})  # type: ignore[attr-defined]
    for name, module in (("keyring", ring), ("keyring.backends", types.ModuleType("b")), (fail.__name__, fail)):
        monkeypatch.setitem(sys.modules, name, module)
    vault = open_vault(tmp_path)
    assert isinstance(vault, KeyringVault)
    vault.put("calendar", json.dumps({"a": 1}))
    assert vault.get("calendar") == '{"a": 1}'
    vault.drop("calendar")
    assert vault.get("calendar") is None
    assert not held


@pytest.mark.extra
async def test_tokens_are_kept_in_a_keyring_of_the_real_library(tmp_path: Path) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    held: dict[tuple[str, str], str] = {}

    class InMemory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del held[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        with protected_server() as (url, provider):
            await _list(_server(url, tmp_path), tmp_path, Browser())
            assert next(iter(provider.tokens)) in held["lyceum-mcp", "calendar"]
            assert not (tmp_path / "mcp" / "tokens.json").exists()
            assert await _list(_server(url, tmp_path), tmp_path, None) == ["next_meeting"]
        forget_tokens(tmp_path, "calendar")
        assert not held
    finally:
        keyring.set_keyring(before)
