# pyright: basic, reportMissingImports=false
"""Opens pages with browser-use: runs in the environment of requirements/browser.lock and speaks MCP over stdio.

It knows nothing of Lyceum. Every page gets a Chromium of its own with an empty profile, which is ended afterwards. All
connections, also those to loopback, go through the proxy that LYCEUM_BROWSER names; without one nothing is opened.
browser-use's own MCP server is not used: it tells its makers the command lines of its parents, keeps profiles and
downloads, and has no tool that says what a person sees.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import json
import os
import shutil
import tempfile
import threading
import time
from typing import Any, NoReturn

GIVEN = json.loads(os.environ.pop("LYCEUM_BROWSER"))  # proxy, folder, executable, sandbox, most
os.environ.update(
    ANONYMIZED_TELEMETRY="false",
    BROWSER_USE_CLOUD_SYNC="false",
    BROWSER_USE_VERSION_CHECK="false",
    BROWSER_USE_CLOUD_HINTS="false",
    BROWSER_USE_SETUP_LOGGING="false",
    BROWSER_USE_CONFIG_DIR=GIVEN["folder"],
)

import psutil  # noqa: E402
from browser_use.browser import BrowserProfile, BrowserSession  # noqa: E402
from browser_use.browser.events import NavigateToUrlEvent  # noqa: E402
from mcp.server import MCPServer  # noqa: E402

# What nobody sees is marked, so that it can be left out: not shown, without size or colour, or outside of the page.
READ = """(most) => {
  const colour = value => (value.match(/[\\d.]+/g) || []).map(Number);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== 'none') return null;
      const [r, g, b, a = 1] = colour(style.backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  for (const node of document.body ? document.body.querySelectorAll('*') : []) {
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    let unseen = style.display === 'none' || style.visibility !== 'visible' || Number(style.opacity) < 0.1
      || parseFloat(style.fontSize) < 3 || /inset\\(\\s*(50|100)%|rect\\(0/.test(style.clipPath + style.clip);
    unseen ||= box.width > 0 && (box.right + scrollX < 1 || box.bottom + scrollY < 1);
    unseen ||= style.overflow !== 'visible' && style.display !== 'inline' && (box.width < 2 || box.height < 2);
    const own = [...node.childNodes].some(each => each.nodeType === 3 && each.data.trim());
    if (own && !unseen) {
      const [r, g, b, a = 1] = colour(style.color), under = ground(node);
      const apart = under && Math.abs(r - under[0]) + Math.abs(g - under[1]) + Math.abs(b - under[2]);
      unseen = a < 0.1 || (under !== null && apart < 24);
    }
    if (unseen) node.setAttribute('hidden', '');
  }
  const links = [...document.links].filter(link => !link.closest('[hidden]') && /^https?:/.test(link.href))
    .slice(0, 200).map(link => [link.href.slice(0, 2000), link.textContent.trim().replace(/\\s+/g, ' ').slice(0, 200)]);
  const entry = performance.getEntriesByType('navigation')[0];
  const html = document.documentElement ? document.documentElement.outerHTML : '';
  return {url: location.href, title: document.title.slice(0, 300), kind: document.contentType, links,
          status: entry ? entry.responseStatus || 0 : 0, whole: html.length, html: html.slice(0, most)};
}"""
SEEN = "[document.readyState, document.body ? document.body.innerText.length : 0, location.href]"

server = MCPServer("pages", instructions="Opens one page at a time.", log_level="ERROR")


@server.tool()
async def open_page(url: str, seconds: float, picture: bool) -> dict[str, Any]:
    """Open a page as a browser shows it and read what can be seen of it within so many seconds."""
    profile = tempfile.mkdtemp(prefix="profile-", dir=GIVEN["folder"])
    session = BrowserSession(browser_profile=_profile(profile))
    try:
        await asyncio.wait_for(session.start(), 30)
        return await _opened(session, url, seconds, picture)
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(session.kill(), 5)
        _end_browsers()
        shutil.rmtree(profile, ignore_errors=True)


async def _opened(session: BrowserSession, url: str, seconds: float, picture: bool) -> dict[str, Any]:
    cdp = await session.get_or_create_cdp_session()
    await session.cdp_client.send.Browser.setDownloadBehavior(params={"behavior": "deny"})
    ends = time.monotonic() + seconds  # a browser that starts slowly takes nothing from the page
    going = asyncio.ensure_future(_go(session, url))
    slow = await _settled(cdp, ends, going)
    going.cancel()
    found = await _evaluate(cdp, f"({READ})({GIVEN['most']})", max(3.0, ends - time.monotonic()))
    if not isinstance(found, dict):
        return {"problem": "the page is busy and cannot be read"}
    found["slow"] = slow
    if picture:
        with contextlib.suppress(Exception):
            data = await asyncio.wait_for(session.take_screenshot(full_page=False), 10)
            found["picture"] = base64.b64encode(data).decode()
    return found


async def _go(session: BrowserSession, url: str) -> None:
    with contextlib.suppress(Exception):
        await session.event_bus.dispatch(NavigateToUrlEvent(url=url))


async def _settled(cdp: Any, ends: float, going: asyncio.Future[None]) -> bool:
    """Wait until the page's text has stayed the same for a while; true where time ran out before."""
    last, since = None, time.monotonic()
    while time.monotonic() < ends:
        seen = await _evaluate(cdp, SEEN, min(2.0, max(0.1, ends - time.monotonic())))
        if seen != last:
            last, since = seen, time.monotonic()
        still = time.monotonic() - since
        loaded = seen and seen[0] == "complete" and seen[2] != "about:blank"
        if loaded and ((seen[1] > 200 and still > 0.5) or still > 1.5):
            return False
        if going.done() and seen and seen[2] == "about:blank" and still > 1.5:
            return False
        await asyncio.sleep(0.1)
    return True


async def _evaluate(cdp: Any, expression: str, seconds: float) -> Any:
    params = {"expression": expression, "returnByValue": True}
    try:
        sent = cdp.cdp_client.send.Runtime.evaluate(params=params, session_id=cdp.session_id)
        answer = await asyncio.wait_for(sent, seconds)
        return answer.get("result", {}).get("value")
    except Exception:  # noqa: BLE001 - a page that goes elsewhere or hangs answers with whatever it likes
        return None


def _profile(folder: str) -> BrowserProfile:
    return BrowserProfile(
        headless=True,
        executable_path=GIVEN["executable"],
        user_data_dir=folder,
        downloads_path=f"{folder}/downloads",
        accept_downloads=False,
        auto_download_pdfs=False,
        enable_default_extensions=False,
        chromium_sandbox=GIVEN["sandbox"],
        permissions=[],
        keep_alive=False,
        ignore_default_args=["--disable-popup-blocking"],
        args=[
            f"--proxy-server={GIVEN['proxy']}",
            "--proxy-bypass-list=<-loopback>",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            "--disable-quic",
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
            "--dns-prefetch-disable",
            "--block-new-web-contents",
            "--disable-file-system",
        ],
        viewport={"width": 1280, "height": 900},
    )


def _end_browsers() -> None:
    """End whatever a browser left behind, also what has lost its parent meanwhile."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(2)


def _adopt() -> None:
    """On Linux, become the parent of what browsers leave behind, so that all of it is found and ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _leave_with(parent: int) -> None:
    """End everything when whoever started this process is gone, whatever it is waiting for."""
    while os.getppid() == parent:
        time.sleep(0.5)
    _leave()


def _leave() -> NoReturn:
    _end_browsers()
    shutil.rmtree(GIVEN["folder"], ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    _adopt()
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    try:
        server.run("stdio")
    finally:
        _leave()
