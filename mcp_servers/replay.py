"""What a client missed while its stream was cut: the latest messages of a session, given again when it comes back.

The SDK keeps one store for all sessions and names a stream by the id of its request, which different sessions share;
one client could then be given another's messages. Here every session has a store of its own.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.jsonrpc import JSONRPCMessage

_MOST = 256  # messages that a session keeps


class RecentEvents(EventStore):
    """The last messages of one session, by ids that cannot be guessed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, JSONRPCMessage | None]] = OrderedDict()

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        event = secrets.token_urlsafe(12)
        self._kept[event] = (stream_id, message)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return event

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        if last_event_id not in self._kept:
            return None
        stream = self._kept[last_event_id][0]
        events = list(self._kept)
        for event in events[events.index(last_event_id) + 1 :]:
            of, message = self._kept[event]
            if of == stream and message is not None:
                await send_callback(EventMessage(message, event))
        return stream


class SessionsWithOwnEvents(StreamableHTTPSessionManager):
    """Asks for the store once for each new session, and gets a new one."""

    @property
    def event_store(self) -> EventStore | None:
        return RecentEvents()

    @event_store.setter
    def event_store(self, given: EventStore | None) -> None:
        del given
