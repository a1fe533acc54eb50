"""What was sent to a client over HTTP, kept for a while, so that a stream that broke off goes on where it was."""

from __future__ import annotations

from collections import OrderedDict

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import JSONRPCMessage

#: Events of one session that are kept, and bytes of them as JSON.
MOST, MOST_BYTES = 500, 4_000_000


class RecentEvents(EventStore):
    """The latest events of one session, in memory ("Resumability and Redelivery").

    Ids count up, and each belongs to one stream. A session has a store of its own: streams are named by the ids of
    requests, which every client counts from the same number.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._last = self._bytes = 0
        self._events: OrderedDict[int, tuple[str, JSONRPCMessage | None, int]] = OrderedDict()

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event of a stream and return its id; the oldest ones go when there are too many."""
        size = len(message.model_dump_json(by_alias=True)) if message is not None else 0
        self._last += 1
        self._bytes += size
        self._events[self._last] = (stream_id, message, size)
        while len(self._events) > self._most or (self._bytes > self._most_bytes and len(self._events) > 1):
            _, (_, _, gone) = self._events.popitem(last=False)
            self._bytes -= gone
        return str(self._last)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what followed an event in its stream, and return the stream; None for an event that is not kept."""
        known = last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 16
        last = int(last_event_id) if known else 0
        if last not in self._events:
            return None
        stream = self._events[last][0]
        later = [(n, message) for n, (of, message, _) in self._events.items() if n > last and of == stream]
        for number, message in later:
            if message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
