"""One process that serves any choice of tools over stdio or streamable HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from lyceum.errors import UserError, nearest
from lyceum.runs import Jobs, RunStore
from lyceum.settings import Settings
from mcp_servers.catalogue import cards, make_all
from mcp_servers.delimiting import delimited
from mcp_servers.renamed import by_any_name, namespaced
from mcp_servers.selecting import selectable
from mcp_servers.server import ToolServer, instructions
from mcp_servers.services import Services

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools.base import Tool

    from mcp_servers.remote import RemoteSettings

EVERYTHING = "all"


@dataclass(frozen=True)
class Choice:
    """What is served: the lean set unless servers (`all` for every one) or single tools are named.

    `read_only` leaves out every tool that changes anything; `namespace` is put before each name, with an underscore;
    `conformance` adds the fixtures of the protocol's own suite.
    """

    toolsets: Sequence[str] = ()
    tools: Sequence[str] = ()
    without: Sequence[str] = ()
    read_only: bool = False
    namespace: str = ""
    conformance: bool = False


def combined(
    settings: Settings,
    choice: Choice | None = None,
    *,
    store: RunStore | None = None,
    jobs: Jobs | None = None,
    resume: Callable[[str], None] | None = None,
) -> ToolServer:
    """Make the chosen tools one server; raises UserError for a server or tool that does not exist.

    `store` is the home's own unless another is given. `jobs` starts and steers runs, `resume` takes up one that nobody
    drives; without them runs can only be read.
    """
    from lyceum.run_store import SqliteRunStore
    from mcp_servers.apps.extension import Views, with_pages
    from mcp_servers.guarded import GuardedServer
    from mcp_servers.sealing import home_state
    from mcp_servers.skills.extension import Skills
    from mcp_servers.skills.library import skills
    from mcp_servers.tasks.extension import Tasks

    choice = choice or Choice()
    kept = store or SqliteRunStore(settings.home / "runs.db")
    services = Services(settings.home, store=kept, jobs=jobs, resume=resume)
    made, opened = _chosen(settings, choice, services)
    tools = [delimited(selectable(tool)) for tool in made.own_tools]
    if choice.namespace:
        tools = [namespaced(tool, choice.namespace) for tool in tools]
    extra: list[ToolServer] = []
    if choice.conformance:
        from mcp_servers.conformance.mount import fixtures

        extra.append(fixtures())
    tools += [tool for each in extra for tool in each.own_tools]
    tools = with_pages(tools)
    known_skills = skills(opened)
    served = GuardedServer(
        "lyceum",
        instructions=made.instructions or "",
        tools=tools,
        extensions=[Tasks(settings.home, services, tools), Skills(known_skills), Views(tools)],
        state=home_state(settings.home),
    )
    served.take(made, *extra)
    served.guard(settings.home)
    return served


def _chosen(settings: Settings, choice: Choice, services: Services) -> tuple[ToolServer, list[str]]:
    """Return the chosen tools as one server, and the names of the servers that they are from."""
    from mcp_servers.lean import AT_ONCE, lean

    def allowed(tool: Tool) -> bool:
        return not choice.read_only or bool(tool.annotations and tool.annotations.read_only_hint)

    if not choice.toolsets and not choice.tools and not choice.without:
        later = [name for name in cards() if name not in AT_ONCE]
        at_once = make_all(AT_ONCE, settings, services)
        made = lean(at_once, lambda: make_all(later, settings, services), keep=allowed, read_only=choice.read_only)
        return made, list(cards())
    names: Sequence[str] = () if EVERYTHING in choice.toolsets else choice.toolsets
    servers = make_all(names, settings, services)
    known = {tool.name: tool for server in servers for tool in server.own_tools}
    called = by_any_name(known.values())
    for name in (*choice.tools, *choice.without):
        if name not in called:
            raise UserError(f"There is no tool {name!r}.", next_step=nearest(name, known, what="tools")[:500])
    wanted, unwanted = ({called[name].name for name in given} for given in (choice.tools, choice.without))
    chosen = {
        name
        for name, tool in known.items()
        if (not choice.tools or name in wanted) and name not in unwanted and allowed(tool)
    }
    opened = [server for server in servers if any(tool.name in chosen for tool in server.own_tools)]
    if not choice.toolsets and not choice.tools:
        made = lean(opened, keep=lambda tool: tool.name in chosen, read_only=choice.read_only)
    else:
        tools = [tool for name, tool in known.items() if name in chosen]
        made = ToolServer("lyceum", instructions=instructions(opened), tools=tools).take(*opened)
    return made, [server.name for server in opened]


def serve(
    server: ToolServer,
    *,
    transport: Literal["stdio", "http"] = "stdio",
    port: int = 8765,
    host: str = "127.0.0.1",
    remote: RemoteSettings | None = None,
) -> NoReturn:
    """Serve until the client goes away, then end the process, with all it started; over HTTP, until it is told to stop.

    HTTP checks Host and Origin, and binds beyond loopback only where `remote` says who may come; raises UserError.
    """
    from mcp_servers.leaving import leave, leave_when_told, leave_with_client

    leave_when_told()
    if transport == "stdio":
        leave_with_client()
        server.run("stdio")
    else:
        from mcp_servers.http import serve_http

        serve_http(server, port, host=host, settings=remote)
    leave()
