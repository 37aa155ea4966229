"""What money does to the views: accounts, their statement, credits and withdrawals (PS-5, PS-0, DEP)."""

from typing import Any, Final

from kirmash.messages import events as e
from kirmash.messages.codec import name_of
from kirmash.messages.commands import Credit
from kirmash.messages.units import minor_of
from kirmash.projections import rows
from kirmash.projections.moment import Cause, Handler, Moment
from kirmash.projections.store import Views

REQUESTED: Final = 1
"""States of a withdrawal as in EN-7."""
READY: Final = 2
REFUSED: Final = 3
CONFIRMED: Final = 4
CANCELLED: Final = 5


def _account_changed(views: Views, now: Moment, event: e.AccountChanged) -> None:
    key = (event.participant, event.client or "", event.currency)
    row = views.accounts.find(key)
    if row is None:
        row = rows.Account(*key, 0, 0, 0, 0, now.number, now.at)
    why, order, orders, deal, deals, withdrawal = _reasons(now.moved.get(key, ()))
    views.statement.add(
        rows.StatementLine(
            *key,
            now.number,
            now.at,
            why,
            order,
            orders,
            deal,
            deals,
            withdrawal,
            event.free,
            event.reserved,
            event.blocked,
            event.withdrawing,
            event.free - row.free,
            event.reserved - row.reserved,
            event.blocked - row.blocked,
            event.withdrawing - row.withdrawing,
        )
    )
    row.free, row.reserved, row.blocked, row.withdrawing = event.free, event.reserved, event.blocked, event.withdrawing
    row.number, row.at = now.number, now.at
    views.accounts.put(key, row)


def _reasons(causes: "list[Cause] | tuple[()]") -> tuple[str, int | None, int, int | None, int, str | None]:
    """Event names, each once in order; the order and the deal where there is one, and how many there are."""
    if len(causes) == 1:
        kind, order, deal, withdrawal = causes[0]
        return name_of(kind), order, int(order is not None), deal, int(deal is not None), withdrawal
    kinds = dict.fromkeys(cause[0] for cause in causes)
    orders = {cause[1] for cause in causes if cause[1] is not None}
    deals = {cause[2] for cause in causes if cause[2] is not None}
    return (
        ",".join(map(name_of, kinds)),
        next(iter(orders)) if len(orders) == 1 else None,
        len(orders),
        next(iter(deals)) if len(deals) == 1 else None,
        len(deals),
        None,
    )


def _credit_entered(views: Views, now: Moment, event: e.DepositCreditEntered) -> None:
    amount = minor_of(event.amount, event.currency)
    assert amount is not None, "the office enters whole minor units only (PS-0.6)"
    row = rows.Credit(now.number, now.at, event.participant, event.client, event.currency, amount, 0, None)
    views.credits.put(row.number, row)


def _credited(views: Views, now: Moment, event: e.DepositCredited) -> None:
    row = views.credits.get(now.cause)
    row.effective = now.number
    views.credits.put(row.number, row)
    now.moves_account((event.participant, event.client or "", event.currency), e.DepositCredited, None, None)


def _rejected(views: Views, now: Moment, event: e.CommandRejected) -> None:
    """A reject changes nothing, save that a credit which the market refused will never be money."""
    del event
    if now.cause is None or not isinstance(now.command(), Credit):
        return
    row = views.credits.get(now.cause)
    row.refused, row.effective = 1, now.number
    views.credits.put(row.number, row)


def _requested(views: Views, now: Moment, event: e.WithdrawalRequested) -> None:
    amount = minor_of(event.amount, event.currency)
    assert amount is not None, "the office takes whole minor units only (PS-0.6)"
    row = rows.Withdrawal(
        withdrawal=event.withdrawal,
        participant=event.participant,
        client=event.client,
        currency=event.currency,
        amount=amount,
        state=REQUESTED,
        requested=now.number,
        requested_at=now.at,
        number=now.number,
        at=now.at,
        effective=None,
    )
    views.withdrawals.put(row.withdrawal, row)


_STATES: Final[dict[type, int]] = {
    e.WithdrawalReady: READY,
    e.WithdrawalRefused: REFUSED,
    e.WithdrawalConfirmed: CONFIRMED,
    e.WithdrawalCancelled: CANCELLED,
}


def _moved_on(views: Views, now: Moment, event: Any) -> None:
    """The office's word; ready and refused follow the market's, confirmed and cancelled go before it."""
    row = views.withdrawals.get(event.withdrawal)
    row.state, row.number, row.at = _STATES[type(event)], now.number, now.at
    if isinstance(event, e.WithdrawalConfirmed | e.WithdrawalCancelled):
        row.effective = None
    views.withdrawals.put(row.withdrawal, row)


def _money_moved(views: Views, now: Moment, event: Any) -> None:
    """The market's word: held, paid or given back."""
    row = views.withdrawals.get(event.withdrawal)
    row.effective = now.number
    views.withdrawals.put(row.withdrawal, row)
    now.moves_account((row.participant, row.client or "", row.currency), type(event), None, None, row.withdrawal)


HANDLERS: Final[dict[type, Handler]] = {
    e.AccountChanged: _account_changed,
    e.DepositCreditEntered: _credit_entered,
    e.DepositCredited: _credited,
    e.CommandRejected: _rejected,
    e.WithdrawalRequested: _requested,
    e.WithdrawalReady: _moved_on,
    e.WithdrawalRefused: _moved_on,
    e.WithdrawalConfirmed: _moved_on,
    e.WithdrawalCancelled: _moved_on,
    e.WithdrawalHeld: _money_moved,
    e.WithdrawalPaid: _money_moved,
    e.WithdrawalReleased: _money_moved,
}
