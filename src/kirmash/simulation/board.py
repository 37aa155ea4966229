"""What a viewer in the session room sees: phase, books by price, deals, totals; a fold over events.

For the demo and its tests. It believes the events and decides nothing; everything is in ticks, lots and minor units.
"""

from collections import Counter
from dataclasses import dataclass, field

from kirmash.market.reference.uncrossing import Equilibrium, equilibrium
from kirmash.messages import events as e
from kirmash.messages.kinds import CancelReason, Phase, Side
from kirmash.messages.units import Time, tick_lot_value_of
from kirmash.protocol.present import Listing, listing_of


@dataclass(slots=True)
class OrderView:
    """An order as far as the room sees it."""

    instrument: str
    side: Side
    price: int
    open: int
    in_book: bool = False


@dataclass(slots=True)
class Line:
    """One instrument of the session."""

    listing: Listing
    name: str
    levels: dict[Side, Counter[int]] = field(default_factory=lambda: {side: Counter() for side in Side})
    volume: int = 0
    value: int = 0
    deals: int = 0
    price: int | None = None

    def indicative(self) -> Equilibrium | None:
        """Where the book would uncross now, as if every order could be divided (the rule is the reference market's)."""
        demand, supply = ({p: q for p, q in self.levels[side].items() if q} for side in Side)
        return equilibrium(demand, supply, None)

    def book(self, side: Side) -> list[tuple[int, int]]:
        """Price and quantity by level, best first."""
        levels = [(price, quantity) for price, quantity in self.levels[side].items() if quantity]
        return sorted(levels, reverse=side is Side.BUY)


@dataclass(slots=True)
class Board:
    """The room of one session. `observe` takes every event of the exchange, in order."""

    phase: Phase | None = None
    time: Time = (0, 0)
    session: str | None = None
    lines: dict[str, Line] = field(default_factory=dict)
    orders: dict[int, OrderView] = field(default_factory=dict)
    deals: list[e.DealMade] = field(default_factory=list)
    paradoxical: list[int] = field(default_factory=list)
    contracts: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    unfilled: int = 0
    participants: Counter[str] = field(default_factory=Counter)

    def observe(self, time: Time, event: e.Event) -> None:
        """Take one event in."""
        self.time = time
        match event:
            case e.ParticipantRegistered():
                self.participants[event.country] += 1
            case e.InstrumentListed():
                listing = listing_of(event.tick, event.lot, event.currency)
                self.lines[event.instrument] = Line(listing, f"{event.basis.incoterm} {event.basis.place}")
            case e.SessionCreated():
                self.session = event.session
            case e.PhaseChanged():
                self.phase = event.to
            case e.CommandRejected():
                self.refused += 1
            case e.ContractOpened():
                self.contracts["opened"] += 1
            case e.ContractPerformed():
                self.contracts["performed"] += 1
            case _:
                self._observe_order(event)

    def _observe_order(self, event: e.Event) -> None:
        match event:
            case e.OrderAccepted():
                self.orders[event.order] = OrderView(event.instrument, event.side, event.price, event.quantity)
            case e.OrderAmended():
                order = self.orders[event.order]
                rests = order.in_book and event.priority_kept
                self._take_out(event.order)
                order.price, order.open = event.price, event.open
                if rests:
                    self._put_in(event.order)
            case e.OrderRested():
                self.orders[event.order].open = event.open
                self._put_in(event.order)
            case e.OrderCancelled() | e.OrderParked():
                self._take_out(event.order)
                if isinstance(event, e.OrderCancelled):
                    self.unfilled += event.reason is CancelReason.CLOSING
            case e.DealMade():
                self._deal(event)
            case e.ParadoxicallyRejected():
                self.paradoxical.append(event.order)
            case _:
                pass

    def _deal(self, deal: e.DealMade) -> None:
        self.deals.append(deal)
        line = self.lines[deal.instrument]
        line.volume += deal.quantity
        line.deals += 1
        line.price = deal.price
        terms = line.listing
        value = tick_lot_value_of(terms.tick, terms.lot, terms.currency)
        assert value is not None
        line.value += deal.price * deal.quantity * value
        for number, open_lots in ((deal.buy_order, deal.buy_open), (deal.sell_order, deal.sell_open)):
            order = self.orders[number]
            rests = order.in_book
            self._take_out(number)
            order.open = open_lots
            if rests and open_lots:
                self._put_in(number)

    def _put_in(self, number: int) -> None:
        order = self.orders[number]
        order.in_book = True
        self.lines[order.instrument].levels[order.side][order.price] += order.open

    def _take_out(self, number: int) -> None:
        order = self.orders[number]
        if order.in_book:
            self.lines[order.instrument].levels[order.side][order.price] -= order.open
            order.in_book = False
