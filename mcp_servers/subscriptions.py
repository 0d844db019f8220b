"""Resource subscriptions and changed lists for clients of the revision with sessions (2025-11-25).

Newer clients open `subscriptions/listen`, which the SDK serves from its bus; older ones send `resources/subscribe` and
are told on their session's stream. Both hear the same events: whoever publishes one need not know who listens.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    SubscriptionBus,
    ToolsListChanged,
)
from mcp_types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

_MOST = 1000  # addresses that one session may follow

_log = logging.getLogger(__name__)


class _Followers:
    """Which session follows which resources; a session is forgotten when it closes."""

    def __init__(self) -> None:
        self._of: dict[Connection, set[str]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def subscribe(self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        connection = _connection(ctx)
        if connection not in self._of:
            self._of[connection] = set()
            connection.exit_stack.callback(self._of.pop, connection, None)
        if len(self._of[connection]) < _MOST:
            self._of[connection].add(str(params.uri))
        return EmptyResult()

    async def unsubscribe(self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        self._of.get(_connection(ctx), set()).discard(str(params.uri))
        return EmptyResult()

    def hear(self, event: ServerEvent) -> None:
        for connection, followed in self._of.items():
            if not isinstance(event, ResourceUpdated) or event.uri in followed:
                telling = asyncio.ensure_future(_tell(connection, event))
                self._telling.add(telling)
                telling.add_done_callback(self._telling.discard)


def serve_older_subscribers(server: Server[Any], bus: SubscriptionBus) -> None:
    """Serve `resources/subscribe` and `resources/unsubscribe`, and pass on what the bus carries."""
    followers = _Followers()
    server.add_request_handler("resources/subscribe", SubscribeRequestParams, followers.subscribe)
    server.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, followers.unsubscribe)
    bus.subscribe(followers.hear)


def _connection(ctx: ServerRequestContext[Any, Any]) -> Connection:
    return ctx.session._connection  # pyright: ignore[reportPrivateUsage] - the only way to what outlives a request


async def _tell(connection: Connection, event: ServerEvent) -> None:
    try:
        match event:
            case ResourceUpdated(uri=uri):
                await connection.send_resource_updated(uri)
            case ToolsListChanged():
                await connection.send_tool_list_changed()
            case PromptsListChanged():
                await connection.send_prompt_list_changed()
            case ResourcesListChanged():
                await connection.send_resource_list_changed()
    except Exception as error:  # noqa: BLE001 - a client that went away must not disturb the others
        _log.info("A session was not told of a change: %s", type(error).__name__)
