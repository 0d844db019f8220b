"""Several terminals on one run, and approvals that outlive the process that asked: with real `lyceum` processes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.workflows.conformance.research import Product, asked, counted_tools, kill, wait_for, write_documents
from workflows.steps.research.markdown import stable_part

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_of_two_terminals_that_resume_a_run_one_drives_and_the_other_follows(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents", 20)
    files = [tmp_path / "terminal1", tmp_path / "terminal2"]
    with counted_tools(tmp_path / "tools") as (address, calls):
        product = Product(tmp_path / "home", TOOLS__RETRIEVAL=address, TOOLS__SQL=address)
        calls.held.append("retrieval_search")
        first = product.start("research", *asked(documents), "--yes")
        run = product.run_id()
        wait_for(lambda: any("retrieval_search" in call for call in calls.begun), "the search")
        kill(first)
        terminals = [product.start("runs", "resume", run, told=file) for file in files]
        wait_for(lambda: any("is driven by" in file.read_text() for file in files), "who drives it")
        calls.held.clear()
        said = [each.communicate(timeout=300)[0] for each in terminals]
    told = [file.read_text() for file in files]
    assert [each.returncode for each in terminals] == [0, 0], told
    assert stable_part(said[0]) == stable_part(said[1]) == stable_part(product.report(run))
    [follower] = [place for place in (0, 1) if "is driven by" in told[place]]
    held = re.search(r"is driven by (\S+); following it", told[follower])
    assert held is not None
    assert f":{terminals[1 - follower].pid}:" in held[1]
    assert all("✓ q1" in each and "✓ q2" in each for each in told)  # both saw it happen


async def test_an_approval_is_answered_after_a_restart_and_a_forged_or_stale_one_is_refused(tmp_path: Path) -> None:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    product = Product(tmp_path / "home")
    documents = write_documents(tmp_path / "documents", 20)
    code, said, told = product.run("research", *asked(documents), seconds=300)
    assert (code, said) == (3, ""), told  # it waits, and its process has ended
    run = product.run_id()
    [(approval,)] = product.rows("SELECT id FROM approvals WHERE run = ?", run)
    lyceum = str(Path(sys.executable).parent / "lyceum")
    served = StdioServerParameters(command=lyceum, args=["mcp", "serve", "--toolsets", "runs"], env=product.environment)
    async with Client(stdio_client(served)) as client:

        async def decide(answer: str) -> str:
            result = await client.call_tool("runs_decide", {"run": run, "approval": answer, "approved": True})
            assert result.is_error
            return result.content[0].text  # type: ignore[union-attr]

        assert "asks for no approval 'forged'" in await decide("forged")
        assert product.rows("SELECT decision FROM approvals WHERE run = ?", run) == [(None,)]
        code, said, told = product.run("runs", "approve", run, seconds=300)
        assert code == 0, told
        assert "Rock" in said
        assert "already" in await decide(approval) or "has ended" in await decide(approval)  # stale
    code, _, told = product.run("runs", "approve", run, seconds=300)
    assert code != 0
    assert "asks for no approval" in told
    decided = [event for event in product.events(run) if event["kind"] == "approval_decided"]
    assert [event["approved"] for event in decided] == [True]
