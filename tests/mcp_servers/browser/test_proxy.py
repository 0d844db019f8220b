"""The browser's only way out, asked as a browser asks it: each connection is checked, counted and limited."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from mcp_servers.browser.proxy import Proxy
from mcp_servers.browser.settings import BrowserSettings


async def through(proxy: Proxy, request: str) -> bytes:
    host, _, port = proxy.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def limits(**given: Any) -> BrowserSettings:
    return BrowserSettings(allow_private=("127.0.0.1",), **given)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2", "localhost6.invalid", "169.254.169.254", "10.0.0.1", "2130706434", "0x7f.2", "0177.0.0.2", "[::1]",
        "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[64:ff9b::7f00:2]", "0.0.0.0", "[::]", "127.2", "192.168.1.1",
    ],
)  # fmt: skip
async def test_a_tunnel_into_a_private_network_is_not_made(host: str) -> None:
    async with Proxy(limits()).serving() as proxy:
        assert await through(proxy, f"CONNECT {host}:8000 HTTP/1.1\r\nHost: {host}:8000\r\n\r\n") == b""
        assert await through(proxy, f"GET http://{host}:8000/ HTTP/1.1\r\nHost: fine.example\r\n\r\n") == b""
    assert len(proxy.refused) == 1


@pytest.mark.parametrize("head", ["\r\n", "GET\r\n", "CONNECT a HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
async def test_what_is_no_request_to_a_proxy_is_closed(head: str) -> None:
    async with Proxy(limits()).serving() as proxy:
        assert await through(proxy, f"{head}\r\n") == b""


async def test_a_page_is_passed_on_as_its_site_was_asked_and_only_once_a_connection(site: Any) -> None:
    asked = f"GET {site.base}/article?a=1 HTTP/1.1\r\nHost: other.example\r\nProxy-Connection: keep-alive\r\n\r\n"
    async with Proxy(limits()).serving() as proxy:
        answer = await through(proxy, asked)
    assert b"200 OK" in answer
    assert b"Ferries of Ostwick" in answer
    assert site.headers[-1]["Host"] == f"127.0.0.1:{site.port}"
    assert site.headers[-1]["Connection"] == "close"
    assert "Proxy-Connection" not in site.headers[-1]


async def test_each_connection_is_resolved_anew_and_goes_where_it_was_checked(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "pages.test":
            return real(host, port, *rest, **more)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    request = f"GET http://pages.test:{site.port}/article HTTP/1.1\r\n\r\n"
    async with Proxy(limits()).serving() as proxy:
        assert b"Ferries" in await through(proxy, request)
        assert len(asked) == 1
        assert await through(proxy, request) == b""
    assert "not on the public web" in str(proxy.refused[f"pages.test:{site.port}"])


async def test_bytes_and_connections_of_a_page_are_limited(site: Any) -> None:
    async with Proxy(limits(max_bytes=100_000)).serving() as proxy:
        assert len(await through(proxy, f"GET {site.base}/huge HTTP/1.1\r\n\r\n")) <= 100_000
        assert await through(proxy, f"GET {site.base}/article HTTP/1.1\r\n\r\n") == b""
    assert proxy.over == "more than 0.1 MB"
    async with Proxy(limits(connections=1)).serving() as proxy:
        assert await through(proxy, f"GET {site.base}/article HTTP/1.1\r\n\r\n")
        assert await through(proxy, f"GET {site.base}/article HTTP/1.1\r\n\r\n") == b""
    assert proxy.over == "more than 1 connections"


async def test_what_the_browser_itself_asks_for_is_not_passed_on_and_not_counted() -> None:
    async with Proxy(limits()).serving() as proxy:
        assert await through(proxy, "CONNECT update.googleapis.com:443 HTTP/1.1\r\n\r\n") == b""
    assert proxy.refused == {}


async def test_without_browser_use_the_tools_say_what_to_run(browser: Any, tmp_path: Path) -> None:
    async with browser(environment=str(tmp_path / "none")) as tools:
        said = await tools.refused("https://pages.example/")
        status = (await tools.client.call_tool("browser_status", {})).structured_content
    assert "-m mcp_servers.browser.install" in said
    assert not status["ready"]
    assert "-m mcp_servers.browser.install" in status["missing"][0]


async def test_a_page_made_by_scripts_says_so_where_there_is_no_browser(stage: Any, tmp_path: Path) -> None:
    from mcp import Client

    from lyceum.settings import Settings
    from mcp_servers.catalogue import make
    from mcp_servers.services import Services

    web = {"allow_private": ("127.0.0.1",)}
    for more, said in (({}, "browser-use is not installed"), ({"browser": "off"}, "servers.web.browser is off")):
        settings = Settings(
            home=tmp_path, servers={"web": web | more, "browser": {"environment": str(tmp_path / "no")}}
        )
        async with Client(make("web", settings, Services(tmp_path))) as client:
            result = await client.call_tool("web_fetch", {"url": f"{stage.base}/made"})
        assert result.is_error
        assert said in result.content[0].text  # type: ignore[union-attr]
