"""What holds for any stream of commands: conservation of money, rejects without a trace, loading what was written,
deals within limits, price-time priority (PS-2, PS-3.3, PS-5.7, PS-8.4).

The desk checks every invariant over the whole state after each command and the bytes of the state after each reject.
The book that limits and priority are asked of is kept here from the events alone.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
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
from kirmash.messages.kinds import Aggressor, Mechanism, Phase, SelfTrade, Side, TimeInForce
from tests.market.reference.desk import BUY, SELL, Desk, order

TRADERS = ("a", "b", "c")
MONEY = 5_000

prices = st.integers(96, 104)
quantities = st.integers(1, 9)
sides = st.sampled_from((BUY, SELL))
conditions = st.sampled_from(({}, {}, {}, {"indivisible": True}, {"minimum": 2}, {"minimum": 4}))
forces = st.sampled_from((TimeInForce.SESSION,) * 4 + (TimeInForce.IOC, TimeInForce.FOK))
orders_named = st.integers(1, 25)
maybe = st.none() | st.integers(1, 9)

commands = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(TRADERS), sides, prices, quantities, conditions, forces),
    st.tuples(st.just("place"), st.sampled_from(TRADERS), sides, prices, quantities, conditions, forces),
    st.tuples(st.just("amend"), st.sampled_from(TRADERS), orders_named, st.none() | prices, maybe, maybe),
    st.tuples(st.just("cancel"), st.sampled_from(TRADERS), orders_named),
    st.tuples(st.just("band"), st.none() | prices, st.none() | prices, st.sampled_from((None, 10_000))),
    st.tuples(st.just("mass"), st.sampled_from((*TRADERS, None)), st.sampled_from((None, BUY, SELL))),
    st.tuples(st.just("release"), st.integers(1, 12)),
    st.tuples(st.just("next")),
    st.tuples(st.just("halt")),
)


@dataclass
class Resting:
    """An order as the events told of it."""

    side: Side
    price: int
    priority: int
    conditional: bool
    in_book: bool = False


class Watcher:
    """Keeps the book from events alone and asks of each deal what the rules promise (PS-2.1, PS-2.4)."""

    def __init__(self) -> None:
        self.orders: dict[int, Resting] = {}
        self.phase = Phase.SCHEDULED

    def watch(self, number: int, events: tuple[Event, ...]) -> None:
        incoming = next((it.order for it in events if isinstance(it, OrderAccepted | OrderAmended)), None)
        for event in events:
            match event:
                case OrderAccepted():
                    conditional = event.indivisible or event.minimum is not None
                    self.orders[event.order] = Resting(event.side, event.price, number, conditional)
                case OrderAmended():
                    amended = self.orders[event.order]
                    amended.price = event.price
                    amended.conditional = amended.conditional or event.minimum is not None
                    if not event.priority_kept:
                        amended.priority, amended.in_book = number, False
                case OrderRested():
                    self.orders[event.order].in_book = True
                case OrderParked() | OrderCancelled():
                    self.orders[event.order].in_book = False
                case PhaseChanged():
                    self.phase = event.to
                case SessionHalted():
                    self.phase = Phase.HALTED
                case DealMade():
                    self.deal(event, incoming)

    def deal(self, deal: DealMade, incoming: int | None) -> None:
        buy, sell = self.orders[deal.buy_order], self.orders[deal.sell_order]
        assert sell.price <= deal.price <= buy.price
        if deal.aggressor is not Aggressor.NONE:
            resting = sell if deal.aggressor is Aggressor.BUY else buy
            assert incoming == (deal.buy_order if deal.aggressor is Aggressor.BUY else deal.sell_order)
            assert deal.price == resting.price
            assert not [it for it in self.orders.values() if it.in_book and passed_over(it, resting)]
        for order_id, left in ((deal.buy_order, deal.buy_open), (deal.sell_order, deal.sell_open)):
            if left == 0:
                self.orders[order_id].in_book = False


def passed_over(other: Resting, taken: Resting) -> bool:
    """Whether an unconditional order with better price-time priority was left standing before the one taken."""
    if other is taken or other.side is not taken.side or other.conditional:
        return False
    better = other.price < taken.price if taken.side is SELL else other.price > taken.price
    return better or (other.price == taken.price and other.priority < taken.priority)


def open_desk(mechanism: Mechanism, self_trade: SelfTrade) -> Desk:
    desk = Desk()
    desk.instrument()
    for name in TRADERS:
        desk.participant(name, money=MONEY, group=None if name == "c" else "ab")
    rates = [
        DepositRate(side=side, resident=True, currency="EUR", rate_ppm=rate, floor=floor)
        for side, rate, floor in ((BUY, 3333, "0.70"), (SELL, 0, "1.00"))
    ]
    desk.session(mechanism, deposit=tuple(rates), self_trade=self_trade, late_entry=True)
    desk.go("INTAKE")
    return desk


def build(desk: Desk, drawn: tuple[Any, ...]) -> tuple[Any, str | None]:
    """The command that was drawn, and who gives it."""
    session = desk.market._state.sessions["s"]
    match drawn:
        case ("place", trader, side, price, quantity, condition, force):
            return order(side, price, quantity, time_in_force=force, **condition), f"t-{trader}"
        case ("amend", trader, order_id, price, quantity, minimum):
            terms = {"price": price, "quantity": quantity, "minimum": minimum}
            given_texts: dict[str, Any] = {name: None if value is None else str(value) for name, value in terms.items()}
            return AmendOrder(order=order_id, **given_texts), f"t-{trader}"
        case ("cancel", trader, order_id):
            return CancelOrder(order=order_id), f"t-{trader}"
        case ("band", lower, upper, ppm):
            bounds = {"lower": lower, "upper": upper}
            texts: dict[str, Any] = {name: None if value is None else str(value) for name, value in bounds.items()}
            return SetBand(session="s", instrument="i", up_ppm=ppm, **texts), None
        case ("mass", trader, side):
            return MassCancel(session="s", side=side), None if trader is None else f"t-{trader}"
        case ("release", deal):
            return (ReleaseDeal(deal=deal) if deal in desk.market._state.deals else MassCancel(session="?")), None
        case ("halt",):
            return HaltSession(session="s", reason="x"), None
        case _:
            plan = [phase for phase, _ in session.plan]
            after = plan[plan.index(session.phase) + 1 :] if session.phase in plan else []
            to = session.halt.left if session.halt else (after or [Phase.CLOSED])[0]
            return ChangePhase(session="s", from_=session.phase, to=to), None


@settings(max_examples=120)
@given(
    st.sampled_from(Mechanism),
    st.sampled_from((SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_NEWEST, SelfTrade.ALLOW)),
    st.integers(0, 4),
    st.lists(commands, max_size=60),
)
def test_any_stream_keeps_the_rules(
    mechanism: Mechanism, self_trade: SelfTrade, jump: int, drawn: list[tuple[Any, ...]]
) -> None:
    """Money is conserved, rejects leave no trace (both by the desk), deals keep limits and priority, and a market that
    is loaded from the bytes of another goes on as that one does."""
    desk, watcher = open_desk(mechanism, self_trade), Watcher()
    twin: Desk | None = None
    for place, it in enumerate([("next",)] * jump + drawn):
        command, by = build(desk, it)
        if place % 20 == 19:
            written = desk.market.state()
            twin = Desk()
            twin.market, twin.number = ReferenceMarket(written), desk.number
            assert twin.market.state() == written
        events = desk.give(command, by)
        watcher.watch(desk.number, events)
        if twin is not None:
            assert twin.give(command, by) == events
            assert twin.market.state() == desk.market.state()
    total = sum(sum(account.balances()) for account in desk.market._state.accounts.values())
    assert total == len(TRADERS) * MONEY


@given(st.lists(commands, min_size=5, max_size=40))
def test_at_the_end_of_a_session_nothing_is_reserved(drawn: list[tuple[Any, ...]]) -> None:
    """PS-1.6, PS-5: after CLOSING, with every deal performed, all money is free again."""
    desk = open_desk(Mechanism.CDCA, SelfTrade.CANCEL_NEWEST)
    desk.go("ADMISSION", "OPENING", "TRADING", start="INTAKE")
    for it in drawn:
        if it[0] not in ("next", "halt"):
            desk.give(*build(desk, it))
    desk.go("CLOSING", start="TRADING")
    for deal in list(desk.market._state.deals):
        desk.do(ReleaseDeal(deal=deal))
    assert all(account.balances() == (MONEY, 0, 0, 0) for account in desk.market._state.accounts.values())


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
    desk = open_desk(Mechanism.CDCA, SelfTrade.CANCEL_NEWEST)
    events = desk.give(order(BUY, 100, 1), "t-a")
    assert any(isinstance(event, AccountChanged) for event in events)
    assert isinstance(desk.give(order(BUY, 100, 1), "nobody")[0], CommandRejected)
