"""A whole day as the timetable runs it, on a clock a thousand times as quick: the session is created by the plan, moves
from phase to phase by itself, and a restart in the middle does what PS-11.5 says.
"""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kirmash.config import Config, SessionTemplate, TemplateInstrument
from kirmash.core.planner import Planner
from kirmash.core.planning import Planning
from kirmash.gateway.exchange import News
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages.codec import Actor, Record
from kirmash.messages.events import (
    CommandRejected,
    DealMade,
    Event,
    PhaseChanged,
    SessionCreated,
    SessionHalted,
    SessionResuming,
)
from kirmash.messages.kinds import ActorKind, Phase, Side
from kirmash.messages.units import Time, time_of
from kirmash.protocol.link import Records
from kirmash.sequencer.timetable import Timing
from tests.core.hall import BUYER, MARKETS, SELLER, Hall, Heard, gateway, run, stage, until

SPEED = 1_000
STEP_SECONDS = 10
DAY = "oil-2026-04-22"
PLANNED = {
    "SCHEDULED": "08:00:00",
    "INTAKE": "08:10:00",
    "ADMISSION": "08:20:00",
    "OPENING": "08:25:00",
    "TRADING": "08:30:00",
    "CLOSING": "08:50:00",
    "CLOSED": "09:00:00",
}
CONFIG = Config(
    plan_days=1,
    sessions=(
        SessionTemplate(
            name="oil",
            section="agricultural",
            purpose="export",
            mechanism="cdca",
            phases=PLANNED,
            instruments=(TemplateInstrument(instrument="oil-brest"),),
        ),
    ),
)


class QuickClock:
    """Stands at a given moment; while it `runs`, the loop moves it on by ten seconds each hundredth of one.

    It moves in the loop's turns and no faster, so that a test on a busy machine misses no phase. A phase in `stops`
    stops it as soon as the gateway hears that it was entered.
    """

    def __init__(self, start: str) -> None:
        self._now = int(datetime.datetime.fromisoformat(start).timestamp()) * 10**9
        self.runs = False
        self.stops: set[Phase] = set()

    def __call__(self) -> Time:
        return time_of(self._now)

    def move(self, seconds: int) -> None:
        self._now += seconds * 10**9

    def heard(self, news: News) -> None:
        if isinstance(news, Records):
            for record in news.records:
                for event in codec.decode_events(codec.decode_record(record).events):
                    if isinstance(event, PhaseChanged) and event.to in self.stops:
                        self.runs = False


@asynccontextmanager
async def exchange(path: Path, market: str, clock: QuickClock) -> AsyncIterator[Heard]:
    """Core with timetable and planner, and a gateway that is told what follows the last snapshot, no past again."""
    hall = Hall(
        path,
        market,
        clock=clock,
        timetable=Timing(),
        watch_seconds=0.05,
        resumable_records=0,
        beginning_records=0,
    )
    async with hall:
        planning = asyncio.create_task(Planning(hall.core, Planner(CONFIG), seconds=0.05).run())
        waking = asyncio.create_task(wake(hall, clock))
        async with gateway(hall.socket) as heard:
            heard.exchange.follow(clock.heard)
            yield heard
        for task in (planning, waking):
            assert not task.done(), task.exception()
            task.cancel()


async def wake(hall: Hall, clock: QuickClock) -> None:
    """The time goes on; an idle writer sleeps by the host's clock and has to be told."""
    while True:
        if clock.runs:
            clock.move(STEP_SECONDS)
            hall.core.writer.wake()
        await asyncio.sleep(STEP_SECONDS / SPEED)


def events(records: list[Record]) -> list[tuple[Record, Event]]:
    return [(record, event) for record in records for event in codec.decode_events(record.events)]


def entered(heard: Heard) -> list[Phase]:
    """The phases that the session entered, in order."""
    return [it.to for _, it in events(heard.records) if isinstance(it, PhaseChanged) and it.session == DAY]


def order(side: Side, price: str) -> c.PlaceOrder:
    return c.PlaceOrder(session=DAY, instrument="oil-brest", side=side, price=price, quantity="20")


async def the_eve(heard: Heard) -> None:
    """Companies and goods, and no session but the planned one; it is planned as soon as its instrument is listed."""
    for at, command in enumerate(stage()):
        if not isinstance(command, c.CreateSession):
            await heard.give(command, f"eve-{at}")
    await until(lambda: any(isinstance(it, SessionCreated) for _, it in events(heard.records)))


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("down_seconds", [0, 20])
def test_a_day_runs_by_itself_over_a_short_restart(market: str, down_seconds: int, tmp_path: Path) -> None:
    clock = QuickClock("2026-04-22T07:55:00+03:00")

    async def scene() -> list[Record]:
        data = tmp_path / "data"
        async with exchange(data, market, clock) as heard:
            await the_eve(heard)
            clock.stops = {Phase.INTAKE, Phase.TRADING}
            clock.runs = True
            await until(lambda: Phase.INTAKE in entered(heard))
            await heard.give(order(Side.SELL, "900.00"), "sell", SELLER)
            clock.runs = True
            await until(lambda: Phase.TRADING in entered(heard))
        clock.move(down_seconds)
        async with exchange(data, market, clock) as heard:
            deal = await heard.give(order(Side.BUY, "900.00"), "buy", BUYER)
            assert any(isinstance(event, DealMade) for event in codec.decode_events(deal.events))
            clock.runs = True
            await until(lambda: Phase.CLOSED in entered(heard))
        hall = Hall(data, market)
        hall.verify()
        return hall.journal()

    records = run(scene(), 200)
    changes = [(record, it) for record, it in events(records) if isinstance(it, PhaseChanged) and it.session == DAY]
    assert [it.to.name for _, it in changes] == list(PLANNED)[1:]
    for record, it in changes:
        planned = datetime.datetime.fromisoformat(f"2026-04-22T{PLANNED[it.to.name]}+03:00")
        assert record.time >= (int(planned.timestamp()), 0)
        assert record.actor_kind is ActorKind.TIMETABLE
    assert [record.actor for record in records if record.origin == "plan"] == ["planner"]
    assert not any(isinstance(it, CommandRejected | SessionHalted) for _, it in events(records))


@pytest.mark.parametrize("market", MARKETS)
def test_after_a_downtime_the_session_stands_until_its_return_is_announced(market: str, tmp_path: Path) -> None:
    """More than 30 seconds away: halted, orders kept; the phases behind it move by what was lost (PS-11.3, PS-11.5)."""
    clock = QuickClock("2026-04-22T07:55:00+03:00")

    async def scene() -> None:
        data = tmp_path / "data"
        async with exchange(data, market, clock) as heard:
            await the_eve(heard)
            clock.stops = {Phase.TRADING}
            clock.runs = True
            await until(lambda: Phase.TRADING in entered(heard))
            await heard.give(order(Side.SELL, "900.00"), "sell", SELLER)
        clock.move(31)
        async with exchange(data, market, clock) as heard:
            await until(lambda: any(isinstance(it, SessionHalted) for _, it in events(Hall(data).journal())))
            refused = await heard.give(order(Side.BUY, "900.00"), "early", BUYER)
            assert isinstance(codec.decode_events(refused.events)[0], CommandRejected)
            back = (clock()[0] + 400, 0)
            resumed = await heard.give(
                c.ResumeSession(session=DAY, resume_at=back), "resume", Actor(ActorKind.OPERATOR, "op-1")
            )
            assert isinstance(codec.decode_events(resumed.events)[0], SessionResuming)
            clock.runs = True
            await until(lambda: Phase.TRADING in entered(heard))
            assert not clock.runs
            deal = await heard.give(order(Side.BUY, "900.00"), "buy", BUYER)
            assert any(isinstance(event, DealMade) for event in codec.decode_events(deal.events))
            clock.runs = True
            await until(lambda: Phase.CLOSED in entered(heard))
        hall = Hall(data, market)
        hall.verify()
        records = hall.journal()
        (closed,) = [rec for rec, it in events(records) if isinstance(it, PhaseChanged) and it.to is Phase.CLOSED]
        halted = next(record for record, it in events(records) if isinstance(it, SessionHalted))
        planned = datetime.datetime.fromisoformat("2026-04-22T09:00:00+03:00").timestamp()
        assert closed.time[0] - int(planned) >= back[0] - halted.time[0] - 1

    run(scene(), 200)


def test_a_session_whose_goods_are_not_there_yet_is_planned_when_they_are(tmp_path: Path) -> None:
    """It uses up no number and no client id before."""
    clock = QuickClock("2026-04-22T06:00:00+03:00")

    async def scene() -> None:
        async with Hall(tmp_path / "data", clock=clock, timetable=Timing()) as hall, gateway(hall.socket) as heard:
            planning = Planning(hall.core, Planner(CONFIG))
            hall.core.follow(planning)
            for _ in range(3):
                await planning.plan()
            assert heard.numbers == []
            eve = asyncio.create_task(the_eve(heard))
            while not eve.done():
                await planning.plan()
                await asyncio.sleep(0.01)
            await planning.plan()
            last = heard.numbers[-1]
            assert [record.origin for record in heard.records].count("plan") == 1
            # Another start plans again, and finds it there.
            again = Planning(hall.core, Planner(CONFIG))
            hall.core.follow(again)
            await again.plan()
            assert heard.numbers[-1] == last

    run(scene())
