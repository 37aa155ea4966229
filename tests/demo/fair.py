"""A whole demo in memory, at a clock of its own: market, office and timetable without journal, keeper and crowd.

What happens to the simulated participants is held against an account of it that is kept here, from events alone.
"""

from collections import Counter
from collections.abc import Iterable

from msgspec import structs

from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import events as e
from kirmash.messages.codec import TIMETABLE, Actor, Record
from kirmash.messages.commands import Command, CreditDeposit
from kirmash.messages.kinds import ActorKind, CancelReason, Decider, Side
from kirmash.messages.units import Time
from kirmash.office import Office
from kirmash.sequencer.machine import Decided, Machine
from kirmash.sequencer.timetable import Timetable, concerns
from kirmash.simulation.crowd import Crowd
from kirmash.simulation.keeper import Keeper
from kirmash.simulation.population import populate

HOST = Actor(ActorKind.OPERATOR, "demo-host")
BEGIN = 1_800_000_000


class Fair:
    """`step` lets a number of milliseconds pass. `books` says who has which open order on which terms."""

    def __init__(self, seed: int, market: str = "reference", units: int | None = None) -> None:
        """`units`: what every account gets instead of what the population says."""
        self.machine = Machine(market_loader(market)(None), Office(), "fair")
        self.timetable = Timetable()
        self.now = BEGIN * 1_000
        self.population = populate(seed)
        self.crowd = Crowd(self.population.seats, seed, "r0")
        self.keeper = Keeper(self.crowd.worth)
        self.events: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.cancelled: Counter[CancelReason] = Counter()
        self.commands: Counter[str] = Counter()
        self.books: dict[int, tuple[str, str, str, Side, int, int]] = {}
        """Order: trader, session, instrument, side, price, open."""
        self.bought: Counter[tuple[str, str]] = Counter()
        self.sold: Counter[tuple[str, str]] = Counter()
        self._ids = 0
        for command in self.population.commands():
            short = units is not None and isinstance(command, CreditDeposit)
            self.give(HOST, structs.replace(command, amount=str(units)) if short else command)

    @property
    def time(self) -> Time:
        return self.now // 1_000, self.now % 1_000 * 1_000_000

    def give(self, actor: Actor, command: Command, client_id: str | None = None) -> Record:
        """Number a command and what follows from it; gives its record."""
        self._ids += 1
        decided = self.machine.submit(actor, "demo", client_id or f"fair.{self._ids}", command, self.time)
        record = decided[-1].record
        if concerns(command):
            self.timetable.fold(record.time, command, record.events)
        self._hear(decided + self.machine.settle(self.time))
        return record

    def step(self, milliseconds: int) -> None:
        self.now += milliseconds
        while (due := self.timetable.due(self.time)) is not None:
            self._hear(self.machine.settle(self.time, Decider.MARKET))
            self.give(TIMETABLE, due, str(self.machine.number + 1))
            self.timetable.was_given(due)
        for command in self.keeper.commands(self.now // 1_000):
            self.give(HOST, command)
        for given in self.crowd.act(self.now):
            self.commands[type(given.command).__name__] += 1
            self.give(given.actor, given.command, given.client_id)

    def _hear(self, decided: Iterable[Decided]) -> None:
        for entry in decided:
            self._note(entry.record)
            self.crowd.hear(entry.record)
            self.keeper.hear(entry.record)

    def _note(self, record: Record) -> None:
        for event in codec.decode_events(record.events):
            self.events[type(event).__name__] += 1
            match event:
                case e.CommandRejected():
                    self.reasons.update(it.reason.name for it in event.reasons)
                case e.OrderAccepted(order=order):
                    terms = (event.session, event.instrument, event.side, event.price, event.quantity)
                    self.books[order] = (record.actor, *terms)
                case e.OrderAmended(order=order):
                    self.books[order] = (*self.books[order][:4], event.price, event.open)
                case e.OrderCancelled():
                    self.cancelled[event.reason] += 1
                    del self.books[event.order]
                case e.DealMade():
                    self._deal(event.buy_order, event.buy_open, event.quantity, self.bought)
                    self._deal(event.sell_order, event.sell_open, event.quantity, self.sold)
                case _:
                    pass

    def _deal(self, order: int, open_lots: int, lots: int, account: Counter[tuple[str, str]]) -> None:
        trader, session, instrument, side, price, _ = self.books[order]
        account[trader, instrument] += lots
        if open_lots:
            self.books[order] = (trader, session, instrument, side, price, open_lots)
        else:
            del self.books[order]
