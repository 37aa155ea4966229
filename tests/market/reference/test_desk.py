"""The desk itself: what its checks look at does come by, and a fault is no reject."""

import pytest

from kirmash.messages.commands import DepositRate, PayWithdrawal
from kirmash.messages.events import AccountChanged, CommandRejected
from tests.market.reference.desk import BUY, Desk, order


def test_paid_out_money_must_have_been_held() -> None:
    """A follow-up that the office never gives is a fault, not a reject: the account would fall below 0."""
    desk = Desk()
    desk.participant("a", money=10)
    with pytest.raises(AssertionError):
        desk.give(PayWithdrawal(withdrawal="w", participant="a", currency="EUR", amount=1))


def test_account_changed_and_rejects_are_seen_by_the_desk() -> None:
    """The desk's own checks look at something: a reject and a change of balances both come by."""
    desk = Desk()
    desk.instrument()
    desk.participant("a", money=10)
    rate = DepositRate(side=BUY, resident=True, currency="EUR", rate_ppm=0, floor="0.01")
    desk.session(deposit=(rate,))
    desk.go("INTAKE")
    assert any(isinstance(event, AccountChanged) for event in desk.give(order(BUY, 100, 1), "t-a"))
    assert isinstance(desk.give(order(BUY, 100, 1), "nobody")[0], CommandRejected)
