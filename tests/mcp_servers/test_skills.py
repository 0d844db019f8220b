"""The team's know-how is served as skills whose files are what their digests say, and that name tools which exist."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.serve import Choice, combined
from mcp_servers.services import Services
from mcp_servers.skills.library import Skill, skills
from tests.mcp_servers.tasks.caller import calling


@pytest.mark.parametrize("skill", skills(), ids=lambda skill: skill.folder.name)
async def test_a_skill_names_only_tools_that_exist(skill: Skill, tmp_path: Path) -> None:
    known: set[str] = set()
    for server in skill.servers:
        async with Client(make(server, Settings(home=tmp_path), Services(tmp_path))) as client:
            known |= {tool.name for tool in (await client.list_tools()).tools}
    assert set(skill.frontmatter["allowed-tools"].split()) <= known
    assert skill.frontmatter["name"] == skill.folder.name


async def test_the_files_of_a_skill_are_what_their_digests_say(tmp_path: Path) -> None:
    async with calling(combined(Settings(home=tmp_path), Choice(toolsets=["course"]))) as caller:
        listed = (await caller("skills/list"))["result"]["skills"]
        assert [skill["frontmatter"]["name"] for skill in listed] == ["cite-the-course"], (
            "those of other servers are not"
        )
        for file in listed[0]["resources"]:
            read = await caller("resources/read", uri=file["uri"])
            content = read["result"]["contents"][0]["text"].encode()
            assert file["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
            assert file["size"] == len(content)
        folder = await caller("resources/directory/read", uri="skill://cite-the-course/references")
        assert [child["name"] for child in folder["result"]["resources"]] == ["passages.md"]
        outside = await caller("resources/directory/read", uri="skill://cite-the-course/../tasks")
        assert outside["error"]["code"] == -32602
