"""Over HTTP each user has a memory of their own: whose it is says the token, and no argument."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2

from mcp_servers.remote import RemoteSettings
from mcp_servers.serve import Choice
from tests.mcp_servers.issuer import issuing
from tests.mcp_servers.test_remote import URL, call, issued, reached


async def asked(web: httpx2.AsyncClient, token: str, tool: str, **arguments: object) -> str:
    answer = await call(web, token, f"memory_{tool}", **arguments)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_what_one_token_holder_told_no_other_reads_finds_exports_or_forgets(tmp_path: Path) -> None:
    with issuing() as issuer:
        settings = RemoteSettings(issuer=issuer, url=URL)
        ann, bob = (issued(issuer, sub=who, scope="tools:memory") for who in ("ann", "bob"))
        async with reached(tmp_path, settings, Choice(toolsets=["memory"])) as web:
            await asked(web, ann, "record", thread="t", turns=[{"text": "I live in Porto."}])
            assert "Porto" in await asked(web, ann, "search", query="Where do I live?")
            for tool, arguments in {
                "search": {"query": "Where do I live?"}, "turns": {}, "facts": {}, "blocks": {}, "export": {},
            }.items():  # fmt: skip
                assert "Porto" not in await asked(web, bob, tool, **arguments), tool
            assert json.dumps("turn:t/1") not in await asked(web, bob, "turns")
            gone = await asked(web, bob, "forget", ids=["turn:t/1"])
            assert "nothing called" in gone
            assert "Porto" in await asked(web, ann, "search", query="Where do I live?")
