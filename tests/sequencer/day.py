"""An exchange with a timetable as tests hold it: a clock that they set, and what was numbered, in short lines.

The plan of a day stands in seconds after `NOON`. The data folder is verified when the exchange is put away, so that
every test of the timetable ends with a journal that a replay confirms. No test stands here.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import verify
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Decider, Mechanism, ParticipantKind, Phase, Side, TimeInForce
from kirmash.messages.units import Time
from kirmash.sequencer.answers import Answer
from kirmash.sequencer.machine import Decided
from kirmash.sequencer.recovery import Replayed, recover
from kirmash.sequencer.timetable import Timing
from kirmash.sequencer.writer import Writer
from tests.sequencer.gate import PATIENCE_SECONDS, Gate

EXCHANGE = "day"
NOON = 1_670_000_000
ANT, BEE = Actor(ActorKind.TRADER, "t-ant"), Actor(ActorKind.TRADER, "t-bee")

CDCA_DAY = "SCHEDULED 0 INTAKE 100 ADMISSION 200 OPENING 300 TRADING 400 CLOSING 500 CLOSED 600"
CALL_DAY = (
    "SCHEDULED 0 INTAKE 100 ADMISSION 200 OPENING 300 TRADING 400 SELLER_CORRECTION 500 DEAL_MAKING 600 "
    "CLOSING 700 CLOSED 800"
)


def at(seconds: int, nanoseconds: int = 0) -> Time:
    """So long after noon; a negative second part goes back."""
    return divmod((NOON + seconds) * 10**9 + nanoseconds, 10**9)


def session(name: str, plan: str, mechanism: Mechanism = Mechanism.CDCA) -> c.CreateSession:
    """A session with one instrument; the plan as phases and seconds after noon."""
    words = plan.split()
    return c.CreateSession(
        session=name,
        section="metal",
        purpose="export",
        mechanism=mechanism,
        instruments=(c.SessionInstrument(instrument="i"),),
        phases=tuple(
            c.PlannedPhase(phase=Phase[phase], at=at(int(planned)))
            for phase, planned in zip(words[::2], words[1::2], strict=True)
        ),
    )


def order(side: Side, until: Time | None = None, name: str = "s", price: str = "100.00") -> c.PlaceOrder:
    """One lot."""
    tif = TimeInForce.SESSION if until is None else TimeInForce.UNTIL
    return c.PlaceOrder(
        session=name, instrument="i", side=side, price=price, quantity="1", time_in_force=tif, until=until
    )


def move(from_: str, to: str, name: str = "s") -> c.ChangePhase:
    return c.ChangePhase(session=name, from_=Phase[from_], to=Phase[to])


def _setting() -> Iterator[c.Command]:
    yield c.ListCard(card="c", version=1, section="metal", name_en="x", name_ru="x", hs_code="7214", unit="TNE")
    yield c.ListInstrument(
        instrument="i",
        card="c",
        version=1,
        basis=Basis(incoterm="FCA", place="Minsk"),
        currency="EUR",
        payment_term="prepaid",
        purpose="export",
        lot="1",
        tick="0.01",
    )
    for name in ("ant", "bee"):
        kinds = (ParticipantKind.VISITOR,)
        yield c.RegisterParticipant(participant=name, name=name, country="BY", resident=True, kinds=kinds)
        yield c.AccreditParticipant(participant=name)
        for side in Side:
            yield c.GrantPermission(participant=name, section="metal", side=side, purpose="export")
        yield c.AppointTrader(trader=f"t-{name}", participant=name)


def line(decided: Decided) -> str:
    """Second, who, and what was accepted of what: `100 timetable change_phase s INTAKE>ADMISSION`."""
    record = decided.record
    command, made = codec.decode_command(record.command), codec.decode_events(record.events)
    words = [str(record.time[0] - NOON), record.actor, codec.name_of(type(command))]
    if isinstance(made[0], e.CommandRejected):
        return " ".join([*words, *(refusal.reason.text for refusal in made[0].reasons)])
    match command:
        case c.ChangePhase():
            words += [command.session, f"{command.from_.name}>{command.to.name}"]
        case c.HaltSession() | c.ResumeSession() | c.CreateSession():
            words += [command.session]
        case c.ExpireOrders():
            words += [command.session, *(f"order {it.order}" for it in made if isinstance(it, e.OrderCancelled))]
        case c.PlaceOrder():
            words += [f"deal {it.deal}" for it in made if isinstance(it, e.DealMade)]
        case _:
            pass
    return " ".join(words)


USUAL = Timing()
NOTHING = c.MassCancel(session="s", trader="nobody")
"""A market command of the operator that finds nothing."""


class Day:
    """A folder with its writer, which may stop and start again; `numbered` is all that was published since `forget`."""

    def __init__(self, path: Path, market: str, timing: Timing | None) -> None:
        self.path = path
        self.market = market
        self.timing = timing
        self.gate = Gate()
        self.now: Time = at(0)
        self.script: list[Time] = []
        """What the clock gives first, one a reading."""
        self.published: list[Decided] = []
        self._shown = 0
        self._ids = 0
        self._told = threading.Condition()
        self.folder = Folder.create(path)
        Journal.create(self.folder.journal, EXCHANGE).close()
        self.writer = self._writer()

    def _writer(self) -> Writer:
        return Writer(
            self.folder,
            market_loader(self.market),
            clock=self._clock,
            publish=self._publish,
            commit_hook=self.gate,
            retry_seconds=0.01,
            timetable=self.timing,
        )

    def _clock(self) -> Time:
        return self.script.pop(0) if self.script else self.now

    def _publish(self, decided: Sequence[Decided]) -> None:
        with self._told:
            self.published += decided
            self._told.notify_all()

    # What tests do ---------------------------------------------------------------------------------------------

    def send(self, command: c.Command, actor: Actor = OPERATOR, client_id: str | None = None) -> Future[Answer]:
        self._ids += 1
        return self.writer.submit(actor, "test", client_id or f"c-{self._ids}", command)

    def give(self, command: c.Command, actor: Actor = OPERATOR) -> tuple[e.Event, ...]:
        """Hand in a command and wait for its events, and until they are published."""
        return self.told(self.send(command, actor))

    def told(self, future: Future[Answer]) -> tuple[e.Event, ...]:
        """The events of an answer, once they are published, which is after the answer."""
        answer = future.result(PATIENCE_SECONDS)
        self.wait_for(lambda: self.published[-1].record.number >= answer.number)
        return codec.decode_events(answer.events)

    def tick(self, seconds: int, nanoseconds: int = 0) -> None:
        """Set the clock, and have the writer look at it."""
        self.now = at(seconds, nanoseconds)
        self.writer.wake()

    def wait_for(self, done: Callable[[], bool]) -> None:
        with self._told:
            assert self._told.wait_for(done, PATIENCE_SECONDS / 3), "\n".join(map(line, self.published))

    def until_numbered(self, count: int) -> list[str]:
        """Wait until so many records more were published than were looked at before, and look at them."""
        self.wait_for(lambda: len(self.published) >= self._shown + count)
        return self.numbered()

    def numbered(self) -> list[str]:
        """What was published since the last look."""
        shown = [line(decided) for decided in self.published[self._shown :]]
        self._shown = len(self.published)
        return shown

    def restart(self, seconds: int, nanoseconds: int = 0) -> None:
        """Stop, and start again on the same folder at this time."""
        self.writer.stop()
        self.numbered()
        self.start(seconds, nanoseconds)

    def start(self, seconds: int, nanoseconds: int = 0) -> None:
        self.now = at(seconds, nanoseconds)
        self.writer = self._writer()
        self.writer.start()

    def owe(self, command: c.Command, seconds: int) -> None:
        """With the writer stopped: an office command with a number, whose follow-ups have none, as a kill leaves it."""
        machine = recover(self.folder.journal, market_loader(self.market)).machine
        journal = Journal.open(self.folder.journal, None)
        journal.append(machine.submit(OPERATOR, "test", "owed", command, at(seconds)))
        journal.close()
        assert [owed.decider for owed in machine.pending] == [Decider.MARKET]


@contextmanager
def day(path: Path, market: str, *sessions: c.CreateSession, timing: Timing | None = USUAL) -> Iterator[Day]:
    """An exchange on which ANT and BEE may trade, with these sessions, at noon; verified in the end."""
    made = Day(path, market, timing)
    with made.folder:
        made.writer.start()
        try:
            for command in (*_setting(), *sessions):
                assert not isinstance(made.give(command)[0], e.CommandRejected)
            made.numbered()
            yield made
        finally:
            made.gate.open.set()
            made.gate.broken = None
            made.writer.stop()
        verify(path, lambda exchange_id: Replayed(exchange_id, market_loader(market)))
