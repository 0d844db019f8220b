"""Log lines to a client that asked for them: by `logging/setLevel` in its session, or in the request itself.

Both revisions can do this; the newer one calls it deprecated, so only a server that has lines to send offers it.
"""

from __future__ import annotations

from typing import Any, get_args

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver.context import Context
from mcp_types import EmptyResult, LoggingLevel, SetLevelRequestParams

_LEVELS: tuple[str, ...] = get_args(LoggingLevel)  # least urgent first
_STATE = "lyceum.log_level"


def offer_log_lines(server: Server[Any]) -> None:
    """Serve `logging/setLevel`, which the level of each session follows from then on."""

    async def set_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
        ctx.session._connection.state[_STATE] = params.level  # pyright: ignore[reportPrivateUsage]
        return EmptyResult()

    server.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


async def log_line(context: Context[Any, Any], level: LoggingLevel, text: str) -> None:
    """Send a line, unless the client's session wants only more urgent ones."""
    wanted = context.session._connection.state.get(_STATE, _LEVELS[0])  # pyright: ignore[reportPrivateUsage]
    if _LEVELS.index(level) >= _LEVELS.index(wanted):
        await context.log(level, text)  # pyright: ignore[reportDeprecated]
