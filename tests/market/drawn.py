"""Sessions that hypothesis draws, and what may happen in them: the commands, and a book that judges the events.

The book is kept from events alone and asks of each whether it might happen: each step of a walk took or passed over
every order rightly (PS-2.1 to PS-2.8), priority is lost and kept rightly (PS-6.3), and money neither comes nor goes
(PS-5). It looks into no market. tests/market/test_drawn_sessions.py plays them.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kirmash.messages.commands import AnnulDeal, PerformContract, TerminateContract
from kirmash.messages.events import (
    AccountChanged,
    CommandRejected,
    DealMade,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderParked,
    OrderRested,
    PhaseChanged,
    SessionHalted,
    WithdrawalReady,
)
from kirmash.messages.kinds import Aggressor, CancelReason, Phase, Side, TimeInForce
from tests.fuzz.world import START

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3600
GROUPS = {"a": "ab", "b": "ab", "c": None, "d": None, "e": None}
TRADERS = tuple(GROUPS)
MONEY = 1_200
"""Enough for about ten orders of the middle size, so that some find too little."""

# Drawn commands --------------------------------------------------------------------------------------------------

Drawn = tuple[Any, ...]

prices = st.integers(98, 102)
quantities = st.integers(1, 7)
conditions = st.sampled_from(({}, {}, {}, {}, {"indivisible": True}, {"minimum": 2}, {"minimum": 4}))
ends = st.sampled_from([(START[0] + hour * HOUR, 0) for hour in (1, 2, 3, 99)])  # the last is after every plan
forces = st.sampled_from((TimeInForce.SESSION,) * 4 + (TimeInForce.UNTIL,) * 2 + (TimeInForce.IOC, TimeInForce.FOK))
bounds = st.sampled_from(
    [{}, {"lower": "99", "upper": "101"}, {"upper": "100"}, {"lower": "100"}]
    + [{"up_ppm": 20_000, "down_ppm": 20_000}] * 5
)

# An order is named by its place among the open ones; a stranger is somebody else than its owner.
place = st.tuples(
    st.just("place"), st.sampled_from(TRADERS), st.sampled_from(Side), prices, quantities, conditions, forces, ends
)
amend = st.tuples(
    st.just("amend"),
    st.sampled_from((False,) * 7 + (True,)),
    st.integers(0, 9),
    st.none() | prices,
    st.none() | quantities,
    st.sampled_from((None, None, None, 2)),
    st.none() | st.none() | ends,
)
cancel = st.tuples(st.just("cancel"), st.sampled_from((False,) * 7 + (True,)), st.integers(0, 9))
band = st.tuples(st.just("band"), bounds)
perform = st.tuples(
    st.just("perform"), st.sampled_from((PerformContract, TerminateContract, AnnulDeal)), st.integers(0, 9)
)
mass = st.tuples(st.just("mass"), st.sampled_from((*TRADERS, None)), st.none() | st.sampled_from(Side))
halt = st.tuples(st.just("halt"))
announce = st.tuples(st.just("announce"), st.booleans())
expire = st.tuples(st.just("expire"), ends)
withdraw = st.tuples(st.just("withdraw"), st.sampled_from(TRADERS), st.sampled_from(("0.50", "3.00", "11.99")))
withdrawn = st.tuples(st.just("withdrawn"), st.integers(0, 9))
nothing = st.tuples(st.just("nothing"))
# A choice that is flattened into the one around it, as one_of is, would make what is rare as frequent as orders.
# What hypothesis likes best is the first: a failing stream becomes one of nothing but what it fails for.
kinds: tuple[st.SearchStrategy[Drawn], ...] = (nothing, *(place,) * 40, *(amend,) * 16, *(cancel,) * 4, *(band,) * 4)
kinds += (perform, perform, mass, mass, halt, halt, announce, *(expire,) * 3, withdraw, withdraw, withdrawn)
commands = st.sampled_from(kinds).flatmap(lambda kind: kind)


def streams(least: int, most: int) -> st.SearchStrategy[list[Drawn]]:
    return st.lists(commands, min_size=least, max_size=most)


# The book, from events alone -------------------------------------------------------------------------------------


@dataclass
class Standing:
    """An order as the events tell of it."""

    trader: str
    side: Side
    price: int
    priority: int
    open: int
    minimum: int | None
    indivisible: bool
    all_or_nothing: bool
    in_book: bool = False

    @property
    def group(self) -> str:
        return GROUPS[self.trader] or self.trader

    def is_before(self, other: "Standing") -> bool:
        """Better price, or the same price and earlier (PS-2.1)."""
        if self.price != other.price:
            return (self.price > other.price) == (self.side is BUY)
        return self.priority < other.priority

    def crosses(self, other: "Standing") -> bool:
        buy, sell = (self, other) if self.side is BUY else (other, self)
        return self.side is not other.side and buy.price >= sell.price

    def is_skipped_by(self, incoming: "Standing") -> bool:
        """Whether this resting order is too little, or wants too much, for what the incoming one still has (PS-2.3)."""
        possible = min(self.open, incoming.open)
        needed = self.open if self.indivisible else min(self.minimum or 0, self.open)
        return possible < max(needed, min(incoming.minimum or 0, incoming.open))


def first_of(orders: list[Standing]) -> Standing:
    """The first of them in a walk (PS-2.1)."""
    return next(it for it in orders if not any(other.is_before(it) for other in orders))


class Book:
    """Keeps book and balances of one session, and asks of each event whether it might happen. `seen` counts them."""

    def __init__(self, *, prevents_self_trade: bool, is_continuous: bool) -> None:
        self.seen: Counter[str] = Counter()
        self.orders: dict[int, Standing] = {}
        self.deals: list[int] = []
        self.withdrawals: list[str] = []
        self.balances: dict[str, tuple[int, int, int, int]] = {}
        self.phase = Phase.SCHEDULED
        self.left = Phase.SCHEDULED
        self._prevents_self_trade = prevents_self_trade
        self._is_continuous = is_continuous

    @property
    def open(self) -> list[int]:
        return [order for order, it in self.orders.items() if it.open]

    def watch(self, number: int, events: tuple[Event, ...]) -> None:
        """The events of one command, in their order."""
        incoming: Standing | None = None
        walked: Standing | None = None
        for event in events:
            match event:
                case CommandRejected():
                    self.seen[f"reject of stage {event.reasons[0].reason // 100}"] += 1
                case OrderAccepted():
                    incoming = self.orders[event.order] = Standing(
                        event.participant,
                        event.side,
                        event.price,
                        number,
                        event.quantity,
                        event.minimum,
                        event.indivisible,
                        event.indivisible or event.time_in_force is TimeInForce.FOK,
                    )
                case OrderAmended():
                    incoming = self._amended(number, event)
                case DealMade(aggressor=Aggressor.NONE):
                    self._deal(event)
                    self.seen["deal of an uncrossing"] += 1
                case DealMade():
                    walked = self._step(event, incoming, walked)
                case OrderRested() | OrderParked():
                    it = self.orders[event.order]
                    assert it.open == event.open
                    it.in_book = isinstance(event, OrderRested)
                    self.seen["rested" if it.in_book else "parked"] += 1
                case OrderCancelled():
                    self._cancelled(event, walked)
                case AccountChanged():
                    self._account(event)
                case PhaseChanged():
                    self.phase = event.to
                case WithdrawalReady():
                    self.withdrawals.append(event.withdrawal)
                    self.seen["withdrawal held"] += 1
                case SessionHalted():
                    self.left = self.left if event.from_ is Phase.HALTED else event.from_
                    self.phase = Phase.HALTED
        # An order may not come to rest, or be killed, before it has met all that it might.
        if incoming is not None and incoming.open and not incoming.all_or_nothing:
            self._may_stop(incoming, walked)

    def _amended(self, number: int, event: OrderAmended) -> Standing | None:
        """New terms; gives the order if it comes in anew."""
        it = self.orders[event.order]
        asks_no_more = (event.price, event.minimum) == (it.price, it.minimum) and event.open <= it.open
        assert event.priority_kept == (it.in_book and asks_no_more)
        it.price, it.open, it.minimum = event.price, event.open, event.minimum
        self.seen["amend"] += 1
        if event.priority_kept:
            return None
        it.priority, it.in_book = number, False
        return it

    def _deal(self, deal: DealMade) -> tuple[Standing, Standing]:
        buy, sell = self.orders[deal.buy_order], self.orders[deal.sell_order]
        assert sell.price <= deal.price <= buy.price
        assert (buy.side, sell.side) == (BUY, SELL)
        if self._prevents_self_trade:
            assert buy.group != sell.group
        for it, left in ((buy, deal.buy_open), (sell, deal.sell_open)):
            assert left == it.open - deal.quantity >= 0
            it.open, it.in_book = left, it.in_book and left > 0
        self.deals.append(deal.deal)
        return buy, sell

    def _step(self, deal: DealMade, incoming: Standing | None, walked: Standing | None) -> Standing:
        """A deal of a walk: between the last order taken and this one, none was passed over that had to be met."""
        buy, sell = self.orders[deal.buy_order], self.orders[deal.sell_order]
        resting, aggressor = (sell, buy) if deal.aggressor is Aggressor.BUY else (buy, sell)
        assert aggressor is incoming
        assert resting.in_book
        assert walked is None or walked.is_before(resting)
        assert deal.price == resting.price
        assert deal.quantity == min(resting.open, aggressor.open)
        assert not resting.is_skipped_by(aggressor)
        between = [it for it in self._met(aggressor, walked) if it.is_before(resting)]
        assert all(it.is_skipped_by(aggressor) for it in between), f"{resting} was taken before one of {between}"
        self.seen["skipped"] += len(between)
        self.seen["behind in its level"] += any(
            it.price == resting.price and it is not resting for it in self._met(aggressor, walked)
        )
        self._deal(deal)
        self.seen["deal of a walk"] += 1
        return resting

    def _met(self, incoming: Standing, walked: Standing | None) -> list[Standing]:
        """The orders that a walk has before it, behind the last that it took."""
        return [
            it
            for it in self.orders.values()
            if it.in_book and it.crosses(incoming) and (walked is None or walked.is_before(it))
        ]

    def _may_stop(self, incoming: Standing, walked: Standing | None) -> None:
        if self.phase is Phase.TRADING and self._is_continuous:
            ahead = self._met(incoming, walked)
            assert all(it.is_skipped_by(incoming) for it in ahead), f"{incoming} stopped before one of {ahead}"

    def _cancelled(self, event: OrderCancelled, walked: Standing | None) -> None:
        it = self.orders[event.order]
        assert event.quantity == it.open
        self.seen[f"cancel: {event.reason.name}"] += 1
        if event.reason is CancelReason.SELF_TRADE:
            assert self._prevents_self_trade
            # What a plan of all or nothing had left when it came to its own order is not told (PS-2.5).
            ahead = [x for x in self._met(it, walked) if it.all_or_nothing or not x.is_skipped_by(it)]
            own = [x for x in ahead if x.group == it.group]
            assert own, "nothing of its own stood in the way"
            assert it.all_or_nothing or not [x for x in ahead if x not in own and x.is_before(first_of(own))]
        it.open, it.in_book = 0, False

    def _account(self, event: AccountChanged) -> None:
        balances = (event.free, event.reserved, event.blocked, event.withdrawing)
        assert min(balances) >= 0
        assert sum(balances) == MONEY
        self.balances[event.participant] = balances
