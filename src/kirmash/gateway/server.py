"""The gateway of one process: identity, feed, queries and application together, served by uvicorn in our own loop.

Nothing is decided here. A stop ends streams first (their readers are told), then the listening socket, and never takes
longer than the configuration allows.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import argon2
import structlog
import uvicorn
from starlette.routing import BaseRoute

from kirmash.bulletin import Bulletin
from kirmash.config import BULLETIN_FILE, IDENTITY_FILE, VIEWS_FILE, Config
from kirmash.data import currency_digits
from kirmash.gateway.api import routes_of
from kirmash.gateway.app import Http, ProblemPages
from kirmash.gateway.exchange import Exchange
from kirmash.gateway.feed import Feed
from kirmash.gateway.headers import Headed
from kirmash.gateway.operations import Metrics
from kirmash.gateway.routes import Route
from kirmash.gateway.services import Services
from kirmash.gateway.ws import Channels, Sockets
from kirmash.identity import PASSWORD_PARAMETERS, Identity, Rate, Settings
from kirmash.queries import Queries

BACKLOG: Final = 2048

_log: Final = structlog.get_logger("gateway")


class Pages(ProblemPages, Protocol):
    """The pages for people, made by a layer above this one (`web.Site`)."""

    @property
    def routes(self) -> Sequence[Route]:
        """Pages, and what they load that is made anew for each request."""
        ...

    @property
    def static(self) -> Sequence[BaseRoute]:
        """Files."""
        ...

    async def close(self) -> None:
        """End all streams."""
        ...


class Gateway:
    """The doors of an exchange. `start` returns when they are open."""

    def __init__(
        self,
        config: Config,
        exchange: Exchange,
        pages: Callable[[Services], Pages] | None = None,
        *,
        password_parameters: argon2.Parameters = PASSWORD_PARAMETERS,
        make_sockets: Callable[[Services, Channels], Sockets] = Sockets,
    ) -> None:
        """Not started. Without `pages` there is only the API. Weaker `password_parameters` are for tests and demos
        only, other `make_sockets` for benchmarks."""
        self._config = config
        self._make_pages = pages
        self._make_sockets = make_sockets
        self._pages: Pages | None = None
        self._password_parameters = password_parameters
        self._exchange = exchange
        self.feed = Feed()
        self.metrics = Metrics()
        self.port = config.gateway.port
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._identity: Identity | None = None
        self._queries: Queries | None = None
        self._bulletin: Bulletin | None = None
        self._sockets: Sockets | None = None

    async def start(self) -> None:
        """Connect to the core, open identity and views, listen. Raises OSError where the port is taken."""
        listening = _listen(self._config.gateway.host, self._config.gateway.port)
        self.port = listening.getsockname()[1]
        with contextlib.ExitStack() as undo:
            undo.callback(listening.close)
            await self._open(listening)
            undo.pop_all()

    async def _open(self, listening: socket.socket) -> None:
        config = self._config
        channels = Channels(self.feed)
        self._exchange.follow(self.feed.take)
        await self._exchange.start()
        self._identity = Identity(
            config.data / IDENTITY_FILE,
            settings=settings_of(config, self.port),
            password_parameters=self._password_parameters,
        )
        self._queries = Queries(config.data / VIEWS_FILE)
        self._bulletin = Bulletin(config.data / BULLETIN_FILE)
        services = Services(
            config, self._exchange, self.feed, self._identity, self._queries, self.metrics, self._bulletin
        )
        await services.settle_proposals()
        self._sockets = self._make_sockets(services, channels)
        routes, files = routes_of(services), list[BaseRoute]()
        if self._make_pages is not None:
            pages = self._pages = self._make_pages(services)
            routes, files = [*routes, *pages.routes], [*pages.static]
        http = Http(self._identity, lambda: self.feed.number, self.metrics.observe_request, self._pages)
        app = http.application(routes, files)
        # A redirect to the path with another end would be made of the Host header, which anybody may forge.
        app.router.redirect_slashes = False
        self._server = _Server(
            uvicorn.Config(
                Headed(app),
                loop="none",
                http="httptools",
                # Upgrades go to our own protocol, past the HTTP application (gateway/ws.py).
                ws=self._sockets.protocol,  # type: ignore[arg-type]  # called like a class
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=bool(config.gateway.trusted_proxies),
                forwarded_allow_ips=list(config.gateway.trusted_proxies),
                limit_concurrency=config.gateway.connections_max,
                timeout_graceful_shutdown=config.gateway.stop_seconds,
                ws_max_size=1 << 20,
                ws_ping_interval=None,
                ws_per_message_deflate=False,
            )
        )
        self._serving = asyncio.create_task(self._serve(self._server, listening))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)
        _log.info("gateway is up", host=config.gateway.host, port=self.port)

    async def stop(self) -> None:
        """End streams, stop listening, close what was opened."""
        if self._sockets is not None:
            await self._sockets.close()
        if self._pages is not None:
            await self._pages.close()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving}, timeout=self._config.gateway.stop_seconds + 1)
        await self._exchange.close()
        if self._queries is not None:
            self._queries.close()
        if self._identity is not None:
            self._identity.close()
        if self._bulletin is not None:
            self._bulletin.close()

    async def _serve(self, server: "_Server", listening: socket.socket) -> None:
        try:
            await server.serve([listening])
        finally:
            if not self.ended.done():
                self.ended.set_result(None)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process that we are part of has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[explicit-override]  # typing.override came with 3.12
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Told apart as TCP, or asyncio does not switch Nagle's algorithm off, and answers wait 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def settings_of(config: Config, port: int) -> Settings:
    """What the configuration says of identity, for doors on this port."""
    given = config.identity
    origin = config.gateway.public_url or f"http://{config.gateway.host}:{port}"
    return Settings(
        origin=origin,
        session_idle=given.idle_minutes * 60,
        session_absolute=given.absolute_hours * 3600,
        manual=Rate(given.manual_per_second, given.manual_burst),
        keys=Rate(given.key_per_second, given.key_burst),
        operator_totp=given.operator_totp,
        credit_limits=dict.fromkeys(currency_digits(), given.credit_above),
    )
