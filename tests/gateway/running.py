"""A whole exchange behind real sockets, in the loop of the test: core, gateway, logins, and clients for the WebSocket.

`Running` has one session with one instrument, two companies with a trader each, an administrator, an auditor and an
operator. With `link` the gateway reaches the core over its Unix socket, and either can be restarted by itself.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import argon2.profiles
import msgspec
import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kirmash.config import IDENTITY_FILE, Config, CoreConfig, GatewayConfig, IdentityConfig
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.gateway import server as gateway_server
from kirmash.gateway.link import LinkExchange
from kirmash.gateway.server import Gateway
from kirmash.gateway.sockets.limits import SocketLimits
from kirmash.gateway.ws import Channels
from kirmash.identity import Identity, NewLogin, Role, Scope, Settings
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.protocol.ws import Format, login_text
from kirmash.sequencer.answers import Answer
from kirmash.simulation.scenario import read_scenario

MARKETS: Final = ["reference", pytest.param("native", marks=pytest.mark.native)]
SCENARIO: Final = Path(__file__).parents[2] / "docs" / "tutorial" / "first-session.jsonl"
SESSION: Final = "oil-1"
INSTRUMENT: Final = "oil-brest"
SELLER: Final = "brest-oil"
BUYER: Final = "baltic-foods"
PASSWORD: Final = "a goose on the green"
TRADERS: Final = {"seller": (SELLER, "mill-desk"), "buyer": (BUYER, "foods-desk")}
LOGINS: Final = {
    "seller": NewLogin(name="seller", role=Role.TRADER, participant=SELLER, trader="mill-desk"),
    "buyer": NewLogin(name="buyer", role=Role.TRADER, participant=BUYER, trader="foods-desk"),
    "admin": NewLogin(name="admin", role=Role.PARTICIPANT_ADMIN, participant=SELLER),
    "auditor": NewLogin(name="auditor", role=Role.AUDITOR),
    "operator": NewLogin(name="operator", role=Role.OPERATOR),
}

T = TypeVar("T")
JsonObject = dict[str, Any]


def run(work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
    """In a loop as the real gateway has; a test that hangs fails."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())


class Key:
    """An API key of a login."""

    def __init__(self, id: str, private: Ed25519PrivateKey) -> None:  # noqa: A002
        self.id = id
        self.private = private

    def login(self, nonce: str, created: int | None = None) -> JsonObject:
        """The message that signs in by this key."""
        created = int(time.time()) if created is None else created
        signature = self.private.sign(login_text(nonce, created, self.id))
        return {
            "op": "login",
            "key": self.id,
            "created": created,
            "signature": base64.b64encode(signature).decode(),
        }


class Running:
    """An exchange that runs; `async with` starts and stops it."""

    def __init__(
        self,
        folder: Path,
        market: str = "reference",
        *,
        link: bool = False,
        limits: SocketLimits | None = None,
        connections_max: int = 10_000,
        key_burst: int = 10_000,
        **settings: Any,
    ) -> None:
        """`settings` are the core's own."""
        self.folder = folder / "data"
        self._market = market
        self._settings = settings
        self._link = link
        self._limits = limits or SocketLimits()
        self._config = Config(
            core=CoreConfig(data=str(self.folder), socket=str(folder / "core.sock")),
            gateway=GatewayConfig(port=0, connections_max=connections_max),
            identity=IdentityConfig(key_per_second=min(key_burst, 10_000), key_burst=key_burst),
        )
        self.keys: dict[str, Key] = {}
        self.read_only: Key
        self.core: Core
        self.gateway: Gateway
        self._opened: Folder | None = None
        self._server: LinkServer | None = None
        self._clients: list[Client] = []

    async def __aenter__(self) -> Self:
        Folder.create(self.folder).close()
        Journal.create(self.folder / "journal.db", "test").close()
        await self._make_logins()
        await self.start_core()
        await self.start_gateway()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_gateway()
        await self.stop_core()
        # One that does not read would not notice that the other side is gone.
        for client in self._clients:
            client.wire.transport.abort()
        await asyncio.sleep(0)

    # Parts ---------------------------------------------------------------------------------------------------------

    async def start_core(self) -> None:
        self._opened = Folder(self.folder)
        settings = CoreSettings(load_market=market_loader(self._market), **self._settings)
        self.core = Core(self._opened, settings, self._market)
        await self.core.start()
        if self._link:
            self._server = LinkServer(self.core, self._config.socket)
            await self._server.start()

    async def stop_core(self) -> None:
        await self.core.stop()
        if self._server is not None:
            await self._server.close()
        assert self._opened is not None
        self._opened.close()

    async def start_gateway(self) -> None:
        exchange = LinkExchange(self._config.socket) if self._link else LocalExchange(self.core)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_server, "Channels", partial(Channels, limits=self._limits))
            # REST has its own tests; without its routes a gateway is there at once.
            patch.setattr(gateway_server, "routes_of", lambda _: [])
            self.gateway = Gateway(self._config, exchange)
            await self.gateway.start()
        # The same port after a restart, as a real one has.
        port = self.gateway.port
        self._config = msgspec.structs.replace(
            self._config, gateway=msgspec.structs.replace(self._config.gateway, port=port)
        )

    async def stop_gateway(self) -> None:
        await self.gateway.stop()

    # Logins --------------------------------------------------------------------------------------------------------

    async def _make_logins(self) -> None:
        identity = self.identity()
        for name, new in LOGINS.items():
            made = await identity.add_login(msgspec.structs.replace(new, password=PASSWORD, keep_password=True))
            self.keys[name] = self._key(identity, made.login.id)
            if name == "seller":
                self.read_only = self._key(identity, made.login.id, (Scope.READ,))
        identity.close()

    def identity(self) -> Identity:
        """identity.db opened once more, as by another process."""
        settings = Settings()
        path = self.folder / IDENTITY_FILE
        return Identity(path, settings=settings, password_parameters=argon2.profiles.CHEAPEST)

    @staticmethod
    def _key(identity: Identity, login: str, scopes: Sequence[Scope] = (Scope.READ, Scope.COMMANDS)) -> Key:
        private = Ed25519PrivateKey.generate()
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        return Key(identity.add_key(login, public, "test", tuple(scopes)).id, private)

    async def cookie(self, name: str) -> str:
        """A session of a login."""
        identity = self.identity()
        opened = await identity.login(name, PASSWORD, "127.0.0.1")
        identity.close()
        return opened.token

    # Commands ------------------------------------------------------------------------------------------------------

    async def give(self, command: c.Command, actor: Actor = OPERATOR, client_id: str = "") -> Answer:
        """A command past the doors."""
        self._given = getattr(self, "_given", 0) + 1
        exchange = self.gateway._exchange
        return await exchange.submit(actor, "test", client_id or f"given-{self._given}", command)

    async def set_the_stage(self) -> None:
        """The tutorial's companies, goods and session; orders can be placed then."""
        with SCENARIO.open("rb") as file:
            lines = read_scenario(file, "first-session")
        for line in lines:
            if isinstance(line.command, c.PlaceOrder):
                break
            await self.give(line.command)
        for participant in (SELLER, BUYER):
            await self.give(c.CreditDeposit(participant=participant, currency="EUR", amount="9000000.00"))

    async def open_trading(self) -> None:
        from kirmash.messages.kinds import Phase

        await self.give(c.ChangePhase(session=SESSION, from_=Phase.INTAKE, to=Phase.TRADING))

    # Clients -------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}/ws/v1"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    async def client(self, login: str | None = None, form: Format | None = Format.JSON, **how: Any) -> "Client":
        """A connected client; signed in by the API key of a login, if one is named."""
        subprotocols = None if form is None else [Subprotocol(form.value)]
        wire = await connect(
            self.url, subprotocols=subprotocols, compression=None, ping_interval=None, max_size=None, **how
        )
        client = Client(wire, form or Format.JSON)
        self._clients.append(client)
        client.hello = await client.next("hello")
        if login is not None:
            answer = await client.say(self.keys[login].login(client.hello["nonce"]))
            assert answer["type"] == "answer", answer
        return client


class Client:
    """A client that keeps every byte that it was sent."""

    def __init__(self, wire: ClientConnection, form: Format) -> None:
        self.wire = wire
        self.form = form
        self.hello: JsonObject = {}
        self.bytes: list[bytes] = []
        self.inbox: list[JsonObject] = []
        self.said: list[tuple[str, JsonObject]] = []
        self._mark = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wire.close()

    async def receive(self) -> JsonObject:
        """The next message, whatever it is. Raises ConnectionClosed."""
        data = await self.wire.recv()
        raw = data.encode() if isinstance(data, str) else data
        self.bytes.append(raw)
        assert isinstance(data, str) is (self.form is Format.JSON)
        message: JsonObject = msgspec.json.decode(raw) if self.form is Format.JSON else msgspec.msgpack.decode(raw)
        if message["type"] != "heartbeat":
            self.said.append(("<", message))
        return message

    async def next(
        self, kind: str, seconds: float = 10, when: Callable[[JsonObject], bool] = lambda _: True
    ) -> JsonObject:
        """The next message of a type; others are kept for later."""
        for at, message in enumerate(self.inbox):
            if message["type"] == kind and when(message):
                return self.inbox.pop(at)
        async with asyncio.timeout(seconds):
            while True:
                message = await self.receive()
                if message["type"] == kind and when(message):
                    return message
                self.inbox.append(message)

    async def write(self, message: Any) -> None:
        """Send a message and wait for nothing."""
        if isinstance(message, dict):
            self.said.append((">", message))
        if self.form is Format.JSON:
            await self.wire.send(msgspec.json.encode(message).decode())
        else:
            await self.wire.send(msgspec.msgpack.encode(message))

    async def say(self, message: JsonObject, seconds: float = 10) -> JsonObject:
        """Send a message with an id and wait for its answer or error."""
        self._mark += 1
        await self.write({"id": self._mark, **message})
        async with asyncio.timeout(seconds):
            for at, kept in enumerate(self.inbox):
                if kept.get("id") == self._mark:
                    return self.inbox.pop(at)
            while True:
                got = await self.receive()
                if got["type"] in ("answer", "error") and got["id"] == self._mark:
                    return got
                self.inbox.append(got)

    async def place(self, client_id: str, side: str, price: str, quantity: str = "20", **more: Any) -> JsonObject:
        """Place an order; gives its result."""
        answer = await self.say(order(client_id, side, price, quantity, **more))
        assert answer["type"] == "answer", answer
        result: JsonObject = answer["result"]
        return result

    async def closed(self, seconds: float = 10) -> tuple[int, str]:
        """Read until the connection is closed; gives code and reason."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.inbox.append(await self.receive())
        except ConnectionClosed:
            # 1006: there was no close frame.
            return self.wire.close_code or 1006, self.wire.close_reason or ""

    def of(self, kind: str) -> Iterator[JsonObject]:
        """The messages of a type that were kept."""
        return (message for message in self.inbox if message["type"] == kind)


def order(client_id: str, side: str, price: str, quantity: str = "20", **more: Any) -> JsonObject:
    """A place_order."""
    return {
        "op": "place_order",
        "client_id": client_id,
        "session": SESSION,
        "instrument": INSTRUMENT,
        "side": side,
        "price": price,
        "quantity": quantity,
        **more,
    }
