"""One server that holds every fixture, made by the product's own factory."""

from __future__ import annotations

from mcp_servers.conformance.asking import add_questions
from mcp_servers.conformance.contents import add_contents
from mcp_servers.conformance.jobs import add_jobs
from mcp_servers.conformance.prompts import add_prompts
from mcp_servers.conformance.resources import add_resources
from mcp_servers.conformance.streams import add_streams
from mcp_servers.server import ToolServer


def fixtures() -> ToolServer:
    server = ToolServer("conformance", instructions="Fixtures of the conformance suite.")
    for add in (add_contents, add_streams, add_questions, add_resources, add_prompts, add_jobs):
        add(server)
    return server
