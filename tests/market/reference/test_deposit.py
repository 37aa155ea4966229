"""Deposit arithmetic and the movement of money (PS-5)."""

import pytest

from kirmash.market.reference.deposit import required
from kirmash.messages.commands import (
    ChangePhase,
    Credit,
    DepositRate,
    HoldWithdrawal,
    PayWithdrawal,
    ReleaseDeal,
    ReleaseWithdrawal,
)
from kirmash.messages.events import AccountChanged, CommandRejected, DepositCredited, OrderAccepted
from kirmash.messages.kinds import Mechanism, Phase, Side
from kirmash.messages.limits import ACCOUNT_MAX, CURRENCY_SUM_MAX
from tests.market.reference.desk import BUY, SELL, Desk, order


@pytest.mark.parametrize(
    "value,rate_ppm,floor,expected",
    [
        (0, 2000, 20000, 0),
        (1, 0, 0, 0),
        (1, 1, 0, 1),  # any part of a minor unit is a whole one
        (333_333, 2000, 0, 667),  # the example of PS-5: ⌈666.666⌉
        (500_000, 2000, 0, 1000),  # exact: not one more
        (1, 2000, 20000, 20000),
        (10**15, 1_000_000, 0, 10**15),
    ],
)
def test_required(value: int, rate_ppm: int, floor: int, expected: int) -> None:
    """f(V) = max(floor, ⌈V × rate / 1,000,000⌉), nothing for nothing (PS-5.2)."""
    assert required(value, rate_ppm, floor) == expected


def rate(side: Side, rate_ppm: int, floor: str = "0") -> DepositRate:
    return DepositRate(side=side, resident=True, currency="EUR", rate_ppm=rate_ppm, floor=floor)


def trading_desk(*rates: DepositRate) -> Desk:
    desk = Desk()
    desk.instrument()
    desk.participant("b", money=100_000)
    desk.participant("s", money=100_000)
    desk.session(deposit=rates)
    desk.trading()
    return desk


def balances(desk: Desk, name: str) -> tuple[int, int, int, int]:
    """Of the participant's own EUR account."""
    return desk.market._state.accounts[(name, "", "EUR")].balances()


def test_the_example_of_the_rule() -> None:
    """PS-5: 0.2 % with a floor of 200.00 EUR, price and quantity such that a lot is worth 25,000.00."""
    desk = trading_desk(rate(BUY, 2000, "200.00"))
    desk.place("s", SELL, 24_000, 3)
    accepted = desk.place("b", BUY, 25_000, 10)[0]
    assert isinstance(accepted, OrderAccepted)
    assert accepted.reserved == 50_000
    assert balances(desk, "b") == (50_600, 29_400, 20_000, 0)
    desk.place("s", SELL, 25_000, 2)
    assert balances(desk, "b") == (50_600, 25_000, 24_400, 0)
    desk.cancel("b", 2)
    assert balances(desk, "b") == (75_600, 0, 24_400, 0)
    desk.do(ReleaseDeal(deal=1))
    assert balances(desk, "b") == (80_000, 0, 20_000, 0)
    desk.do(ReleaseDeal(deal=2))
    assert balances(desk, "b") == (100_000, 0, 0, 0)


def test_blocked_turns_into_reserved_while_the_order_is_open() -> None:
    """PS-5.6: the floor stays until the last deal and the open rest are done."""
    desk = trading_desk(rate(BUY, 0, "200.00"))
    desk.place("s", SELL, 10, 3)
    desk.place("b", BUY, 10, 5)
    assert balances(desk, "b") == (80_000, 0, 20_000, 0)
    desk.do(ReleaseDeal(deal=1))
    assert balances(desk, "b") == (80_000, 20_000, 0, 0)


def test_a_sellers_better_price_needs_no_more_than_was_reserved() -> None:
    """PS-5: seller limit 100, CALL price 105: valued at 100."""
    desk = Desk()
    desk.instrument()
    desk.participant("b", money=100_000)
    desk.participant("s", money=100_000)
    desk.session(Mechanism.CALL, deposit=(rate(SELL, 1_000_000),), plan="INTAKE DEAL_MAKING CLOSING CLOSED")
    desk.place("s", SELL, 100, 2)
    desk.place("b", BUY, 105, 3)
    desk.go("DEAL_MAKING", start="INTAKE")
    assert balances(desk, "s") == (80_000, 0, 20_000, 0)


def test_the_row_of_the_clients_residency_counts() -> None:
    """PS-5.1: the client's residency if one is named, else the participant's; no row means nothing is needed."""
    abroad = DepositRate(side=BUY, resident=False, currency="EUR", rate_ppm=0, floor="5.00")
    desk = trading_desk(rate(BUY, 0, "2.00"), abroad)
    desk.client("home", "b")
    desk.client("away", "b", resident=False)
    for client in ("home", "away"):
        desk.do(Credit(participant="b", client=client, currency="EUR", amount=1000))
    needs: dict[str | None, int] = {None: 200, "home": 200, "away": 500}
    for named, needed in needs.items():
        accepted = desk.place("b", BUY, 10, 1, client=named)[0]
        assert isinstance(accepted, OrderAccepted)
        assert accepted.reserved == needed
    sold = desk.place("s", SELL, 11, 1)[0]
    assert isinstance(sold, OrderAccepted)
    assert sold.reserved == 0


def test_stage_four_is_exact() -> None:
    """PS-5.4: what is needed may be all that is free, and not one minor unit more; an amend counts what is reserved."""
    desk = trading_desk(rate(BUY, 1_000_000))
    assert desk.refused(order(BUY, 1001, 1), "t-b") == ["deposit_short"]
    desk.place("b", BUY, 1000, 1)
    assert balances(desk, "b") == (0, 100_000, 0, 0)
    desk.amend("b", 1, price=500, quantity=2)
    assert balances(desk, "b") == (0, 100_000, 0, 0)
    (event,) = desk.give(order(BUY, 1, 1), "t-b")
    assert isinstance(event, CommandRejected)
    assert (event.reasons[0].low, event.reasons[0].high) == (0, 100)


def test_withdrawal_moves_money_out_or_back() -> None:
    """FREE → WITHDRAWING → out, or back; what is not free cannot be held."""
    desk = trading_desk()
    of_b = {"participant": "b", "currency": "EUR"}
    assert desk.refused(HoldWithdrawal(withdrawal="w1", amount=100_001, **of_b)) == ["deposit_short"]
    assert desk.refused(HoldWithdrawal(withdrawal="w1", participant="x", currency="EUR", amount=1)) == ["deposit_short"]
    desk.do(HoldWithdrawal(withdrawal="w2", amount=100_000, **of_b))
    assert balances(desk, "b") == (0, 0, 0, 100_000)
    desk.do(ReleaseWithdrawal(withdrawal="w2", amount=100_000, **of_b))
    desk.do(HoldWithdrawal(withdrawal="w3", amount=40_000, **of_b))
    desk.do(PayWithdrawal(withdrawal="w3", amount=40_000, **of_b))
    assert balances(desk, "b") == (60_000, 0, 0, 0)


def test_credit_has_limits_of_account_and_currency() -> None:
    """PS-9, PS-13.15: up to and including; the account's limit is named first."""
    desk = Desk()
    desk.do(Credit(participant="p0", currency="EUR", amount=ACCOUNT_MAX))
    assert desk.refused(Credit(participant="p0", currency="EUR", amount=1)) == ["limit_exceeded"]
    for n in range(1, CURRENCY_SUM_MAX // ACCOUNT_MAX):
        desk.do(Credit(participant=f"p{n}", currency="EUR", amount=ACCOUNT_MAX))
    (event,) = desk.give(Credit(participant="more", currency="EUR", amount=1))
    assert isinstance(event, CommandRejected)
    assert event.reasons[0].high == CURRENCY_SUM_MAX
    assert isinstance(desk.do(Credit(participant="more", currency="BYN", amount=1))[0], DepositCredited)


def test_account_changed_comes_last_and_only_for_what_changed() -> None:
    """PS-0, PS-12: once an account, ascending; not for one whose balances end where they began."""
    desk = trading_desk(rate(BUY, 1_000_000), rate(SELL, 1_000_000))
    desk.place("s", SELL, 10, 1)
    desk.place("b", BUY, 5, 1)
    events = desk.give(order(BUY, 10, 1), "t-b")
    changed = [event for event in events if isinstance(event, AccountChanged)]
    assert list(events[-2:]) == changed
    assert [(event.participant, event.blocked) for event in changed] == [("b", 1000), ("s", 1000)]
    desk.do(ChangePhase(session="s", from_=Phase.TRADING, to=Phase.CLOSING))
    assert balances(desk, "b") == (99_000, 0, 1000, 0)
