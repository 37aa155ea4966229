"""`kirmash demo` as its user has it: a process that opens pages, replays, takes orders where it should, and stops."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kirmash.config import Config
from kirmash.core.local import LocalExchange
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.demo.host import Host
from kirmash.demo.live import CHEAP, add_visitors, config_of, password_of
from kirmash.gateway.server import Gateway
from kirmash.journal.reader import Reader
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.kinds import ActorKind, Phase
from kirmash.sequencer.timetable import Timing
from kirmash.serve import open_folder
from kirmash.simulation.exhibits import SERIES
from kirmash.simulation.replay import SESSION
from kirmash.web import Site

API = "/api/v1"
STOP_SECONDS = 5
NOT_ADMITTED = 201


class Running:
    """A demo in a process of its own, its historical session replayed at once."""

    def __init__(self, data: Path) -> None:
        self.data = data
        words = ["demo", "--port", "0", "--data", str(data), "--speed", "100000", "--market", "reference"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kirmash", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if "is over" in line or "held up" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", "".join(self.said))
        assert found, self.said
        self.origin = found[0]

    @contextlib.contextmanager
    def entered(self, name: str) -> Iterator[httpx.Client]:
        """A client that is logged in with the password that was printed."""
        printed = next(line.split()[1] for line in self.said if line.split()[:1] == [name])
        with httpx.Client(base_url=self.origin, timeout=30) as client:
            answer = client.post(f"{API}/login", json={"name": name, "password": printed})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            yield client

    def stop(self) -> float:
        """End it by SIGTERM; gives how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    demo = Running(tmp_path_factory.mktemp("demo") / "data")
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
        demo.process.communicate()


def test_the_front_page_and_the_api_are_there(running: Running) -> None:
    page = httpx.get(f"{running.origin}/")
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    sessions = httpx.get(f"{running.origin}{API}/sessions").json()
    assert SESSION in str(sessions)


def test_the_december_session_comes_to_its_sum(running: Running) -> None:
    """S14: ten sale lots of 6,220 m³, 62,200 m³ for 85,500,000.00 CNY; read off the journal, in lots of 10 m³."""
    lots = value = 0
    closed = False
    with Reader(running.data / "journal.db") as reader:
        for _, data, _ in reader.records():
            for event in codec.decode_events(codec.decode_record(data).events):
                if isinstance(event, e.DealMade) and event.session == SESSION:
                    lots, value = lots + event.quantity, value + event.quantity * event.price
                if isinstance(event, e.PhaseChanged) and event.session == SESSION:
                    closed = event.to is Phase.CLOSED
    assert (lots * 10, value * 10) == (62_200, 85_500_000)
    assert closed
    assert any("85500000.00 CNY" in line for line in running.said)


@pytest.mark.parametrize("visitor", ["demo-buyer", "demo-broker"])
def test_a_visitors_order_in_the_historical_session_is_refused_with_the_reason(running: Running, visitor: str) -> None:
    """Its purpose is granted to nobody who is not of 2022 (PS-3.1): not_admitted, whatever the phase."""
    order: dict[str, Any] = {
        "session": SESSION,
        "instrument": "historical-pine-taicang",
        "side": "buy",
        "price": "1370",
        "quantity": "100",
    }
    if visitor == "demo-broker":
        order["client"] = "demo-client-a"
    with running.entered(visitor) as client:
        answer = client.post(f"{API}/commands/place_order", json=order)
    assert answer.status_code == 409, answer.text
    assert NOT_ADMITTED in {it["code"] for it in answer.json()["reasons"]}


def test_operator_and_auditor_may_enter(running: Running) -> None:
    for name in ("demo-operator", "demo-operator-2", "demo-auditor"):
        with running.entered(name) as client:
            assert client.get(f"{API}/participants").status_code == 200


def test_sigterm_ends_it_in_order_and_the_journal_verifies(running: Running) -> None:
    """The last of this module: the process is stopped."""
    assert running.stop() < STOP_SECONDS
    assert running.process.returncode == 0
    words = ["verify", str(running.data), "--market", "reference"]
    checked = subprocess.run([sys.executable, "-m", "kirmash", *words], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


class Quick:
    """A demo in this loop, whose clock moves only when it is told to."""

    def __init__(self, config: Config, begin: int = 1_800_000_000) -> None:
        self.config = config
        self.now = begin
        self.host: Host
        self.core: Core
        self.port = 0
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Quick":
        folder = self._stack.enter_context(contextlib.closing(open_folder(self.config)))
        settings = CoreSettings(load_market=market_loader("reference"), timetable=Timing(), clock=lambda: (self.now, 0))
        self.core = Core(folder, settings, "reference")
        self._stack.push_async_callback(self.core.stop)
        await self.core.start()
        self.host = Host(self.core, 1)
        self._stack.push_async_callback(self.host.stop)
        await self.host.start()
        await add_visitors(self.config)
        gateway = Gateway(self.config, LocalExchange(self.core), Site, password_parameters=CHEAP)
        self._stack.push_async_callback(gateway.stop)
        await gateway.start()
        self.port = gateway.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def pass_seconds(self, count: int) -> None:
        for _ in range(count):
            self.now += 1
            await self.host.keep()
            await self.host.turn()


def test_a_visitor_trades_with_a_simulated_participant(tmp_path: Path) -> None:
    """In the first session of metals, some minutes after its begin; the clock is ours, so that nobody waits."""

    async def trade() -> None:
        async with Quick(config_of(tmp_path / "data", "reference", 1, 0)) as demo:
            await demo.pass_seconds(240)
            await _buy(demo.port)
            journal = demo.config.data / "journal.db"
            deals = [
                event
                for record in records(journal)
                if record.actor_kind is ActorKind.TRADER and record.actor == "t-demo-buyer"
                for event in codec.decode_events(record.events)
                if isinstance(event, e.DealMade)
            ]
            assert deals
            assert {it.seller for it in deals} <= {seat.participant for seat in demo.host.population.seats}

    asyncio.run(trade())


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_second_start_ends_the_sessions_of_the_first_and_opens_new_ones(tmp_path: Path, snapshot: bool) -> None:
    """Whether a snapshot was taken or not: what an earlier run left is known from state and journal."""
    config = config_of(tmp_path / "data", "reference", 1, 0)

    async def run(begin: int) -> None:
        async with Quick(config, begin) as demo:
            await demo.pass_seconds(200)

    asyncio.run(run(1_800_000_000))
    before = len(list(records(config.data / "journal.db")))
    if not snapshot:
        for file in (config.data / "snapshots").iterdir():
            file.unlink()
    asyncio.run(run(1_800_000_300))
    created, cancelled, deals = set(), set(), 0
    for record in records(config.data / "journal.db"):
        for event in codec.decode_events(record.events):
            if isinstance(event, e.SessionCreated):
                created.add((event.session, record.number > before))
            if isinstance(event, e.SessionCancelled):
                cancelled.add((event.session, False))
            deals += isinstance(event, e.DealMade) and record.number > before
            assert not isinstance(event, e.CommandRejected) or record.actor_kind is ActorKind.TRADER
    assert cancelled == {it for it in created if not it[1]}
    assert len({it for it in created if it[1]}) == 2 * len(SERIES)
    assert deals > 0


def records(journal: Path) -> Iterator[codec.Record]:
    with Reader(journal) as reader:
        for _, data, _ in reader.records():
            yield codec.decode_record(data)


async def _buy(port: int) -> None:
    metals = SERIES[0].exhibits[0]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        answer = await client.post(f"{API}/login", json={"name": "demo-buyer", "password": password_of("demo-buyer")})
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        sessions = (await client.get(f"{API}/sessions", params={"section": "metal"})).json()
        session = next(it["session"] for it in sessions["items"] if it["phase"] == "TRADING")
        dear = metals.value * 103 // 100
        order = {"instrument": metals.instrument, "side": "buy", "price": str(dear), "quantity": "0.1"}
        bought = await client.post(
            f"{API}/commands/place_order", json={"session": session, "time_in_force": "ioc", **order}
        )
    assert bought.status_code == 200, bought.text
    events = [line["event"] for line in bought.json()["events"]]
    assert events[:2] == ["order_accepted", "deal_made"], events
