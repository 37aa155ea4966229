"""The WebSocket door `/ws/v1`: who is let in, what all connections share, and the moment at which all of them end.

uvicorn hands every upgrade to `Sockets.protocol`; nothing of it passes through the HTTP application. A connection may
be opened by anybody. Who comes with a session's cookie is signed in by it, and for that reason has to come from the
exchange's own pages (Origin): another site must not speak in its visitors' name.
"""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET
from starlette.requests import cookie_parser
from websockets.http11 import Request

from kirmash.gateway.app import SESSION_COOKIE, asked_language, language_for
from kirmash.gateway.feed import Feed, Told
from kirmash.gateway.problems import Problem
from kirmash.gateway.services import Services
from kirmash.gateway.sockets.channels import PrivateChannels, PublicChannels, frame_of
from kirmash.gateway.sockets.connection import Connection, Shared, time_now
from kirmash.gateway.sockets.guard import Guard
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.sockets.wire import Admitted, Turned, Wire
from kirmash.identity import Denied, Who
from kirmash.protocol import ws
from kirmash.protocol.ws import Format

PATH: Final = "/ws/v1"

_FORMATS: Final = {form.value: form for form in Format}


class Channels:
    """What is kept for those who resume. Made before the exchange is followed, so that it holds the last records also
    right after a gateway's start (`CoreSettings.resumable_records`)."""

    def __init__(self, feed: Feed, limits: SocketLimits | None = None) -> None:
        self.limits: Final = limits or SocketLimits()
        self.public: Final = PublicChannels(feed, self.limits)
        self.private: Final = PrivateChannels(feed, self.limits)
        feed.listen(self._told, self._restarted)

    def _told(self, told: Told) -> None:
        self.public.publish(told.public)
        self.private.publish(told)

    def _restarted(self) -> None:
        self.public.restart()
        self.private.restart()


class Sockets:
    """All WebSockets of a gateway."""

    def __init__(self, services: Services, channels: Channels | None = None) -> None:
        """Over channels that follow the feed already, or over new ones."""
        channels = channels or Channels(services.feed)
        self._services = services
        self._limits = channels.limits
        self._public = channels.public
        self._private = channels.private
        self._guard = Guard(services)
        self._connections: dict[Connection, None] = {}
        self._closing = False
        self._shared = Shared(services, self._limits, self._public, self._private, self._guard, self._gone, set())
        services.feed.listen(lambda _: None, self._restarted)
        self._loop = asyncio.get_running_loop()
        self._standing_at = self._loop.time()
        self._sweeping: asyncio.TimerHandle = self._loop.call_later(self._limits.sweep_seconds, self._sweep)

    def protocol(self, config: Any, server_state: Any, app_state: Any) -> Wire:  # noqa: ARG002 (as uvicorn calls it)
        """What uvicorn calls for an upgrade (its setting `ws`)."""
        return Wire(self.admit, self._limits, server_state.connections, self._dropped)

    def admit(self, request: Request) -> Admitted | Turned:
        """Whether an upgrade is let in, as whom, and in which format."""
        if urlsplit(request.path).path != PATH:
            return self._turn(Problem(404, "not_found", f"the WebSocket is at {PATH}"), request)
        if self._closing or len(self._connections) >= self._services.config.gateway.connections_max:
            return self._turn(Problem(503, "busy", "too many connections, or the gateway stops"), request)
        offered = [
            name.strip() for line in request.headers.get_all("Sec-WebSocket-Protocol") for name in line.split(",")
        ]
        form = next((_FORMATS[name] for name in offered if name in _FORMATS), None)
        if form is None and offered:
            return self._turn(Problem(400, "shape", f"subprotocols are {' and '.join(_FORMATS)}"), request)
        who = None
        token = _cookie(request)
        if token is not None:
            if request.headers.get("Origin", "").lower() != self._services.identity.settings.origin.lower():
                cure = "connect without the session's cookie, and log in by an API key"
                problem = Problem(403, "forbidden", "a session is good for the exchange's own pages only", cure=cure)
                return self._turn(problem, request)
            who = self._resolved(token)
        asked = asked_language(request.headers.get_all("Accept-Language"))

        def make(wire: Wire) -> Connection:
            connection = Connection(self._shared, wire, form or Format.JSON, who, asked)
            self._connections[connection] = None
            self._services.metrics.connections.set(len(self._connections))
            return connection

        return Admitted(make, None if form is None else form.value)

    async def close(self) -> None:
        """Tell all clients that we go away, cancel what is to be cancelled, and end every connection, in a second."""
        self._closing = True
        self._sweeping.cancel()
        ends = self._loop.time() + self._limits.stop_seconds
        for connection in (*self._shared.armed, *self._connections):
            connection.stop()
        while self._connections and self._loop.time() < ends - self._limits.stop_seconds / 2:
            await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.abort()
        # The loop's next turn tells the connections that they are lost; only then is known what is to be cancelled.
        await asyncio.sleep(0.01)
        await self._guard.settle(max(0.0, ends - self._loop.time()))

    def _resolved(self, token: str) -> Who | None:
        try:
            return self._services.identity.resolve(token)
        except Denied:
            # As with a page that is open to all: an old cookie bars nobody from what is public.
            return None

    def _turn(self, problem: Problem, request: Request) -> Turned:
        language = language_for(asked_language(request.headers.get_all("Accept-Language")), None)
        return Turned(problem.status, msgspec.json.encode(problem.value(language)))

    # What happens --------------------------------------------------------------------------------------------------

    def _restarted(self) -> None:
        for connection in tuple(self._connections):
            connection.restarted()

    def _gone(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        self._services.metrics.connections.set(len(self._connections))

    def _dropped(self, what: str) -> None:
        self._services.metrics.dropped.labels(what).inc()

    def _sweep(self) -> None:
        now = self._loop.time()
        made: dict[tuple[Format, bool], bytes] = {}

        def heartbeat(form: Format, signed_in: bool) -> bytes:
            frame = made.get((form, signed_in))
            if frame is None:
                feed = self._services.feed
                message = ws.Heartbeat(
                    time=time_now(), doors_open=feed.doors.open, number=feed.number if signed_in else UNSET
                )
                frame = made[form, signed_in] = frame_of(message, form)
            return frame

        for connection in tuple(self._connections):
            connection.sweep(now, heartbeat)
        if now - self._standing_at >= self._limits.standing_seconds:
            self._standing_at = now
            for connection in tuple(self._connections):
                connection.check_standing()
        self._sweeping = self._loop.call_later(self._limits.sweep_seconds, self._sweep)


def _cookie(request: Request) -> str | None:
    for line in request.headers.get_all("Cookie"):
        token = cookie_parser(line).get(SESSION_COOKIE)
        if token is not None:
            return token
    return None
