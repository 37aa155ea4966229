"""A whole exchange with its pages for tests: a historical scenario in the journal, and sessions of today beside it.

Core and gateway run in one event loop on a thread and are reached by real HTTP. The scenario's records keep their
times; what is made afterwards has the present's. All companies and values are invented.
"""

import asyncio
import datetime
import itertools
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import argon2.profiles
import httpx

from kirmash.bootstrap import DemoExchange
from kirmash.config import Config, CoreConfig, ExchangeConfig, GatewayConfig, IdentityConfig
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.data import scenario_bytes
from kirmash.gateway.server import Gateway
from kirmash.identity import Identity, NewLogin, Role
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages.codec import Actor
from kirmash.messages.events import CommandRejected
from kirmash.messages.kinds import ActorKind
from kirmash.protocol.shapes import command_from_json
from kirmash.sequencer.timetable import Timing
from kirmash.serve import open_folder
from kirmash.simulation.scenario import read_scenario
from kirmash.web import Site

T = TypeVar("T")
Json = dict[str, Any]

PASSWORD: Final = "a goose on the green"
SCENARIO: Final = "lumber-china-2022-12"
PROBE: Final = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
"""A name that does harm wherever it is not escaped."""

OVER: Final = "china-lumber-2022-12"
RUNNING: Final = "board-running"
INTAKE: Final = "board-intake"
PLANNED: Final = "board-tomorrow"
HALTED: Final = "board-halted"
CANCELLED: Final = "board-cancelled"
BOARD: Final = "oak-board-minsk"
BEAM: Final = "oak-beam-minsk"
TRADERS: Final = {"alfa": "t-alfa", "beta": "t-beta"}

OPERATOR: Final = Actor(ActorKind.OPERATOR, "op-test")


class Exchange:
    """Start with `with`. `give` commands directly; `client` for HTTP."""

    def __init__(self, path: Path, market: Literal["native", "reference"] = "reference") -> None:
        self._data = path / "data"
        self.config = Config(
            exchange=ExchangeConfig(name="Kirmash", invented=True),
            core=CoreConfig(data=str(self._data), market=market),
            gateway=GatewayConfig(port=0, stop_seconds=1),
            identity=IdentityConfig(manual_per_second=1_000, manual_burst=100_000),
        )
        self._market = market
        self.loop = asyncio.new_event_loop()
        self.core: Core
        self.gateway: Gateway
        self.site: Site
        self.origin = ""
        self._number = 0
        self._clients: list[httpx.Client] = []
        self._thread = threading.Thread(target=self.loop.run_forever, name="exchange", daemon=True)

    def __enter__(self) -> "Exchange":
        with DemoExchange(self._data, self._market) as past:
            for line in read_scenario(scenario_bytes(SCENARIO).splitlines(keepends=True), SCENARIO):
                past.apply(line)
        self._thread.start()
        self.run(self._start())
        self.origin = f"http://127.0.0.1:{self.gateway.port}"
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _start(self) -> None:
        self._folder = open_folder(self.config)
        settings = CoreSettings(load_market=market_loader(self._market), timetable=Timing(10**9, 0))
        self.core = Core(self._folder, settings, self._market)
        await self.core.start()
        self.exchange = LocalExchange(self.core)

        def site(services: Any) -> Site:
            self.site = Site(services)
            return self.site

        self.gateway = Gateway(self.config, self.exchange, site, password_parameters=argon2.profiles.CHEAPEST)
        await self.gateway.start()

    async def _stop(self) -> None:
        await self.gateway.stop()
        await self.core.stop()
        self._folder.close()

    # Commands ----------------------------------------------------------------------------------------------------

    def give(self, command: str, actor: Actor = OPERATOR, **fields: Any) -> None:
        """A command that has to be taken."""
        self._number += 1
        message = command_from_json(command, fields)
        answer = self.run(self.exchange.submit(actor, "test", f"test-{self._number}", message))
        rejects = [it for it in codec.decode_events(answer.events) if isinstance(it, CommandRejected)]
        assert not rejects, f"{command}: {rejects}"

    def order(self, participant: str, session: str, instrument: str, side: str, price: str, quantity: str) -> None:
        actor = Actor(ActorKind.TRADER, TRADERS[participant])
        self.give("place_order", actor, session=session, instrument=instrument, side=side, price=price,
                  quantity=quantity)  # fmt: skip

    def settled(self) -> None:
        """Wait until gateway and views hold everything."""
        deadline = time.monotonic() + 10
        feed = self.gateway.feed
        while min(feed.projected, feed.number) < self.core.published:
            assert time.monotonic() < deadline, "the views do not follow"
            time.sleep(0.005)

    def people(self) -> None:
        """Logins: an operator, an auditor, the traders; `once` has a one-time password."""
        identity = Identity(self._data / "identity.db", password_parameters=argon2.profiles.CHEAPEST)
        new = [_login("olga", Role.OPERATOR), _login("anton", Role.AUDITOR)]
        new += [_login(name, Role.TRADER, name, trader) for name, trader in TRADERS.items()]
        # On the exchange's own loop: while a browser is open, this thread has another one that runs.
        self.run(identity.add_logins(new))
        once = NewLogin(name="once", role=Role.OPERATOR, password=PASSWORD)
        self.run(identity.add_login(once))
        identity.close()

    def client(self, **how: Any) -> httpx.Client:
        client = httpx.Client(base_url=self.origin, timeout=30, **how)
        self._clients.append(client)
        return client

    # Today -------------------------------------------------------------------------------------------------------

    def today(self, probe: str = PROBE, place: str = "Brest <b>Центр</b>") -> None:
        """Two participants, two instruments and a session in each state a page can meet."""
        grade, reason = f"1-3 {probe}".strip(), f"power cut {probe}".strip()
        self.give("list_card", card="oak-board", version="1", section="forest", name_en="Oak boards", unit="MTQ",
                  name_ru="Доски дубовые", hs_code="440791", attributes={"species": "oak", "grade": grade})  # fmt: skip
        for instrument in (BOARD, BEAM):
            self.give("list_instrument", instrument=instrument, card="oak-board", version="1", currency="USD",
                      basis={"incoterm": "FCA", "place": "Minsk" if instrument == BOARD else place},
                      payment_term="prepayment", purpose="export", lot="1", tick="0.50")  # fmt: skip
        for participant, trader in TRADERS.items():
            name = f"{participant} (invented) {probe}".strip()
            self.give("register_participant", participant=participant, name=name, country="BY", resident=True,
                      kinds=["visitor"])  # fmt: skip
            self.give("accredit_participant", participant=participant)
            self.give("appoint_trader", trader=trader, participant=participant)
            for side in ("buy", "sell"):
                self.give("grant_permission", participant=participant, section="forest", side=side, purpose="export")
            self.give("credit_deposit", participant=participant, currency="USD", amount="10000000.00")
        for session, to in ((RUNNING, "TRADING"), (INTAKE, "INTAKE"), (HALTED, "TRADING"), (CANCELLED, "INTAKE")):
            self.session(session, to)
        self.session(PLANNED, "SCHEDULED", hours=24)
        self.give("halt_session", session=HALTED, reason=reason)
        self.give("cancel_session", session=CANCELLED, reason="the seller withdrew")
        for step in range(14):
            self.order("alfa", RUNNING, BOARD, "sell", f"{500 + step}.50", str(40 + 35 * step))
            self.order("beta", RUNNING, BOARD, "buy", f"{499 - step}.50", str(25 + 60 * step))
        self.order("beta", RUNNING, BOARD, "buy", "500.50", "15")
        self.order("beta", RUNNING, BOARD, "buy", "501.50", "30")
        self.order("alfa", RUNNING, BOARD, "sell", "499.50", "5")
        for participant, side, price, quantity in (
            ("alfa", "sell", "700.00", "1200"),
            ("alfa", "sell", "705.00", "300"),
            ("beta", "buy", "702.50", "900"),
            ("beta", "buy", "690.00", "400"),
        ):
            self.order(participant, INTAKE, BEAM, side, price, quantity)
        self.settled()

    def session(self, session: str, phase: str, hours: int = 1, mechanism: str = "cdca") -> None:
        """A session of both instruments, brought to a phase."""
        first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
        phases = ["SCHEDULED", "INTAKE", "OPENING", "TRADING", "CLOSING", "CLOSED"]
        times = [(first + datetime.timedelta(minutes=40 * at)).isoformat() for at in range(len(phases))]
        self.give(
            "create_session",
            session=session,
            section="forest",
            purpose="export",
            mechanism=mechanism,
            instruments=[
                {"instrument": BOARD, "reference": "500.00", "down_ppm": 200_000, "up_ppm": 200_000},
                {"instrument": BEAM},
            ],
            phases=[{"phase": name, "at": at} for name, at in zip(phases, times, strict=True)],
            deposit=[{"side": "buy", "resident": True, "currency": "USD", "rate_ppm": 50_000, "floor": "100.00"}],
        )
        for before, after in itertools.pairwise(phases[: phases.index(phase) + 1]):
            self.give("change_phase", **{"session": session, "from": before, "to": after})  # type: ignore[arg-type]  # `from` is no name in Python


def _login(name: str, role: Role, participant: str | None = None, trader: str | None = None) -> NewLogin:
    return NewLogin(name=name, role=role, participant=participant, trader=trader, password=PASSWORD, keep_password=True)
