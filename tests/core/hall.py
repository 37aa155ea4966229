"""A core behind its socket in the loop of a test, and gateways' ends of the link that keep what they are told.

The stage is that of the tutorial: two companies with a trader each, one instrument, one session that takes orders from
the start. No test stands here.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import pytest
import uvloop

from kirmash.core.process import Core
from kirmash.core.server import LinkServer
from kirmash.core.settings import CoreSettings
from kirmash.gateway.exchange import News
from kirmash.gateway.link import LinkExchange
from kirmash.journal.errors import StorageFailed
from kirmash.journal.folder import Folder
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor, Record
from kirmash.messages.kinds import ActorKind, Side
from kirmash.protocol.link import DoorsAre, Projected, Records, State
from kirmash.sequencer.answers import Answer
from kirmash.sequencer.recovery import Replayed
from kirmash.simulation.scenario import read_scenario

MARKETS: Final = ["reference", pytest.param("native", marks=pytest.mark.native)]
SCENARIO: Final = Path(__file__).parents[2] / "docs" / "tutorial" / "first-session.jsonl"
SESSION, INSTRUMENT = "oil-1", "oil-brest"
SELLER, BUYER = Actor(ActorKind.TRADER, "mill-desk"), Actor(ActorKind.TRADER, "foods-desk")
PATIENCE: Final = 60

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
    """The test's own loop, of the kind that serves; a test that hangs fails."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bounded())


async def until(true: Any, seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


def order(side: Side = Side.SELL, price: str = "900.00", quantity: str = "20") -> c.PlaceOrder:
    return c.PlaceOrder(session=SESSION, instrument=INSTRUMENT, side=side, price=price, quantity=quantity)


def credit(amount: str = "1.00") -> c.CreditDeposit:
    return c.CreditDeposit(participant="brest-oil", currency="EUR", amount=amount)


def stage() -> Iterator[c.Command]:
    """What makes the tutorial's session, with deposits that last."""
    with SCENARIO.open("rb") as file:
        for line in read_scenario(file, "first-session"):
            if isinstance(line.command, c.PlaceOrder):
                break
            yield line.command
    for participant in ("brest-oil", "baltic-foods"):
        yield c.CreditDeposit(participant=participant, currency="EUR", amount="90000000.00")


def make_folder(path: Path, exchange_id: str = "hall") -> Path:
    """A data folder with an empty journal."""
    folder = Folder.create(path)
    Journal.create(folder.journal, exchange_id).close()
    folder.close()
    return path


class Hall:
    """A core and its socket; `async with` starts and stops them."""

    def __init__(self, path: Path, market: str = "reference", socket: Path | None = None, **settings: Any) -> None:
        self.path = path
        self.market = market
        self.socket = socket or path.with_name("core.sock")
        self._settings = settings
        self.core: Core

    async def __aenter__(self) -> Self:
        if not self.path.exists():
            make_folder(self.path)
        self._folder = Folder(self.path)
        self.core = Core(
            self._folder, CoreSettings(load_market=market_loader(self.market), **self._settings), self.market
        )
        await self.core.start()
        self.server = LinkServer(self.core, self.socket)
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(StorageFailed):
            await self.core.stop()
        await self.server.close()
        self._folder.close()

    def journal(self) -> list[Record]:
        """All records."""
        with Reader(self.path / "journal.db") as reader:
            return [codec.decode_record(data) for _, data, _ in reader.records(0)]

    def verify(self) -> None:
        """A replay makes the same."""
        verify(self.path, lambda exchange_id: Replayed(exchange_id, market_loader(self.market)))


class Heard:
    """A gateway's end of the link, and all that it was told, in order."""

    def __init__(self, socket: Path, **how: Any) -> None:
        self.exchange = LinkExchange(socket, **how)
        self.news: list[News] = []
        self.exchange.follow(self.news.append)

    @property
    def records(self) -> list[Record]:
        batches = [news for news in self.news if isinstance(news, Records)]
        return [codec.decode_record(record) for news in batches for record in news.records]

    @property
    def numbers(self) -> list[int]:
        return [record.number for record in self.records]

    @property
    def states(self) -> list[State]:
        return [news for news in self.news if isinstance(news, State)]

    @property
    def doors(self) -> list[bool]:
        return [news.open for news in self.news if isinstance(news, DoorsAre)]

    @property
    def projected(self) -> int:
        return max((news.number for news in self.news if isinstance(news, Projected)), default=0)

    async def give(self, command: c.Command, client_id: str, actor: Actor = OPERATOR) -> Answer:
        return await self.exchange.submit(actor, "test", client_id, command)

    async def set_the_stage(self) -> int:
        """Gives the number of the last record, a follow-up of the last command."""
        for at, command in enumerate(stage()):
            await self.give(command, f"stage-{at}")
        return self.numbers[-1]


@asynccontextmanager
async def gateway(socket: Path, **how: Any) -> AsyncIterator[Heard]:
    """A connected one."""
    heard = Heard(socket, **how)
    await heard.exchange.start()
    try:
        yield heard
    finally:
        await heard.exchange.close()
