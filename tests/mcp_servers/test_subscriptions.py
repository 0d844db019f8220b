"""Whoever follows a resource is told of its changes; a stream that was cut gives its own client what was missed."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.server.streamable_http import EventMessage
from mcp_types import (
    EmptyResult,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    ToolListChangedNotification,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)
from mcp_types.jsonrpc import JSONRPCNotification
from pydantic import BaseModel

from mcp_servers.http import http_app
from mcp_servers.replay import RecentEvents
from mcp_servers.server import ToolServer


class Nothing(BaseModel):
    pass


def server() -> ToolServer:
    made = ToolServer("test", instructions="")

    @made.expose(title="Change", effect="write")
    async def test_change(context: Context[Any, Any]) -> Nothing:
        """Say that two resources and the list of tools changed."""
        await context.notify_resource_updated("test://followed")
        await context.notify_resource_updated("test://other")
        await context.notify_tools_changed()
        return Nothing()

    return made


async def test_a_client_with_a_session_is_told_of_what_it_follows_and_no_more() -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(message: Any) -> None:
        heard.put_nowait(message)

    async with Client(server(), mode="legacy", message_handler=hear) as client:
        followed = SubscribeRequest(params=SubscribeRequestParams(uri="test://followed"))
        await client.session.send_request(followed, EmptyResult)
        await client.call_tool("test_change", {})
        first, second = [await asyncio.wait_for(heard.get(), 5) for _ in range(2)]
        assert isinstance(first, ResourceUpdatedNotification)
        assert first.params.uri == "test://followed"
        assert isinstance(second, ToolListChangedNotification)
        left = UnsubscribeRequest(params=UnsubscribeRequestParams(uri="test://followed"))
        await client.session.send_request(left, EmptyResult)
        await client.call_tool("test_change", {})
        assert isinstance(await asyncio.wait_for(heard.get(), 5), ToolListChangedNotification)


def test_sessions_share_no_missed_messages() -> None:
    made = server()
    http_app(made, 8765)
    stores = [made.session_manager.event_store for _ in range(2)]
    assert all(isinstance(store, RecentEvents) for store in stores)
    assert stores[0] is not stores[1]


@given(streams=st.lists(st.sampled_from("abc"), max_size=400), seen=st.integers(0, 400))
@settings(max_examples=40, deadline=None)
def test_what_is_given_again_is_what_the_same_stream_missed(streams: list[str], seen: int) -> None:
    async def play() -> None:
        store, given_again = RecentEvents(), list[EventMessage]()

        async def send(event: EventMessage) -> None:
            given_again.append(event)

        def line(number: int) -> JSONRPCNotification:
            return JSONRPCNotification(jsonrpc="2.0", method=f"{number}")

        ids = [await store.store_event(stream, line(n)) for n, stream in enumerate(streams)]
        last = seen % (len(ids) + 1)
        known = last < len(ids) and last >= len(ids) - 256
        stream = await store.replay_events_after(ids[last] if last < len(ids) else "made up", send)
        assert stream == (streams[last] if known else None)
        missed = [str(n) for n in range(last + 1, len(ids)) if streams[n] == stream] if known else []
        assert [event.message.method for event in given_again] == missed  # type: ignore[union-attr]

    asyncio.run(play())
