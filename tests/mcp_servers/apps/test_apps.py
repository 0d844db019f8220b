"""Three results are shown as pages that hold everything they need and let nothing else in."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.events import PlanMade, PlannedStep, StepFinished, StepStarted
from lyceum.settings import Settings
from mcp_servers.apps.extension import SHOWN, page
from mcp_servers.runs.views import planned
from mcp_servers.serve import Choice, combined
from tests.serving import serving

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
ROWS = {"columns": ["name", "sold"], "rows": [["b", 2], ["a", 10], [HOSTILE, 1]]}
PASSAGES = {
    "confident": True,
    "hits": [{"id": "doc:1", "confidence": 0.9}],
    "sources": [{"id": "doc:1", "title": "Lamps", "locator": "page 3", "text": f"The lighthouse has lamps. {HOSTILE}"}],
}
PLAN = {
    **{
        "asked": "Why?",
        "run": "r1",
        "flow": "research",
        "status": "running",
        "at": "step 2",
        "answer": "",
        "error": "",
    },
    "plan": [
        {"id": "1", "role": "researcher", "task": "find", "needs": [], "state": "done"},
        {"id": "2", "role": "analyst", "task": HOSTILE, "needs": ["1"], "state": "running"},
    ],
}


async def test_tools_name_their_page_and_clients_without_apps_get_the_same_text(tmp_path: Path) -> None:
    choice = Choice(tools=[*SHOWN, "sql_databases"], namespace="my")
    async with Client(combined(Settings(home=tmp_path), choice)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["my_sql_databases"].meta is None
        for name, shown in SHOWN.items():
            meta = tools[f"my_{name}"].meta or {}
            assert meta["ui"]["resourceUri"] == f"ui://lyceum/{shown}.html"
            found: Any = (await client.read_resource(meta["ui"]["resourceUri"])).contents[0]
            assert found.mime_type == "text/html;profile=mcp-app"
            assert found.text == page(shown)
        answer: Any = await client.call_tool("my_sql_query", {"sql": "SELECT 1 AS one"})
        assert json.loads(answer.content[0].text) == answer.structured_content


@pytest.mark.parametrize("name", sorted(set(SHOWN.values())))
def test_a_page_is_whole_in_itself_and_its_policy_allows_only_what_is_in_it(name: str) -> None:
    text = page(name)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    assert len(re.findall(r"'sha256-", policy[1])) == 2
    assert not re.search(
        r"\b(src|href)=|innerHTML|insertAdjacent|document\.write|eval\(|https?://(?!www\.w3\.org/2000/svg)", text
    )


def test_a_plan_says_how_far_each_step_is() -> None:
    of: Any = {"run": "r", "seq": 1}
    steps = [PlannedStep(id=n, role="r", task="t") for n in "1234"]
    events = [
        PlanMade(**of, steps=steps),
        StepStarted(**of, step="1", role="r", task="t"),
        StepFinished(**of, step="1", ok=True),
        StepStarted(**of, step="2", role="r", task="t"),
        StepStarted(**of, step="3", role="r", task="t"),
        StepFinished(**of, step="3", ok=False),
    ]
    assert [step.state for step in planned(events)] == ["done", "running", "failed", "planned"]


HOST = """<!doctype html><meta charset="utf-8"><title>host</title>
<iframe id="app" sandbox="allow-scripts" width="800" height="600"></iframe>
<script>
const app = document.getElementById('app'), seen = [];
function give(message) { app.contentWindow.postMessage({ jsonrpc: '2.0', ...message }, '*'); }
addEventListener('message', (event) => {
  const m = event.data;
  seen.push(m.method);
  if (m.method === 'ui/initialize') give({ id: m.id, result: {
    protocolVersion: m.params.protocolVersion, hostInfo: { name: 'h', version: '1' }, hostCapabilities: {},
    hostContext: {} } });
  else if (m.method === 'ui/notifications/initialized') {
    give({ method: 'ui/notifications/tool-input', params: { arguments: INPUT } });
    give({ method: 'ui/notifications/tool-result', params: RESULT });
  } else if (m.probe) fetch('/told', { method: 'POST', body: JSON.stringify({ seen, ...m.probe }) });
});
app.srcdoc = PAGE;
</script>"""
PROBE = """
addEventListener('message', (event) => setTimeout(() => {
  if (event.data.method !== 'ui/notifications/tool-result') return;
  const before = [...document.querySelectorAll('tbody tr')].map((row) => row.textContent);
  for (const button of document.querySelectorAll('th button')) button.click();
  parent.postMessage({ probe: { text: document.body.innerText, title: document.title, before,
    after: [...document.querySelectorAll('tbody tr')].map((row) => row.textContent),
    marks: [...document.querySelectorAll('mark')].map((mark) => mark.textContent),
    bars: document.querySelectorAll('svg rect').length, images: document.images.length,
    nested: document.querySelectorAll('li li').length } }, '*');
}, 50));
"""


def shown_by(chromium: str, text: str, profile: Path) -> dict[str, Any]:
    """Let a browser load this page from this machine; return what the page tells."""
    answers: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            answers.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with serving(Handler) as url:
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        browser = subprocess.Popen(
            [*command, "--remote-debugging-port=0", f"{url}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return json.loads(answers.get(timeout=90))
        finally:
            browser.terminate()
            browser.wait(20)


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "given", "result"),
    [("rows", {}, ROWS), ("passages", {"query": "How many lamps?"}, PASSAGES), ("plan", {}, PLAN)],
)
def test_a_browser_shows_the_page_and_runs_nothing_of_a_hostile_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, given: dict[str, Any], result: dict[str, Any]
) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is here")
    read = Path.read_text

    def probed(self: Path, *args: Any, **kwargs: Any) -> str:  # the policy names the script with the probe in it
        return read(self, *args, **kwargs) + (PROBE if self.name == "host.js" else "")

    monkeypatch.setattr(Path, "read_text", probed)
    page.cache_clear()
    shown = page(name)
    page.cache_clear()
    monkeypatch.undo()
    filled = {"INPUT": given, "RESULT": {"content": [], "structuredContent": result}, "PAGE": shown}
    text = re.sub(r"\b(INPUT|RESULT|PAGE)\b", lambda m: json.dumps(filled[m[1]]).replace("</", "<\\/"), HOST)
    told = shown_by(chromium, text, tmp_path / "profile")
    assert told["title"] != "owned"
    assert told["images"] == 0
    assert HOSTILE in told["text"]
    assert "ui/notifications/size-changed" in told["seen"]
    if name == "rows":
        assert told["before"][:2] == ["b2", "a10"]
        assert told["after"] == [f"{HOSTILE}1", "b2", "a10"], "sorted by the last column, as numbers"
        assert told["bars"] == 3
    if name == "passages":
        assert told["marks"] == ["lamps"]
        assert "90 %" in told["text"]
    if name == "plan":
        assert told["nested"] == 1
        assert "✓ researcher: find" in told["text"]
