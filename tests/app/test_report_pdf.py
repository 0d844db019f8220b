"""The report's page as PDF: printed by a real browser where there is one, said plainly where there is none."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest

from app.report.pdf import print_page
from lyceum.settings import Settings
from mcp_servers.browser.install import BROWSERS

PAGE = "<!doctype html><html><body><h1>Bells</h1><p>Four bells hang in the tower of Ardley. [1]</p>{}</body></html>"


def with_browser(tmp_path: Path, executable: Path | None = None) -> Settings:
    servers = {"browser": {"executable": str(executable)}} if executable else {}
    return Settings(home=tmp_path / "home", servers=servers)


async def test_without_a_browser_it_is_said_what_to_install(tmp_path: Path) -> None:
    settings = with_browser(tmp_path, tmp_path / "no-such-browser")
    problem = await print_page(PAGE, tmp_path / "report.pdf", settings)
    assert "There is no Chromium" in problem
    assert "apt-get install chromium" in problem
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.parametrize(
    ("does", "said"), [("sleep 60", "longer than 0.3 s"), ("exit 3", "ended with 3"), ("exit 0", "nothing")]
)
async def test_a_browser_that_hangs_or_fails_costs_its_time_limit_and_no_report(
    tmp_path: Path, does: str, said: str
) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as open_to_all:  # whoever the browser runs as has to find it
        browser = Path(open_to_all) / "browser"
        browser.parent.chmod(0o755)
        browser.write_text(f"#!{Path(shutil.which('sh') or '/bin/sh').resolve()}\n{does}\n")
        browser.chmod(0o755)
        seconds = 0.3 if "60" in does else 20
        problem = await print_page(PAGE, tmp_path / "report.pdf", with_browser(tmp_path, browser), seconds=seconds)
    assert said in problem
    assert time.monotonic() - began < 20
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.service
async def test_a_real_browser_prints_the_page_and_reaches_nobody(tmp_path: Path) -> None:
    if not any(shutil.which(name) for name in BROWSERS):
        assert os.environ.get("CI") != "true", ".ci/run installs one"
        pytest.skip("no Chromium or Chrome is installed")
    asked: list[bytes] = []

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await _reader.read(100))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    async with server:
        page = PAGE.format(f'<img src="http://127.0.0.1:{port}/pixel.png"><img src="http://tracker.example/p.png">')
        problem = await print_page(page, tmp_path / "report.pdf", with_browser(tmp_path))
    assert problem == ""
    from pypdf import PdfReader

    text = "".join(each.extract_text() for each in PdfReader(tmp_path / "report.pdf").pages)
    assert "Four bells hang in the tower of Ardley." in text
    assert asked == []
