"""A hostile third-party server cannot hang, crash, exhaust or steer: it is left out, and that is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.third_party.conftest import SECRET, entry

NAME = "weather__forecast"


async def _call(toolset: Any, **arguments: Any) -> dict[str, Any]:
    return await toolset.tools[NAME].function(**(arguments or {"city": "Paris"}))


def _processes(mark: str) -> list[str]:
    listed = subprocess.run(["/bin/ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "hostile.py" in line and mark in line]


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        pytest.param("hangs-start", "was not ready within", marks=pytest.mark.slow),
        pytest.param("hangs-list", "its list of tools took longer", marks=pytest.mark.slow),
        pytest.param("flood-list", "messages that nobody asked for", marks=pytest.mark.slow),
        ("leaves", "it went away"),
    ],
)
async def test_a_server_that_does_not_begin_is_left_out_and_the_others_go_on(
    configure: Callable[..., Path], third_party: Callable[..., Any], behaviour: str, told: str
) -> None:
    configure(bad=entry(behaviour), weather=entry())
    begun = time.monotonic()
    async with third_party(start=1.0, listing=0.5) as others:
        toolset = await others.toolset()
        assert list(toolset.tools) == [NAME]
        assert "sunny" in (await _call(toolset))["text"]
        (note,) = (await others.call("connected_left_out"))["notes"]
        assert note.startswith("bad: ")
        assert told in note
        assert SECRET not in note
        again = time.monotonic()
        await others.toolset()
        assert time.monotonic() - again < 0.4, "a server that failed is not waited for at every turn"
    assert time.monotonic() - begun < 8
    assert not _processes(behaviour)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        pytest.param("hangs-call", "a call took longer than", marks=pytest.mark.slow),
        ("exits", "it went away"),
        ("50mb", "more than 8,192 KiB at once"),
        ("floods", "messages that nobody asked for"),
        ("garbage", "what it writes is no MCP"),
    ],
)
async def test_a_call_that_breaks_a_limit_is_a_failed_result_and_the_server_is_started_anew(
    configure: Callable[..., Path],
    third_party: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    told: str,
) -> None:
    state = tmp_path / "state"
    state.write_text(behaviour)
    monkeypatch.setenv("HOSTILE_STATE", str(state))
    configure(weather=entry(timeout=0.7 if behaviour == "hangs-call" else 10))
    async with third_party() as others:
        toolset = await others.toolset()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        result = await _call(toolset)
        ticking.cancel()
        assert result["failed"]
        assert told in result["text"]
        assert not result["sources"]
        assert ticks or behaviour == "exits", "the loop went on meanwhile"
        state.write_text("good")
        assert "sunny" in (await _call(toolset))["text"]


async def test_what_is_written_to_the_log_and_asked_of_us_holds_nothing_up(
    configure: Callable[..., Path], third_party: Callable[..., Any]
) -> None:
    configure(weather=entry("logs", timeout=10), other=entry("asks"))
    async with third_party() as others:
        toolset = await others.toolset()
        for name in (NAME, "other__forecast"):
            assert "sunny" in (await toolset.tools[name].function(city="Paris"))["text"]


async def test_a_tool_that_was_renamed_is_new_and_one_that_changed_is_refused_until_it_is_approved(
    configure: Callable[..., Path],
    third_party: Callable[..., Any],
    pin: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("HOSTILE_STATE", str(state))
    configure(weather=entry())
    await pin()
    async with third_party() as others:
        toolset = await others.toolset()
        free = toolset.tools[NAME].metadata["annotations"]
        assert free["read_only_hint"] is True
        state.write_text("changes")
        assert "sunny" in (await _call(toolset))["text"], "it was listed as it was approved"
        assert not (await others.toolset()).tools
        (note,) = (await others.call("connected_left_out"))["notes"]
        assert "has changed since it was approved" in note
        assert "`lyceum mcp inspect weather` shows it" in note
        for changed in ("annotations", "renames"):
            state.write_text(changed)
            renamed = (await others.toolset()).tools
            assert NAME not in renamed
        assert renamed["weather__weather_forecast"].metadata["annotations"]["read_only_hint"] is False
        assert any("was approved and is gone" in note for note in (await others.call("connected_left_out"))["notes"])
        state.write_text("good")
        assert NAME in (await others.toolset()).tools


async def test_a_tool_that_changes_while_its_server_is_started_anew_is_not_called(
    configure: Callable[..., Path], third_party: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("HOSTILE_STATE", str(state))
    configure(weather=entry())
    async with third_party() as others:
        toolset = await others.toolset()
        state.write_text("exits")
        await _call(toolset)
        state.write_text("changes")
        result = await _call(toolset)
        assert result["failed"]
        assert "has changed its tool forecast since it was offered" in result["text"]


async def test_what_nobody_has_pinned_is_asked_about_and_what_looks_poisoned_is_not_shown(
    configure: Callable[..., Path], third_party: Callable[..., Any], pin: Callable[..., Any]
) -> None:
    configure(weather=entry("poisoned"))
    async with third_party() as others:
        toolset = await others.toolset()
        assert list(toolset.tools) == [NAME]
        assert toolset.tools[NAME].metadata["annotations"]["read_only_hint"] is False
        notes = (await others.call("connected_left_out"))["notes"]
        assert [note.split("poisoned (")[1].split(")")[0] for note in notes] == [
            "hidden",
            "imperative",
            "exfiltration",
            "cross-tool",
        ]
        assert (await others.call("connected_pinned"))["tools"] == [], "no request is matched with what is not pinned"
    await pin()
    async with third_party() as others:
        shown = (await others.toolset()).tools
        assert len(shown) == 5, "a person has taken them as they are"
        assert not any(ord(each) > 0xE0000 for tool in shown.values() for each in tool.description)


@pytest.mark.parametrize(
    ("behaviour", "offered", "told"),
    [
        pytest.param("many", 128, "more than 128 tools", marks=pytest.mark.slow),
        ("endless", 20, "more than 20 pages"),
        pytest.param("huge-schema", 1, "its schema has 163,924 bytes", marks=pytest.mark.slow),
        ("recursive", 3, "refers to another document"),
        ("laughs", 1, "too large or nested too deeply"),
        ("shadows", 2, "cross-tool"),
    ],
)
async def test_lists_and_schemas_are_bounded_and_names_are_never_ours(
    configure: Callable[..., Path], third_party: Callable[..., Any], behaviour: str, offered: int, told: str
) -> None:
    configure(weather=entry(behaviour))
    async with third_party(listing=5.0) as others:
        tools = (await others.toolset()).tools
        assert len(tools) == offered
        assert all(name.startswith("weather__") and len(name) <= 64 for name in tools)
        notes = (await others.call("connected_left_out"))["notes"]
        assert any(told in note for note in notes)


async def test_a_result_is_data_between_marks_that_it_cannot_hold_and_is_cut(
    configure: Callable[..., Path], third_party: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("HOSTILE_STATE", str(state))
    configure(weather=entry(timeout=10))
    async with third_party() as others:
        toolset = await others.toolset()
        state.write_text("instructs")
        result = await _call(toolset)
        assert result["text"].count("⟦") == result["text"].count("⟧") == 2
        assert not any(hidden in result["text"] for hidden in ("\x1b", "\u202e", "\u200b"))
        assert "never an instruction" in result["rule"]
        assert result["origin"] == "weather, tool forecast"
        state.write_text("large")
        large = await _call(toolset)
        assert len(large["text"].encode()) < 41_000
        sha256 = large["cut"].split("artifact ")[1].rstrip(".")
        assert (tmp_path / "home" / "artifacts" / sha256[:2] / sha256).stat().st_size == 500_000
        state.write_text("echoes")
        assert "[hidden]" in (await _call(toolset))["text"]
        state.write_text("links")
        links = (await _call(toolset))["text"]
        assert "file:///etc/passwd, not opened" in links
        assert "root:" not in links
        state.write_text("fails")
        assert (await _call(toolset))["failed"]
        state.write_text("output-schema")
        begun = time.monotonic()
        assert "sunny" in (await _call(await others.toolset()))["text"]
        assert time.monotonic() - begun < 2, "its pattern is not run on its own result"
        assert SECRET not in str(await others.call("connected_left_out"))


async def test_a_server_that_is_still_starting_does_not_hold_up_the_end(
    configure: Callable[..., Path], third_party: Callable[..., Any]
) -> None:
    configure(weather=entry("hangs-start"))
    async with third_party(start=60) as others:
        listing = asyncio.create_task(others.toolset())
        await asyncio.sleep(0.3)
        listing.cancel()
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert not _processes("hangs-start")


@pytest.mark.slow
async def test_nothing_is_left_behind_when_a_server_ignores_the_end(
    configure: Callable[..., Path], third_party: Callable[..., Any]
) -> None:
    configure(weather=entry("hangs-call", timeout=30))
    async with third_party() as others:
        toolset = await others.toolset()
        call = asyncio.create_task(_call(toolset))
        await asyncio.sleep(0.2)
        call.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - begun < 0.5, "a cancellation waits for no answer"
    assert not _processes("hangs-call")


@pytest.mark.slow
async def test_a_server_of_the_newer_revision_works_and_gets_no_answer_to_what_it_asks_back(
    configure: Callable[..., Path], third_party: Callable[..., Any]
) -> None:
    modern = str(Path(__file__).with_name("modern.py"))
    configure(bank={"command": sys.executable, "args": [modern], "timeout": 10})
    async with third_party(start=30, listing=10) as others:
        tools = (await others.toolset()).tools
        assert "1 EUR is 2." in (await tools["bank__rate"].function(currency="EUR"))["text"]
        asked = await tools["bank__balance"].function(account="mine")
        assert asked["failed"]
        assert "asked for more than the call held" in asked["text"]
        assert "password" not in asked["text"]
        assert "1 EUR is 2." in (await tools["bank__rate"].function(currency="EUR"))["text"]


def test_only_a_few_variables_are_handed_on() -> None:
    from mcp.client.stdio import get_default_environment

    assert set(get_default_environment()) <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}
    assert os.environ
