"""A client starts research, shows its plan, approves it and reads the report; as a task, or with plain tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from app.hosted import HostedJobs
from app.wiring import collection_name
from lyceum.runs import ENDED
from lyceum.settings import Settings, load_settings
from mcp_servers.runs.sources import name_of
from mcp_servers.serve import Choice, combined
from mcp_servers.server import ToolServer
from tests.mcp_servers.tasks.caller import calling

QUESTION = "How much does the pump weigh and who makes it?"
APPROVED = {"action": "accept", "content": {"approve": True}}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "pump.md").write_text("# Pump\n\nThe pump weighs 14 kg.\n\nThe pump is made by Hallberg in Lund.\n")
    (folder / "paint.md").write_text("# Paint\n\nThe fence is painted green every second year.\n")
    return folder


def product(home: Path) -> ToolServer:
    settings: Settings = load_settings(offline=True).model_copy(update={"home": home})
    jobs = HostedJobs(settings)
    return combined(settings, Choice(toolsets=["runs"]), jobs=jobs, resume=jobs.resume)


async def test_research_is_a_task_whose_plan_the_user_approves(tmp_path: Path, documents: Path) -> None:
    async with calling(product(tmp_path)) as caller:
        begun = await caller.call("runs_research", question=QUESTION, sources=[f"docs:{documents}"])
        assert begun["resultType"] == "task"
        waiting = await caller.until(begun["taskId"], "input_required", seconds=60)
        [(key, asked)] = waiting["inputRequests"].items()
        assert asked["method"] == "elicitation/create"
        assert "Research plan" in asked["params"]["message"]
        assert set(asked["params"]["requestedSchema"]["properties"]) == {"approve", "reason", "edited"}
        await caller("tasks/update", taskId=begun["taskId"], inputResponses={key: APPROVED})
        done = await caller.until(begun["taskId"], "completed", seconds=60)
        assert "14 kg" in done["result"]["content"][0]["text"]
        assert done["result"]["structuredContent"]["sources"]
    async with calling(combined(Settings(home=tmp_path), Choice(toolsets=["runs"]))) as caller:
        assert await caller.task(begun["taskId"]) == done, "a server that was started later says the same"
        run = done["result"]["structuredContent"]["run"]
        shown = await caller("resources/read", uri=f"runs://{run}")
        assert "14 kg" in shown["result"]["contents"][0]["text"]
        refused = await caller.call("runs_research", question=QUESTION, sources=[f"docs:{documents}"])
        assert "`lyceum mcp serve`" in refused["content"][0]["text"]


async def test_a_client_without_tasks_refuses_a_plan_and_cancels_a_run(tmp_path: Path, documents: Path) -> None:
    async with Client(product(tmp_path)) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            return result.structured_content or {}

        run = (await call("runs_research", question=QUESTION, sources=[f"docs:{documents}"]))["run"]
        after, waiting = 0, []
        while not waiting:
            news = await call("runs_events", run=run, after=after, wait=5)
            after, waiting = max([after, *(e["seq"] for e in news["events"])]), news["waiting"]
        assert (await call("runs_send", run=run, note="prefer documents"))["status"] == "waiting"
        await call("runs_decide", run=run, approval=waiting[0]["approval"], approved=False, reason="Not now.")
        while (await call("runs_events", run=run, after=after, wait=2))["status"] not in ENDED:
            pass
        shown = await call("runs_show", run=run)
        assert (shown["status"], "refused" in shown["answer"]) == ("done", True)
        second = (await call("runs_research", question=QUESTION, sources=[f"docs:{documents}"]))["run"]
        assert (await call("runs_cancel", run=second))["status"] == "cancelled"
        listed = (await call("runs_list"))["runs"]
        assert [(each["run"], each["status"]) for each in listed] == [(second, "cancelled"), (run, "done")]
        for tool, more in (("runs_cancel", {}), ("runs_send", {"note": "drop q1"})):
            again = await client.call_tool(tool, {"run": run, **more})
            assert again.is_error
            assert "already ended" in again.content[0].text  # type: ignore[union-attr]
        strange = await client.call_tool("runs_research", {"question": QUESTION, "sources": ["file:x"]})
        assert "docs:FOLDER" in strange.content[0].text  # type: ignore[union-attr]


async def test_a_folder_is_taken_in_by_a_run_that_is_a_task_and_can_be_followed(
    tmp_path: Path, documents: Path
) -> None:
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    async with calling(product(tmp_path)) as caller:
        begun = await caller.call("runs_ingest", path=str(documents), collection="pumps")
        done = await caller.until(begun["taskId"], "completed", seconds=60)
        assert "holds 2 documents" in done["result"]["content"][0]["text"]
        run = done["result"]["structuredContent"]["run"]
    async with Client(product(tmp_path)) as client:
        told: Any = (await client.call_tool("runs_events", {"run": run})).structured_content
        said = " ".join(event["text"] for event in told["events"])
        assert "3 of 3 files" in said
        assert "left out broken.pdf" in said
        shown: Any = (await client.call_tool("runs_list", {"fields": ["flow", "status", "asked"]})).structured_content
        assert shown["runs"] == [{"flow": "ingest", "status": "done", "asked": str(documents)}]
        for wrong in ({"path": str(tmp_path / "none")}, {"path": str(documents), "collection": "No Name"}):
            assert (await client.call_tool("runs_ingest", wrong)).is_error
    async with Client(combined(Settings(home=tmp_path))) as client:
        asked = {"query": "Who makes the pump?", "collection": "pumps"}
        found: Any = (await client.call_tool("retrieval_search", asked)).structured_content
        assert "Hallberg" in found["sources"][0]["text"]


def test_a_folder_has_one_name_on_every_face(documents: Path) -> None:
    assert name_of(documents) == collection_name(documents)
