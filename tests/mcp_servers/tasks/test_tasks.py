"""Long calls become tasks, for clients that know them: followed, answered, cancelled, and there after a restart."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.server.mcpserver import Context
from pydantic import BaseModel

from lyceum.errors import UserError
from lyceum.settings import Settings
from mcp_servers.sealing import home_key
from mcp_servers.serve import Choice, combined
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from mcp_servers.tasks.extension import Tasks
from mcp_servers.tasks.ids import TaskIds, Ticket
from tests.mcp_servers.tasks.caller import calling

YES = {"action": "accept", "content": {"confirm": True}}


def product(home: Path) -> ToolServer:
    return combined(Settings(home=home), Choice(toolsets=["course"], conformance=True))


async def test_a_long_call_becomes_a_task_and_a_quick_one_is_answered_at_once(tmp_path: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        quick = await caller.call("slow_compute", seconds=0)
        assert quick["resultType"] == "complete"
        begun = await caller.call("slow_compute", seconds=0.2, label="long")
        assert (begun["resultType"], begun["status"]) == ("task", "working")
        done = await caller.until(begun["taskId"], "completed")
        assert done["result"]["structuredContent"] == {"text": "Slept for 0.2 s. long"}
        assert await caller.task(begun["taskId"]) == done


async def test_a_client_that_knows_no_tasks_waits_or_is_told_what_it_lacks(tmp_path: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        plain = caller.without_tasks()
        assert (await plain.call("slow_compute", seconds=0.1))["structuredContent"]["text"].startswith("Slept")
        refused = await plain("tools/call", name="failing_job", arguments={})
        assert refused["error"]["code"] == -32021
        assert (await plain("tasks/get", taskId="x"))["error"]["code"] == -32021


async def test_a_task_asks_and_takes_only_an_answer_that_fits(tmp_path: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        task = (await caller.call("multi_input"))["taskId"]
        waiting = await caller.until(task, "input_required")
        async with asyncio.timeout(5):
            while len(waiting["inputRequests"]) < 2:
                waiting = await caller.task(task)
        first, second = waiting["inputRequests"]
        unfit = await caller("tasks/update", taskId=task, inputResponses={first: {"action": "accept", "content": {}}})
        assert "confirm" in unfit["error"]["message"]
        await caller("tasks/update", taskId=task, inputResponses={first: YES})
        assert set((await caller.task(task))["inputRequests"]) == {second}
        await caller("tasks/update", taskId=task, inputResponses={second: {"action": "decline"}, "strange": 1})
        done = await caller.until(task, "completed")
        assert done["result"]["structuredContent"]["text"] in ("accept, decline", "decline, accept")


class Nothing(BaseModel):
    pass


async def test_a_cancelled_task_stops_its_subprocess_within_two_seconds(tmp_path: Path) -> None:
    server = ToolServer("test", instructions="")
    ended = asyncio.Event()

    @server.expose(title="Wait", effect="run", task="optional")
    async def wait_long(context: Context[Any, Any]) -> Nothing:
        """Wait for a subprocess that takes minutes."""
        process = await asyncio.create_subprocess_exec("sleep", "180")
        try:
            await context.report_progress(1, 3, "waiting")
            await process.wait()
        finally:
            process.kill()
            await process.wait()
            ended.set()
        return Nothing()

    tasks = Tasks(tmp_path, Services(tmp_path), server.own_tools)
    async with calling(ToolServer("test", instructions="", tools=server.own_tools, extensions=[tasks])) as caller:
        task = (await caller.call("wait_long"))["taskId"]
        begun = await caller.task(task)
        assert (begun["status"], begun["statusMessage"]) == ("working", "1 of 3: waiting")
        assert (await caller("tasks/cancel", taskId=task))["result"]["resultType"] == "complete"
        assert (await caller.task(task))["status"] == "cancelled"
        await asyncio.wait_for(ended.wait(), 2)
        assert (await caller("tasks/cancel", taskId=task))["result"]["resultType"] == "complete"


async def test_a_restarted_server_answers_for_tasks_of_the_one_before(tmp_path: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        task = (await caller.call("slow_compute", seconds=0.1))["taskId"]
        done = await caller.until(task, "completed")
    async with calling(product(tmp_path)) as caller:
        assert await caller.task(task) == done
    (tmp_path / "mcp.key").unlink()
    async with calling(product(tmp_path)) as caller:
        assert (await caller("tasks/get", taskId=task))["error"]["code"] == -32602


async def test_a_restarted_server_takes_the_second_round_of_a_call(tmp_path: Path) -> None:
    tool = "test_input_required_result_request_state"
    async with calling(product(tmp_path)) as caller:
        first = await caller.call(tool)
        assert first["resultType"] == "input_required"
    answers = {"confirm": {"action": "accept", "content": {"ok": True}}}
    again: dict[str, Any] = {"name": tool, "arguments": {}, "inputResponses": answers}
    async with calling(product(tmp_path)) as caller:
        second = await caller("tools/call", **again, requestState=first["requestState"])
        assert second["result"]["content"][0]["text"] == "state-ok"
        changed = await caller("tools/call", **again, requestState=first["requestState"][:-2] + "xx")
        assert changed["error"]["code"] == -32602


async def test_the_header_that_routes_a_task_is_the_task(tmp_path: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        task = (await caller.call("slow_compute", seconds=0.1))["taskId"]
        wrong = await caller("tasks/get", headers={"Mcp-Name": "another"}, taskId=task)
        assert wrong["error"]["code"] == -32020


def ticket(ttl: int = 60_000) -> Ticket:
    return Ticket(kind="run", run="abc", created=int(time.time() * 1000), ttl=ttl)


@given(
    caller=st.text(max_size=20),
    other=st.text(max_size=20),
    place=st.integers(0, 200),
    sign=st.sampled_from("abcXYZ01-_"),
)
@settings(max_examples=60, deadline=None)
def test_an_id_opens_for_its_caller_only_and_not_after_any_change(
    caller: str, other: str, place: int, sign: str
) -> None:
    ids = TaskIds(b"key")
    task = ids.seal(ticket(), caller)
    assert ids.open(task, caller).run == "abc"
    changed = task[: place % len(task)] + sign + task[place % len(task) + 1 :]
    wrong = (
        [(task, other)] * (other != caller)
        + [(changed, caller)] * (changed != task)
        + [(task[:-1], caller), ("", caller)]
    )
    for given_id, by in wrong:
        with pytest.raises(UserError):
            ids.open(given_id, by)


def test_an_id_opens_until_its_time_is_over(tmp_path: Path) -> None:
    key = home_key(tmp_path)
    assert home_key(tmp_path) == key
    assert (tmp_path / "mcp.key").stat().st_mode & 0o077 == 0
    with pytest.raises(UserError, match="no such task"):
        TaskIds(key).open(TaskIds(key).seal(ticket(ttl=-1), ""), "")
