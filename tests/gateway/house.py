"""A whole exchange for the tests of its doors: core and gateway in one event loop on a thread, reached by real HTTP.

The people of the house: operators `olga` and `oleg`, auditor `anton`; `alfa` sells, `beta` buys; `gamma` and `delta`
are brokers with a client each. Every participant has a trader and an administrator. Passwords are hashed cheaply.
"""

import asyncio
import base64
import datetime
import secrets
import threading
import time
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import argon2.profiles
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kirmash.config import Config, CoreConfig, GatewayConfig, IdentityConfig
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.gateway.link import LinkExchange
from kirmash.gateway.server import Gateway
from kirmash.gateway.services import Services
from kirmash.identity import Identity, NewLogin, Role
from kirmash.identity.signatures import Request, digest_field, sign
from kirmash.market.choice import market_loader
from kirmash.serve import open_folder

T = TypeVar("T")
Json = dict[str, Any]

PASSWORD = "a goose on the green"
API = "/api/v1"
SESSION = "timber-1"
INSTRUMENT = "timber"
PARTICIPANTS = ("alfa", "beta", "gamma", "delta")
BROKERS = ("gamma", "delta")


class House:
    """Start with `with`; everything is reached through HTTP, save what has no door."""

    def __init__(
        self,
        path: Path,
        market: str = "reference",
        *,
        manual_burst: int = 100_000,
        linked: bool = False,
        pages: Any = None,
        **identity: Any,
    ) -> None:
        """`linked`: the gateway reaches the core over the Unix socket, as two processes do. `pages` as of Gateway;
        `identity` are settings."""
        configured = IdentityConfig(
            manual_per_second=1_000, manual_burst=manual_burst, key_per_second=1_000, key_burst=100_000, **identity
        )
        self._pages = pages
        self.config = Config(
            core=CoreConfig(data=str(path / "data")),
            gateway=GatewayConfig(port=0, stop_seconds=1),
            identity=configured,
        )
        self.market = market
        self._linked = linked
        self._link: LinkServer | None = None
        self.loop = asyncio.new_event_loop()
        self.core: Core
        self.gateway: Gateway
        self.clients: list[httpx.Client] = []
        self.opened: dict[str, tuple[str, str]] = {}
        self._thread = threading.Thread(target=self.loop.run_forever, name="house", daemon=True)

    def __enter__(self) -> "House":
        self._thread.start()
        self.run(self._start())
        self.origin = f"http://127.0.0.1:{self.gateway.port}"
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _start(self) -> None:
        self._folder = open_folder(self.config)
        self.core = Core(self._folder, CoreSettings(load_market=market_loader(self.market)), self.market)
        await self.core.start()
        exchange: LocalExchange | LinkExchange = LocalExchange(self.core)
        if self._linked:
            self._link = LinkServer(self.core, self.config.socket)
            await self._link.start()
            exchange = LinkExchange(self.config.socket)
        self.gateway = Gateway(self.config, exchange, self._pages, password_parameters=argon2.profiles.CHEAPEST)
        await self.gateway.start()

    async def _stop(self) -> None:
        await self.gateway.stop()
        await self.core.stop()
        if self._link is not None:
            await self._link.close()
        self._folder.close()

    @property
    def services(self) -> Services:
        """What the doors share, made once more over the same parts."""
        it = self.gateway
        assert it._identity is not None
        assert it._queries is not None
        assert it._bulletin is not None
        return Services(self.config, it._exchange, it.feed, it._identity, it._queries, it.metrics, it._bulletin)

    # People ------------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """identity.db opened once more, as a second process would."""
        return Identity(self.config.data / "identity.db", password_parameters=argon2.profiles.CHEAPEST)

    def people(self) -> None:
        """Make the logins of the house."""
        new = [_new("olga", Role.OPERATOR), _new("oleg", Role.OPERATOR), _new("anton", Role.AUDITOR)]
        for participant in PARTICIPANTS:
            new.append(_new(f"t-{participant}", Role.TRADER, participant, f"t-{participant}"))
            new.append(_new(f"a-{participant}", Role.PARTICIPANT_ADMIN, participant))
        identity = self.identity()
        # On the house's own loop: while a browser is open, this thread has another one that runs.
        self.run(identity.add_logins(new))
        identity.close()

    def anonymous(self) -> httpx.Client:
        client = httpx.Client(base_url=self.origin, timeout=30)
        self.clients.append(client)
        return client

    def enter(self, name: str, *, fresh: bool = False) -> httpx.Client:
        """A client that is logged in, with the form's token in its headers; in a session of its own if `fresh`, else
        in the one that the house opened for this name, since logins are throttled."""
        client = self.anonymous()
        if fresh or name not in self.opened:
            answer = client.post(f"{API}/login", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            opened = client.cookies["kirmash_session"], answer.json()["csrf"]
            if not fresh:
                self.opened[name] = opened
        else:
            opened = self.opened[name]
            client.cookies.set("kirmash_session", opened[0], domain="127.0.0.1", path="/")
        client.headers["X-CSRF-Token"] = opened[1]
        return client

    # The market --------------------------------------------------------------------------------------------------

    def prepare(self, phase: str = "TRADING") -> None:
        """Participants, clients, money, an instrument and a session in this phase; all by commands over HTTP."""
        operator = self.enter("olga")
        give(operator, "list_card", card="pine", version=1, section="timber", name_en="Pine", name_ru="Сосна",
             hs_code="440711", unit="MTQ")  # fmt: skip
        give(operator, "list_instrument", instrument=INSTRUMENT, card="pine", version=1,
             basis={"incoterm": "FCA", "place": "Minsk"}, currency="USD", payment_term="prepayment",
             purpose="export", lot="1", tick="0.01")  # fmt: skip
        for participant in PARTICIPANTS:
            self._participant(operator, participant)
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        phases = ["SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED"]
        times = [(first + datetime.timedelta(hours=hour)).isoformat() for hour in range(len(phases))]
        give(operator, "create_session", session=SESSION, section="timber", purpose="export", mechanism="cdca",
             instruments=[{"instrument": INSTRUMENT}],
             phases=[{"phase": phase, "at": at} for phase, at in zip(phases, times, strict=True)])  # fmt: skip
        self.advance(operator, phases[: phases.index(phase) + 1])

    def advance(self, operator: httpx.Client, phases: list[str]) -> None:
        for before, after in pairwise(phases):
            give(operator, "change_phase", session=SESSION, **{"from": before, "to": after})

    def _participant(self, operator: httpx.Client, participant: str) -> None:
        broker = participant in BROKERS
        give(operator, "register_participant", participant=participant, name=f"House of {participant}", country="BY",
             resident=True, kinds=["broker"] if broker else ["visitor"])  # fmt: skip
        give(operator, "accredit_participant", participant=participant)
        give(operator, "appoint_trader", trader=f"t-{participant}", participant=participant)
        for side in ("buy", "sell"):
            give(operator, "grant_permission", participant=participant, section="timber", side=side, purpose="export")
        client = None
        if broker:
            client = f"c-{participant}"
            give(operator, "register_client", broker=participant, client=client, name=f"Client of {participant}",
                 country="BY", resident=True)  # fmt: skip
        give(operator, "credit_deposit", participant=participant, client=client, currency="USD", amount="100000.00")

    def settled(self) -> int:
        """Wait until the views hold everything; gives the number."""
        deadline = time.monotonic() + 10
        while self.gateway.feed.projected < self.core.published or self.gateway.feed.number < self.core.published:
            assert time.monotonic() < deadline, "the views do not follow"
            time.sleep(0.005)
        return self.core.published


def _new(name: str, role: Role, participant: str | None = None, trader: str | None = None) -> NewLogin:
    return NewLogin(name=name, role=role, participant=participant, trader=trader, password=PASSWORD, keep_password=True)


def give(by: httpx.Client, command: str, /, **fields: Any) -> Json:
    """A command that has to be taken; gives its answer."""
    answer = by.post(f"{API}/commands/{command}", json=fields)
    assert answer.status_code == 200, f"{command}: {answer.text}"
    taken: Json = answer.json()
    return taken


def order(side: str, price: str, quantity: str, **more: Any) -> Json:
    return {"session": SESSION, "instrument": INSTRUMENT, "side": side, "price": price, "quantity": quantity, **more}


class Program:
    """A client that signs each of its requests (docs/guides/sign-a-request.md)."""

    def __init__(self, house: House, client: httpx.Client, **how: Any) -> None:
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        body = {"public": base64.b64encode(raw).decode(), "label": "a program", **how}
        made = client.post(f"{API}/keys", json=body)
        assert made.status_code == 201, made.text
        self.key: str = made.json()["id"]
        self.house = house
        self.http = house.anonymous()

    def signed(self, method: str, target: str, body: bytes = b"") -> list[tuple[str, str]]:
        """The header fields of a request."""
        url = f"{self.house.origin}{target}"
        fields = [("content-type", "application/json"), ("content-digest", digest_field(body))] if body else []
        components = ("@method", "@target-uri", *(("content-digest",) if body else ()))
        parameters: Json = {"created": int(time.time()), "nonce": secrets.token_hex(16), "keyid": self.key}
        return [*fields, *sign(self.private, Request(method, url, tuple(fields), body), components, parameters)]

    def ask(self, method: str, target: str, body: bytes = b"") -> httpx.Response:
        return self.http.request(method, target, content=body, headers=self.signed(method, target, body))
