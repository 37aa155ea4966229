"""Hostile streams with deep books: a session with more than 2,000 open orders beside all that is hostile elsewhere.

Every other command is one of a `HostileStream`, in its own sessions but with the same people, who are suspended and
withdrawn under the deep book's orders too. The others fill the deep session's books, walk through many price levels,
park hundreds of orders with a band, and cancel and expire them by the hundred. Same seed and same events, same stream.
"""

import random
from collections.abc import Iterator
from typing import Final

from kirmash.messages import commands as c
from kirmash.messages import events as e
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.kinds import ActorKind, Mechanism, Phase, Side, TimeInForce
from kirmash.messages.units import Time
from tests.fuzz import world
from tests.fuzz.stream import Given, HostileStream

NAME: Final = "deep"
INSTRUMENTS: Final = ("i1", "i2", "i4")
TRADERS: Final = ("t1", "t2", "t3", "t5", "t6", "t7")
"""Those who may trade for themselves."""

DEPTH: Final = 2_400
"""So many open orders are wanted in the deep session: what stays above 2,000 after most blows."""

REFILL_BELOW: Final = 2_100
REFILL: Final = 30
"""Orders at once after a great blow, so that the books do not stay thin for hundreds of commands."""

MIDDLE: Final = 300
"""The price, in ticks, around which the books stand."""

PLAN: Final = (Phase.INTAKE, Phase.ADMISSION, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)


class DeepStream:
    """Gives `length` commands after the books are full; `observe` feeds back the events of each."""

    def __init__(self, seed: int, length: int) -> None:
        # Of the hostile streams, those with money enough for everything (see HostileStream).
        self._hostile = HostileStream(3 * seed + 1, length)
        self._rng = random.Random(seed)
        self._length = length
        self._is_own = False
        self._phase = Phase.INTAKE
        self._open: list[int] = []
        self._places: dict[int, int] = {}
        self._orders: dict[int, tuple[str, str]] = {}  # who placed it, and the instrument
        self._parked: list[int] = []
        self._barred: set[str] = set()
        self._withdrawn: set[str] = set()

    @property
    def now(self) -> Time:
        return self._hostile.now

    def commands(self) -> Iterator[Given]:
        """The stream, lazily: each command may depend on the events observed so far."""
        hostile = self._hostile.commands()
        opening = sum(1 for _ in world.opening(random.Random(0), rich=True))
        for _, (actor, command) in zip(range(opening), hostile, strict=False):
            yield actor, command
        self._is_own = True
        yield OPERATOR, self._session()
        while len(self._open) < DEPTH:
            yield self._place()
        for phase in (Phase.ADMISSION, Phase.TRADING):
            yield OPERATOR, c.ChangePhase(session=NAME, from_=self._phase, to=phase)
        for at, (actor, command) in zip(range(self._length // 2), hostile, strict=False):
            self._is_own = False
            yield actor, command
            self._is_own = True
            yield self._own()
            if len(self._open) < REFILL_BELOW and self._phase is Phase.TRADING:
                yield from self._mend()
            if at % 400 == 399:
                yield from self._band_and_back()
        if self._phase is Phase.HALTED:
            yield OPERATOR, c.ChangePhase(session=NAME, from_=Phase.HALTED, to=Phase.TRADING)
        for phase in (Phase.CLOSING, Phase.CLOSED):
            yield OPERATOR, c.ChangePhase(session=NAME, from_=self._phase, to=phase)

    def observe(self, actor: Actor, events: tuple[e.Event, ...]) -> None:
        """Learn from what happened to a command of this actor which orders are open, and the phase."""
        if not self._is_own:
            self._hostile.observe(actor, events)
        for event in events:
            match event:
                case e.OrderAccepted(session="deep"):
                    self._orders[event.order] = (actor.id, event.instrument)
                    self._places[event.order] = len(self._open)
                    self._open.append(event.order)
                case e.OrderCancelled():
                    self._is_gone(event.order)
                case e.OrderParked():
                    self._parked.append(event.order)
                case e.DealMade(session="deep"):
                    for order, rest in ((event.buy_order, event.buy_open), (event.sell_order, event.sell_open)):
                        if not rest:
                            self._is_gone(order)
                case e.AdmissionSet():
                    (self._barred.discard if event.admitted else self._barred.add)(event.participant)
                case e.AuthoritySet():
                    (self._withdrawn.discard if event.active else self._withdrawn.add)(event.trader)
                case e.PhaseChanged(session="deep"):
                    self._phase = event.to
                case e.SessionHalted(session="deep"):
                    self._phase = Phase.HALTED
                case _:
                    pass

    def _is_gone(self, order: int) -> None:
        place = self._places.pop(order, None)
        if place is not None:
            last = self._open.pop()
            if last != order:
                self._open[place], self._places[last] = last, place

    def _session(self) -> c.CreateSession:
        at = self.now[0] + 10**6
        return c.CreateSession(
            session=NAME,
            section=world.SECTION,
            purpose=world.PURPOSE,
            mechanism=Mechanism.CDCA,
            instruments=tuple(c.SessionInstrument(instrument=name) for name in INSTRUMENTS),
            phases=tuple(c.PlannedPhase(phase=phase, at=(at + place, 0)) for place, phase in enumerate(PLAN)),
            deposit=tuple(
                c.DepositRate(side=side, resident=resident, currency="EUR", rate_ppm=rate, floor="0.01")
                for side, rate in ((Side.BUY, 2_000), (Side.SELL, 0))
                for resident in (True, False)
            ),
        )

    def _own(self) -> Given:
        if self._phase is Phase.HALTED:
            return OPERATOR, c.ChangePhase(session=NAME, from_=Phase.HALTED, to=Phase.TRADING)
        if len(self._open) < DEPTH:
            return self._place()
        rng = self._rng
        match rng.choices(
            ("place", "sweep", "amend", "cancel", "mass", "halt", "expire"), (400, 60, 300, 200, 2, 6, 6)
        )[0]:
            case "place":
                return self._place()
            case "sweep":
                return self._sweep()
            case "amend":
                return self._amend(rng.choice(self._open))
            case "cancel":
                order = rng.choice(self._open)
                return self._owner(order), c.CancelOrder(order=order)
            case "mass":
                instrument, side = rng.choice(INSTRUMENTS), rng.choice(tuple(Side))
                return self._anyone(), c.MassCancel(session=NAME, instrument=instrument, side=side)
            case "halt":
                return OPERATOR, c.HaltSession(session=NAME, reason="noise")
            case _:
                until = (self.now[0] + rng.choice((0, 100, 2_000)), 0)
                return OPERATOR, c.ExpireOrders(session=NAME, until=until)

    def _place(self) -> Given:
        """An order that mostly rests, somewhere in 250 price levels of its side."""
        rng = self._rng
        instrument, side = rng.choice(INSTRUMENTS), rng.choice(tuple(Side))
        away = rng.choice((rng.randint(0, 250), rng.randint(0, 20), rng.randint(-3, 3)))
        price = MIDDLE - away if side is Side.BUY else MIDDLE + away
        force, until = TimeInForce.SESSION, None
        if rng.random() < 0.15:
            force, until = TimeInForce.UNTIL, (self.now[0] + rng.randint(1, 5_000), 0)
        return self._order(instrument, side, price, rng.choice((1, 1, 2, 3, 5, 8)), force, until)

    def _sweep(self) -> Given:
        """A great order that goes through many levels, or finds that it cannot."""
        rng = self._rng
        instrument, side = rng.choice(INSTRUMENTS), rng.choice(tuple(Side))
        away = rng.choice((2, 10, 60))
        price = MIDDLE + away if side is Side.BUY else MIDDLE - away
        force = rng.choice((TimeInForce.SESSION, TimeInForce.IOC, TimeInForce.FOK))
        return self._order(instrument, side, price, rng.choice((10, 25, 40)), force, None)

    def _order(
        self, instrument: str, side: Side, price: int, lots: int, force: TimeInForce, until: Time | None
    ) -> Given:
        rng = self._rng
        minimum = world.quantity_text(instrument, rng.randint(1, lots)) if rng.random() < 0.04 else None
        return self._anyone(), c.PlaceOrder(
            session=NAME,
            instrument=instrument,
            side=side,
            price=world.price_text(instrument, price),
            quantity=world.quantity_text(instrument, lots),
            minimum=minimum,
            indivisible=rng.random() < 0.04,
            time_in_force=force,
            until=until,
        )

    def _amend(self, order: int) -> Given:
        rng = self._rng
        instrument = self._orders[order][1]
        price = world.price_text(instrument, MIDDLE + rng.randint(-30, 30)) if rng.random() < 0.5 else None
        quantity = world.quantity_text(instrument, rng.randint(1, 9)) if rng.random() < 0.7 else None
        return self._owner(order), c.AmendOrder(order=order, price=price, quantity=quantity)

    def _band_and_back(self) -> Iterator[Given]:
        """A narrow band parks what is outside of it; without it, amends bring some back."""
        instrument = self._rng.choice(INSTRUMENTS)
        bounds = [world.price_text(instrument, MIDDLE + away) for away in (-150, 150)]
        self._parked.clear()
        yield OPERATOR, c.SetBand(session=NAME, instrument=instrument, lower=bounds[0], upper=bounds[1])
        yield OPERATOR, c.SetBand(session=NAME, instrument=instrument)
        for order in [order for order in self._parked if order in self._places][:60]:
            yield self._amend(order)

    def _mend(self) -> Iterator[Given]:
        """After a great blow, or with too many people barred: who trades may again, and fills the books."""
        for participant in sorted(self._barred):
            yield OPERATOR, c.ReinstateParticipant(participant=participant, reason="deep")
        for trader in sorted(self._withdrawn & set(TRADERS)):
            yield OPERATOR, c.AppointTrader(trader=trader, participant=world.TRADERS[trader])
        terms = {"section": world.SECTION, "purpose": world.PURPOSE}
        participant = world.TRADERS[self._rng.choice(TRADERS)]
        for side in Side:
            yield OPERATOR, c.GrantPermission(participant=participant, side=side, **terms)
        for _ in range(REFILL):
            yield self._place()

    def _anyone(self) -> Actor:
        """Mostly somebody who is not barred."""
        rng = self._rng
        trader = rng.choice(TRADERS)
        if trader in self._withdrawn or world.TRADERS[trader] in self._barred:
            trader = rng.choice(TRADERS)
        return Actor(ActorKind.TRADER, trader)

    def _owner(self, order: int) -> Actor:
        return Actor(ActorKind.TRADER, self._orders[order][0])
