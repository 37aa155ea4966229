"""What holds for any stream of commands, on streams that hypothesis draws.

Its own subjects are: no invariant fails after any command and no reject leaves a trace in the state (both by the desk),
a market loaded from the bytes of another goes on as that one does, each step of a walk took or passed over every order
rightly (PS-2.1 to PS-2.8), and a session that is over holds no money (PS-1.6, PS-5). The streams trade from the
start with money enough, and what there was to judge is counted: the tests fail where there was too little of it.
tests/fuzz asks bands, uncrossings and both markets, on long streams.

A stream that fails is shown as it was drawn. KIRMASH_SHRINK=1 has hypothesis look for a small one, which takes minutes.
"""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Search
from hypothesis import strategies as st

from kirmash.market.reference import ReferenceMarket
from kirmash.messages.commands import (
    AmendOrder,
    CancelOrder,
    ChangePhase,
    DepositRate,
    HaltSession,
    MassCancel,
    PayWithdrawal,
    ReleaseDeal,
    SessionInstrument,
    SetBand,
)
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
)
from kirmash.messages.kinds import Aggressor, CancelReason, Mechanism, Phase, SelfTrade, Side, TimeInForce
from tests.market.reference.desk import BUY, HOUR, PLANS, SELL, Desk, order

GROUPS = {"a": "ab", "b": "ab", "c": None, "d": None, "e": None}
TRADERS = tuple(GROUPS)
MONEY = 1_200
"""Enough for about ten orders of the middle size, so that some find too little."""

RELOAD_EVERY = 12

SEARCH = (Search.generate, *((Search.shrink,) if os.environ.get("KIRMASH_SHRINK") else ()))

# Drawn commands --------------------------------------------------------------------------------------------------

Drawn = tuple[Any, ...]

prices = st.integers(98, 102)
quantities = st.integers(1, 7)
conditions = st.sampled_from(({}, {}, {}, {}, {"indivisible": True}, {"minimum": 2}, {"minimum": 4}))
ends = st.sampled_from([(hour * HOUR, 0) for hour in (1, 2, 3, 99)])  # the last is after every plan
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
release = st.tuples(st.just("release"), st.integers(0, 9))
mass = st.tuples(st.just("mass"), st.sampled_from((*TRADERS, None)), st.none() | st.sampled_from(Side))
halt = st.tuples(st.just("halt"))
# A choice that is flattened into the one around it, as one_of is, would make what is rare as frequent as orders.
kinds = (place,) * 20 + (amend,) * 8 + (cancel,) * 2 + (band,) * 2 + (release, mass, halt)
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


# A session of it -------------------------------------------------------------------------------------------------


class Session:
    """A desk with a book and, from the first reload on, a twin that was loaded from the bytes of the desk's market."""

    def __init__(self, mechanism: Mechanism, self_trade: SelfTrade) -> None:
        self.desk = Desk()
        self.desk.instrument()
        for name, group in GROUPS.items():
            self.desk.participant(name, money=MONEY, group=group)
        rates = [
            DepositRate(side=side, resident=True, currency="EUR", rate_ppm=rate, floor=floor)
            for side, rate, floor in ((BUY, 3333, "0.70"), (SELL, 0, "1.00"))
        ]
        line = SessionInstrument(instrument="i", reference="100")
        self.desk.session(mechanism, (line,), deposit=tuple(rates), self_trade=self_trade, late_entry=True)
        self.book = Book(
            prevents_self_trade=self_trade is not SelfTrade.ALLOW, is_continuous=mechanism is Mechanism.CDCA
        )
        self.given = 0
        self.twin: Desk | None = None

    def give(self, command: Any, by: str | None = None) -> tuple[Event, ...]:
        """A command to market and twin, and to the book what came of it."""
        self.given += 1
        if self.given % RELOAD_EVERY == 0:
            self.reload()
        events = self.desk.give(command, by)
        self.book.watch(self.desk.number, events)
        if self.twin is not None:
            assert self.twin.give(command, by) == events
            assert self.twin.market.state() == self.desk.market.state()
        return events

    def reload(self) -> None:
        written = self.desk.market.state()
        self.twin = Desk()
        self.twin.market, self.twin.number = ReferenceMarket(written), self.desk.number
        assert self.twin.market.state() == written

    def go(self, phase: Phase) -> None:
        self.give(ChangePhase(session="s", from_=self.book.phase, to=phase))
        assert self.book.phase is phase

    def give_drawn(self, drawn: Drawn) -> None:
        """What was drawn, as far as there is an order or a deal for it; nothing is placed while halted."""
        match drawn:
            case ("place", trader, side, price, quantity, condition, force, until):
                self.resume()
                terms = {**condition, "time_in_force": force}
                if force is TimeInForce.UNTIL:
                    terms["until"] = until
                self.give(order(side, price, quantity, **terms), f"t-{trader}")
            case ("amend", is_stranger, at, price, quantity, minimum, until) if open_ := self.book.open:
                named = open_[at % len(open_)]
                numbers = {"price": price, "quantity": quantity, "minimum": minimum}
                texts: dict[str, Any] = {name: str(value) for name, value in numbers.items() if value is not None}
                self.give(AmendOrder(order=named, until=until, **texts), self.trader(named, is_stranger))
            case ("cancel", is_stranger, at) if open_ := self.book.open:
                named = open_[at % len(open_)]
                self.give(CancelOrder(order=named), self.trader(named, is_stranger))
            case ("band", terms):
                self.give(SetBand(session="s", instrument="i", **terms))
            case ("release", at) if deals := self.book.deals:
                self.give(ReleaseDeal(deal=deals.pop(at % len(deals))))
            case ("mass", trader, side):
                self.give(MassCancel(session="s", side=side), None if trader is None else f"t-{trader}")
            case ("halt",):
                self.give(HaltSession(session="s", reason="x"))

    def resume(self) -> None:
        if self.book.phase is Phase.HALTED:
            self.go(self.book.left)

    def trader(self, named: int, is_stranger: bool) -> str:
        owner = self.book.orders[named].trader
        return f"t-{TRADERS[TRADERS.index(owner) - 1]}" if is_stranger else f"t-{owner}"

    def is_over(self) -> None:
        """Every order has ended; once every deal is performed, all money is free again."""
        assert self.book.phase is Phase.CLOSED
        assert not self.book.open
        for deal in self.book.deals:
            assert not isinstance(self.give(ReleaseDeal(deal=deal))[0], CommandRejected)
        assert set(self.book.balances.values()) <= {(MONEY, 0, 0, 0)}


def play(mechanism: Mechanism, self_trade: SelfTrade, drawn: dict[Phase, list[Drawn]]) -> Counter[str]:
    """A session from beginning to end with these commands in its phases; what there was to judge."""
    session = Session(mechanism, self_trade)
    for name in PLANS[mechanism].split()[1:]:
        session.go(Phase[name])
        for it in drawn.get(Phase[name], ()):
            session.give_drawn(it)
        session.resume()
    session.is_over()
    return session.book.seen


self_trades = st.sampled_from((SelfTrade.CANCEL_NEWEST,) * 3 + (SelfTrade.ALLOW,))


def judged(mechanism: Mechanism, phases: dict[Phase, tuple[int, int]], examples: int) -> Counter[str]:
    """Plays drawn sessions with so many commands in each phase; what there was to judge in all of them."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        phases=SEARCH,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(self_trades, st.fixed_dictionaries({phase: streams(*sizes) for phase, sizes in phases.items()}))
    def plays(self_trade: SelfTrade, drawn: dict[Phase, list[Drawn]]) -> None:
        seen.update(play(mechanism, self_trade, drawn))

    plays()
    return seen


def test_any_stream_of_continuous_trading_keeps_the_rules() -> None:
    seen = judged(Mechanism.CDCA, {Phase.INTAKE: (2, 12), Phase.TRADING: (20, 50)}, 200)
    # With less than this the streams would be streams of rejects, and pass whatever the market did.
    assert min(seen["deal of a walk"], seen["rested"], seen["amend"]) > 200, seen
    assert min(seen["behind in its level"], seen["cancel: SELF_TRADE"], seen["cancel: KILLED"], seen["parked"]) > 50, (
        seen
    )
    assert min(seen["reject of stage 2"], seen["reject of stage 3"]) > 50, seen
    assert min(seen["skipped"], seen["reject of stage 4"], seen["deal of an uncrossing"]) > 10, seen


def test_any_stream_of_a_call_keeps_the_rules() -> None:
    phases = {Phase.INTAKE: (15, 30), Phase.TRADING: (0, 8), Phase.SELLER_CORRECTION: (0, 5), Phase.DEAL_MAKING: (0, 5)}
    seen = judged(Mechanism.CALL, phases, 100)
    assert min(seen["amend"], seen["reject of stage 2"], seen["reject of stage 3"]) > 50, seen
    assert min(seen["deal of an uncrossing"], seen["parked"]) > 10, seen
    assert seen["deal of a walk"] == 0


# The desk itself -------------------------------------------------------------------------------------------------


def test_paid_out_money_must_have_been_held() -> None:
    """A follow-up that the office never gives is a fault, not a reject: the account would fall below 0."""
    desk = Desk()
    desk.participant("a", money=10)
    try:
        desk.give(PayWithdrawal(withdrawal="w", participant="a", currency="EUR", amount=1))
    except AssertionError:
        return
    raise ValueError("money was paid out that was never held")


def test_account_changed_and_rejects_are_seen_by_the_desk() -> None:
    """The desk's own checks look at something: a reject and a change of balances both come by."""
    session = Session(Mechanism.CDCA, SelfTrade.CANCEL_NEWEST)
    session.go(Phase.INTAKE)
    events = session.desk.give(order(BUY, 100, 1), "t-a")
    assert any(isinstance(event, AccountChanged) for event in events)
    assert isinstance(session.desk.give(order(BUY, 100, 1), "nobody")[0], CommandRejected)
