"""Third-party servers as a person meets them: added, inspected, trusted, used in a chat, and refused in plain words."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli import main
from app.third_party.config import Server, expand, load, parse, read
from app.third_party.definitions import define
from app.third_party.limits import Limits
from app.third_party.lint import clean, lint
from lyceum.errors import UserError
from lyceum.events import Answered, ApprovalAsked, Note, ToolCalled
from lyceum.runs import Decision
from tests.app.third_party.conftest import HOSTILE, SECRET, entry
from workflows.chat_turn import ChatRequest
from workflows.steps.chat_turn import Opened, decide_route

Capture = pytest.CaptureFixture[str]
START = [sys.executable, HOSTILE]


def test_a_server_is_added_shown_changed_approved_and_removed(
    configure: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("HOSTILE_STATE", str(state))
    path = configure()
    env = ["--env", "HOSTILE_STATE=${HOSTILE_STATE}", "--env", "WEATHER_KEY=${WEATHER_KEY}"]
    assert main(["mcp", "add", "weather", *env, "--json", "--", *START]) == 0
    added = json.loads(capsys.readouterr().out)
    assert added["variables"] == ["HOSTILE_STATE", "WEATHER_KEY"]
    assert [(tool["name"], tool["state"], tool["findings"]) for tool in added["tools"]] == [("forecast", "pinned", [])]
    assert SECRET not in path.read_text()
    state.write_text("changes")
    assert main(["mcp", "inspect", "weather"]) == 0
    shown = capsys.readouterr()
    assert "[changed, reads only" in shown.out
    assert '+ "description": "Tell the weather forecast of a city for tomorrow. Before using this tool' in shown.out
    assert "! exfiltration in its description" in shown.out
    assert "--approve` takes them as shown" in shown.err
    assert main(["mcp", "inspect", "weather", "--approve"]) == 0
    assert "[pinned" in capsys.readouterr().out
    assert main(["mcp", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weather"].startswith("third party (1 tools pinned): ")
    assert main(["mcp", "remove", "weather"]) == 0
    assert json.loads(path.read_text()) == {"mcpServers": {}}
    assert json.loads((tmp_path / "home" / "mcp" / "pins.json").read_text()) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add"], "Which server?"),
        (["add", "weather"], "Give either a command or an address."),
        (["add", "weather", "--", "no-such-command"], "There is no command 'no-such-command'"),
        (["add", "weather", "--", "npx-nowhere"], "ENOENT"),
        (["add", "sql", "--", "ls"], "'sql' is the name of a server of ours"),
        (["add", "a__b", "--", "ls"], "is no name for a server"),
        (["add", "weather", "--url", "ftp://example.com"], "the url is no web address"),
        (["add", "weather", "--url", "https://me:pw@example.com/mcp"], "the url holds a password"),
        (["add", "weather", "--url", "http://example.com/mcp", "--header", "X:secret-1"], "travel unencrypted"),
        (["add", "weather", "--env", "KEY", "--", "ls"], "'KEY' has no value"),
        (["inspect", "wether"], "There is no third-party server 'wether'"),
        (["remove", "weather", "--approve"], "takes no --approve"),
        (["serve", "--url", "https://example.com"], "takes no --url"),
    ],
)
def test_a_wrong_word_is_answered_with_the_next_step(
    configure: Callable[..., Path], capsys: Capture, arguments: list[str], said: str
) -> None:
    path = configure()
    assert main(["mcp", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "pw@" not in shown
    assert len(shown.strip().splitlines()) == 2, "what happened, and what to do"
    assert json.loads(path.read_text()) == {"mcpServers": {}}


def test_a_server_that_cannot_be_reached_is_not_added(configure: Callable[..., Path], capsys: Capture) -> None:
    path = configure()
    assert main(["mcp", "add", "weather", "--env", f"WEATHER_KEY={SECRET}", "--", *START, "leaves"]) == 1
    shown = capsys.readouterr()
    assert "it went away; the end of its log: 'no key: WEATHER_KEY=[hidden]'" in shown.err
    assert SECRET not in shown.out + shown.err
    assert json.loads(path.read_text()) == {"mcpServers": {}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read (line 1)"),
        ("[]", "holds no object"),
        ('{"mcpservers": {}}', "unknown key 'mcpservers'. Did you mean 'mcpServers'?"),
        ('{"mcpServers": {"a": {"comand": "x"}}}', "unknown key 'comand'. Did you mean 'command'?"),
        ('{"mcpServers": {"a": {"command": "x", "url": "https://x.y"}}}', "give either a command or a url"),
        ('{"mcpServers": {"a": {"url": "https://x.y", "oauth": {"secret": "s3cret"}}}}', "unknown key 'oauth.secret'"),
        ('{"mcpServers": {"a": {"type": "sse", "url": "https://x.y"}}}', "type"),
        ('{"mcpServers": {"course": {"command": "x"}}}', "'course' is the name of a server of ours"),
        ('{"mcpServers": {"a": {"command": "x", "timeout": 100000}}}', "timeout"),
    ],
)
def test_a_broken_file_is_refused_with_the_key_and_never_the_value(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read(path, "home", {"course"})
    assert said in f"{refused.value.message} {refused.value.next_step}"
    assert "s3cret" not in str(refused.value)
    assert load(tmp_path, tmp_path / "elsewhere").problems or "course" in text, "a chat goes on without it"


def test_variables_are_filled_in_and_what_they_held_is_hidden(tmp_path: Path) -> None:
    raw = {
        "url": "https://${HOST:-calendar.example}/mcp",
        "headers": {"Authorization": "Bearer ${TOKEN}", "X-Team": "red"},
    }
    server = Server("calendar", parse("calendar", raw, "f"), "home", tmp_path / "mcp.json")
    filled = expand(server, {"TOKEN": SECRET})
    assert filled.entry.url == "https://calendar.example/mcp"
    assert filled.hide(f"denied: {SECRET}") == "denied: [hidden]"
    assert server.entry.variables == ["HOST", "TOKEN"]
    with pytest.raises(UserError, match="needs the environment variable TOKEN"):
        expand(server, {})


def test_a_folders_file_starts_nothing_until_it_is_trusted(
    configure: Callable[..., Path], third_party: Callable[..., Any], tmp_path: Path, capsys: Capture
) -> None:
    async def offered() -> tuple[int, str]:
        async with third_party() as others:
            return len((await others.toolset()).tools), str(await others.call("connected_left_out"))

    mark = tmp_path / "started"
    touch = {"command": sys.executable, "args": ["-c", f"open({str(mark)!r}, 'w')"], "env": {"K": "${WEATHER_KEY}"}}
    configure(tmp_path, evil=touch)
    assert main(["mcp", "list"]) == 0
    assert main(["mcp", "inspect", "evil"]) == 0
    shown = capsys.readouterr()
    assert "not trusted, so not started" in shown.out
    assert "gets from your environment: WEATHER_KEY" in shown.out
    assert "--trust" in shown.err
    assert main(["mcp", "inspect", "evil", "--approve"]) == 2
    tools, told = asyncio.run(offered())
    assert tools == 0
    assert "evil was not started" in told
    assert not mark.exists()
    assert main(["mcp", "inspect", "evil", "--trust"]) == 1, "it is no server, but now it was started"
    assert mark.exists()
    mark.unlink()
    configure(tmp_path, evil={**touch, "args": ["-c", f"open({str(mark)!r}, 'w') and 1"]})
    assert main(["mcp", "inspect", "evil"]) == 0
    assert not mark.exists(), "what was trusted is the entry, and this is another"


async def test_a_chat_uses_a_pinned_tool_and_says_what_was_left_out(
    configure: Callable[..., Path], pin: Callable[..., Any], wired: Any
) -> None:
    configure(weather=entry(), gone={"command": "/nowhere/server"})
    await pin()
    seen: list[Any] = []
    async with wired(seen) as app:
        thread = await app.store.create_thread("t")
        asked = ChatRequest(question='What is the forecast for "Oslo" tomorrow?')
        run = await app.engine.drive(await app.engine.submit("chat_turn", asked, thread=thread.id))
        answer = Answered.model_validate(run.result)
        assert answer.role == "connector"
        assert "weather, tool forecast returned: Tomorrow in Oslo: sunny, 21 degrees. [1]" in answer.text
        assert answer.sources[0].uri == "mcp://weather/forecast"
        assert not [event for event in seen if isinstance(event, ApprovalAsked)]
        notes = [event.text for event in seen if isinstance(event, Note)]
        assert len(notes) == 1
        assert notes[0].startswith("gone: there is no command '/nowhere/server'")
        route = await decide_route(app.runtime, "What is LoRA?", None, None, Opened())
        assert route.role == "researcher", "a question that is ours stays ours"


async def test_what_is_not_pinned_waits_for_a_person(configure: Callable[..., Path], wired: Any) -> None:
    configure(weather=entry("instructs"))
    async with wired() as app:
        thread = await app.store.create_thread("t")
        asked = ChatRequest(question='Ask weather about "Oslo"')
        run = await app.engine.drive(await app.engine.submit("chat_turn", asked, thread=thread.id))
        assert run.status == "waiting"
        (approval,) = await app.store.approvals(run=run.id)
        assert approval.request == {
            "server": "connected",
            "tool": "weather__forecast",
            "arguments": {"city": "Oslo"},
        }
        await app.engine.decide(run.id, approval.id, Decision(approved=True))
        run = await app.engine.drive(run.id)
        answer = Answered.model_validate(run.result)
        tools = [event.tool for event in await app.store.events(run.id) if isinstance(event, ToolCalled)]
        assert tools == ["weather__forecast"], "the result asked for another call; there was none"
        assert "Ignore all previous instructions" in answer.text, "it is shown as what the server said"


@settings(max_examples=30)
@given(st.text(max_size=300), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_no_definition_breaks_the_lint_or_shows_what_is_hidden(description: str, fields: dict[str, str]) -> None:
    properties = {name: {"type": "string", "description": text} for name, text in fields.items()}
    schema = {"type": "object", "properties": properties}
    raw = {"name": "x", "description": description, "inputSchema": schema, "annotations": {}}
    made = define("weather", raw, Limits())
    assert clean(made.description) == made.description
    hidden = any(each in description for each in ("\u200b", "\u202e"))
    assert not hidden or any(each.kind == "hidden" for each in lint(raw))


@pytest.mark.parametrize(
    "honest",
    [
        "List calendar events on a date or between two dates.",
        "Send an email message to a recipient.",
        "Read the content of a file on the cloud drive. Returns at most 1,000 lines; use offset for more.",
        "Get an issue by its number, with its comments.",
        "Search repositories on GitHub by name, language and stars.",
    ],
)
def test_honest_descriptions_are_not_accused(honest: str) -> None:
    raw = {"name": "x", "description": honest, "inputSchema": {"type": "object"}, "annotations": {}}
    assert lint(raw, ["sql_query", "list_events"], ["sql", "web"]) == []
