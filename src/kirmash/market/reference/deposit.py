"""Deposit: what an order has to secure, and how money moves between the parts of an account (PS-5).

Whoever changes an order's price, quantity, state or deals calls `revalue`; nobody else moves FREE, RESERVED and
BLOCKED. Money comes in by `credit` and leaves by `pay_withdrawal` alone, so that each currency is conserved.
"""

from kirmash.market.reference.state import Account, Order, Session, State, Total, account_key
from kirmash.market.reference.step import Refused, Step
from kirmash.messages.events import Refusal
from kirmash.messages.kinds import Side
from kirmash.messages.limits import ACCOUNT_MAX, CURRENCY_SUM_MAX, PPM
from kirmash.messages.rejects import Reason


def required(value: int, rate_ppm: int, floor: int) -> int:
    """f(V): nothing for no value, else max(floor, ⌈V × rate / 1,000,000⌉), in minor units (PS-5.2)."""
    if value == 0:
        return 0
    share = (value * rate_ppm + PPM - 1) // PPM
    return share if share > floor else floor


def deal_value(order: Order, price: int, quantity: int) -> int:
    """What a deal adds to Vf: at the deal price or the own limit, whichever is lower, so that a seller's better price
    never needs more than was reserved (PS-5.3)."""
    return min(price, order.price) * quantity * order.line.instrument.tick_lot_value


def secured(order: Order) -> tuple[int, int]:
    """Reserved and Blocked of an order: Blocked = f(Vf), Reserved = f(Vf + Vo) − f(Vf), with Vo = limit × open × k
    (PS-5.3)."""
    offered = order.price * order.open * order.line.instrument.tick_lot_value
    blocked = required(order.deal_value, order.rate_ppm, order.floor) if order.deal_value else 0
    return required(order.deal_value + offered, order.rate_ppm, order.floor) - blocked, blocked


def deposit_terms(session: Session, side: Side, resident: bool, currency: str) -> tuple[int, int]:
    """Rate in ppm and floor in minor units of the row for this side, residency and currency; none means 0 (EN-6.7)."""
    for row, floor in zip(session.deposit, session.floors, strict=True):
        if row.side is side and row.resident == resident and row.currency == currency:
            return row.rate_ppm, floor
    return 0, 0


def stage_money(free: int, needed: int) -> None:
    """Stage 4: deposit_short unless what is free covers what is needed (PS-5.4)."""
    if free < needed:
        raise Refused([Refusal(reason=Reason.DEPOSIT_SHORT, low=free, high=needed)])


def revalue(step: Step, order: Order) -> None:
    """Compute PS-5.3 anew for an order and move the differences FREE ↔ RESERVED ↔ BLOCKED (PS-5.4, PS-5.6)."""
    account = order.account
    if account is None:
        assert order.rate_ppm == order.floor == 0
        return
    step.touch(account)
    step.orders.append(order)
    reserved, blocked = secured(order)
    more_reserved, more_blocked = reserved - order.reserved, blocked - order.blocked
    account.free -= more_reserved + more_blocked
    account.reserved += more_reserved
    account.blocked += more_blocked
    order.reserved, order.blocked = reserved, blocked


def free_of(state: State, participant: str, client: str | None, currency: str) -> int:
    """FREE of an account; 0 where there is none."""
    account = state.accounts.get(account_key(participant, client, currency))
    return 0 if account is None else account.free


def credit(step: Step, participant: str, client: str | None, currency: str, amount: int) -> None:
    """Money into FREE; makes the account. An account and the sum of a currency have their limits, tested here only
    (PS-9, PS-13.15)."""
    key = account_key(participant, client, currency)
    account = step.state.accounts.get(key)
    total = step.state.totals.get(currency) or Total()
    held = 0 if account is None else sum(account.balances())
    if held + amount > ACCOUNT_MAX:
        raise Refused([Refusal(reason=Reason.LIMIT_EXCEEDED, field="amount", high=ACCOUNT_MAX)])
    if total.credits - total.paid_out + amount > CURRENCY_SUM_MAX:
        raise Refused([Refusal(reason=Reason.LIMIT_EXCEEDED, field="amount", high=CURRENCY_SUM_MAX)])
    if account is None:
        account = step.state.accounts[key] = Account(participant, client, currency)
    step.state.totals[currency] = total
    step.touch(account)
    step.outside = (account, amount)
    account.free += amount
    total.credits += amount


def hold_withdrawal(step: Step, participant: str, client: str | None, currency: str, amount: int) -> None:
    """FREE → WITHDRAWING; deposit_short where FREE does not cover it."""
    stage_money(free_of(step.state, participant, client, currency), amount)
    account = step.state.accounts[account_key(participant, client, currency)]
    step.touch(account)
    account.free -= amount
    account.withdrawing += amount


def pay_withdrawal(step: Step, participant: str, client: str | None, currency: str, amount: int) -> None:
    """WITHDRAWING → out of the exchange. The office asks for what was held, so that it is there."""
    account = step.state.accounts[account_key(participant, client, currency)]
    step.touch(account)
    step.outside = (account, -amount)
    account.withdrawing -= amount
    step.state.totals[currency].paid_out += amount


def release_withdrawal(step: Step, participant: str, client: str | None, currency: str, amount: int) -> None:
    """WITHDRAWING → FREE."""
    account = step.state.accounts[account_key(participant, client, currency)]
    step.touch(account)
    account.withdrawing -= amount
    account.free += amount
