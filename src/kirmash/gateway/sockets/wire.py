"""One WebSocket's bytes (RFC 6455): handshake, frames, closing, and what waits while the reader is slow.

It stands where uvicorn puts a WebSocket protocol: made for an upgrade request, handed the transport. The framing is
that of the `websockets` library; frames to the client are written ready-made, so that one update is framed once for
all who read it. It knows no message and decides nothing about them. Belongs to the event loop; it has no task.
"""

import asyncio
import http
import socket
import struct
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, Protocol, cast

from typing_extensions import override
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from kirmash.gateway.sockets.limits import SocketLimits

TEXT: Final = 0x81
BINARY: Final = 0x82
TOO_SLOW: Final = 4008


def framed(payload: bytes, opcode: int) -> bytes:
    """A whole, unmasked frame (RFC 6455, 5.2): what a server sends."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    head = struct.pack("!BBH", opcode, 126, size) if size < 1 << 16 else struct.pack("!BBQ", opcode, 127, size)
    return head + payload


class Client(Protocol):
    """Who is behind a wire."""

    def opened(self) -> None:
        """The handshake is done; messages may be sent."""
        ...

    def received(self, data: bytes, *, text: bool) -> None:
        """A whole message came."""
        ...

    def alive(self) -> None:
        """A ping or pong frame came."""
        ...

    def caught_up(self) -> None:
        """A slow reader has read everything; channels that were dropped can be told anew."""
        ...

    def lost(self) -> None:
        """The connection is over. Said once."""
        ...


class Admitted(NamedTuple):
    """An upgrade that is accepted: how to make its client, and the subprotocol to be named."""

    make: Callable[["Wire"], Client]
    subprotocol: str | None


class Turned(NamedTuple):
    """An upgrade that is refused: status, and a problem document."""

    status: int
    body: bytes


Admit = Callable[[Request], Admitted | Turned]


class Wire(asyncio.Protocol):
    """One connection. `connections` is uvicorn's set of what is open; `dropped` counts readers that were too slow."""

    def __init__(
        self, admit: Admit, limits: SocketLimits, connections: set[Any], dropped: Callable[[str], None]
    ) -> None:
        self._admit = admit
        self._limits = limits
        self._connections = connections
        self._dropped = dropped
        self._rules = ServerProtocol(max_size=limits.frame_bytes)
        self._transport: asyncio.Transport
        self._client: Client | None = None
        self._parts: list[bytes] = []
        self._text = False
        self._paused = False
        self._held = self._has_enough = False
        # What waits while the transport takes no more: (channel or None, frames, how many messages).
        self._outbox: deque[tuple[Hashable | None, bytes, int]] = deque()
        self._waiting_bytes = 0
        self._waiting_messages = 0
        self.stale: set[Hashable] = set()
        """Channels of which updates were dropped; nothing of them is sent until they are told anew."""
        self.closing = False
        self.paused_since: float | None = None

    # From uvicorn and the transport --------------------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of a class of their own.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        underneath = transport.get_extra_info("socket")
        if underneath is not None:
            underneath.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.socket_bytes)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self.closing = True
        self._outbox.clear()
        client, self._client = self._client, None
        if client is not None:
            client.lost()

    @override
    def data_received(self, data: bytes) -> None:
        self._rules.receive_data(data)
        for event in self._rules.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request):
                self._shake_hands(event)
        self._flush_rules()
        if self._rules.parser_exc is not None or self._rules.close_rcvd is not None:
            # What broke the protocol was answered with a close frame; a close that came in was answered, too.
            self.closing = True
            self._transport.close()
            asyncio.get_running_loop().call_later(self._limits.closing_seconds, self.abort_if_open)

    @override
    def eof_received(self) -> None:
        return

    @override
    def pause_writing(self) -> None:
        self._paused = True
        self.paused_since = asyncio.get_running_loop().time()
        self._look_at_reading()

    @override
    def resume_writing(self) -> None:
        self._paused = False
        while self._outbox and not self._paused:
            _, data, count = self._outbox.popleft()
            self._waiting_bytes -= len(data)
            self._waiting_messages -= count
            self._transport.write(data)
        if not self._paused:
            self.paused_since = None
            self._look_at_reading()
            if self.stale and self._client is not None:
                self._client.caught_up()

    def shutdown(self) -> None:
        """uvicorn's word for: the server ends."""
        self.close(1001, "going away")
        self.abort_if_open()

    # From the client's side ----------------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Send what must not be lost. A reader too slow for it is closed with 4008."""
        if self.closing:
            return
        if not self._paused and not self._outbox:
            self._transport.write(frame)
        elif self._has_room(frame, 1) or self._conflated(frame):
            self._keep(None, frame, 1)
        else:
            self._dropped("closed")
            self.close(TOO_SLOW, "too slow: connect again and resume by number")

    def send_public(self, channel: Hashable, frames: bytes, count: int) -> None:
        """Send updates that may be left out, so many in one piece, if the reader is too slow for them."""
        if self.closing or channel in self.stale:
            return
        if not self._paused and not self._outbox:
            self._transport.write(frames)
        elif self._has_room(frames, count):
            self._keep(channel, frames, count)
        else:
            self._conflate()
            self._leave_out(channel)

    def ping(self) -> None:
        """Ask for a sign of life, which a client's library gives by itself."""
        self._rules.send_ping(b"")
        self._flush_rules()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and take nothing more in; the transport ends when it is answered, or a little later."""
        if self.closing:
            return
        self.closing = True
        self._outbox.clear()
        try:
            self._rules.send_close(code, reason)
        except InvalidState:
            self._transport.abort()
            return
        self._flush_rules()
        if self._held:
            self._held = False
            self._transport.resume_reading()
        loop = asyncio.get_running_loop()
        loop.call_later(self._limits.closing_seconds, self.abort_if_open)

    def abort_if_open(self) -> None:
        """End at once, without waiting for anybody."""
        if not self._transport.is_closing() or self._client is not None:
            self._transport.abort()

    @property
    def is_free(self) -> bool:
        """Whether nothing waits for a slow reader."""
        return not self._paused and not self._outbox

    def take_in(self, more: bool) -> None:
        """Whether more is to be read for now, or there is enough to do."""
        self._has_enough = not more
        self._look_at_reading()

    # Inside --------------------------------------------------------------------------------------------------------

    def _look_at_reading(self) -> None:
        held = (self._paused or self._has_enough) and not self.closing
        if held == self._held or self._transport.is_closing():
            return
        self._held = held
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _shake_hands(self, request: Request) -> None:
        response = self._rules.accept(request)
        admitted = None
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            verdict = self._admit(request)
            if isinstance(verdict, Turned):
                response = _refusal(verdict)
            else:
                admitted = verdict
                if verdict.subprotocol is not None:
                    response.headers["Sec-WebSocket-Protocol"] = verdict.subprotocol
        self._rules.send_response(response)
        self._flush_rules()
        if admitted is None:
            self.closing = True
            self._transport.close()
            return
        self._client = admitted.make(self)
        self._client.opened()

    def _take(self, frame: Frame) -> None:
        if self.closing or self._client is None:
            return
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._text = frame.opcode is Opcode.TEXT
            if frame.fin:
                self._client.received(bytes(frame.data), text=self._text)
            else:
                self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
            if frame.fin:
                data, self._parts = b"".join(self._parts), []
                self._client.received(data, text=self._text)
        elif frame.opcode is not Opcode.CLOSE:
            self._client.alive()

    def _flush_rules(self) -> None:
        """Pongs, close frames and handshakes, behind what waits: they are never left out."""
        data = b"".join(self._rules.data_to_send())
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _has_room(self, data: bytes, count: int) -> bool:
        return (
            self._waiting_messages + count <= self._limits.outbox_messages
            and self._waiting_bytes + len(data) <= self._limits.outbox_bytes
        )

    def _keep(self, channel: Hashable | None, data: bytes, count: int) -> None:
        self._outbox.append((channel, data, count))
        self._waiting_bytes += len(data)
        self._waiting_messages += count

    def _conflated(self, frame: bytes) -> bool:
        """Make room for what must not be lost by leaving out what may be. Whether there is room then."""
        self._conflate()
        return self._has_room(frame, 1)

    def _leave_out(self, channel: Hashable) -> None:
        if channel not in self.stale:
            self.stale.add(channel)
            self._dropped("conflated")

    def _conflate(self) -> None:
        kept: deque[tuple[Hashable | None, bytes, int]] = deque()
        for entry in self._outbox:
            if entry[0] is None:
                kept.append(entry)
            else:
                self._leave_out(entry[0])
        self._outbox = kept
        self._waiting_bytes = sum(len(data) for _, data, _ in kept)
        self._waiting_messages = sum(count for _, _, count in kept)


def _refusal(turned: Turned) -> Response:
    status = http.HTTPStatus(turned.status)
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Length", str(len(turned.body))),
            ("Content-Type", "application/problem+json"),
        ]
    )
    return Response(status.value, status.phrase, headers, turned.body)
