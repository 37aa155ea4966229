"""What holds after every command, whatever it was (PS-5.7, PS-2.1).

`after_step` looks at what a command has touched and is always on; `check` looks at everything and serves tests and the
loading of a state. A failed assertion is a fault of ours: nothing of the command may count (PS-9).
"""

from kirmash.market.reference.deposit import secured
from kirmash.market.reference.state import Account, Line, Order, Session, State, account_key
from kirmash.market.reference.step import Step
from kirmash.messages.kinds import OrderState, Phase, Side, TimeInForce
from kirmash.messages.limits import ACCOUNT_MAX, CONDITIONAL_ORDERS_MAX, CURRENCY_SUM_MAX


def after_step(step: Step) -> list[Account]:
    """Of the touched accounts: nothing below 0, and no money made or lost but what came from or went outside.

    Of the touched orders: Reserved and Blocked are what PS-5.3 gives for the order as it now is. Gives the accounts
    whose balances are not what they were before the command, ascending.
    """
    changed: list[Account] = []
    fed, amount = step.outside
    assert fed is None or fed in step.accounts
    for account, before in step.accounts.items():
        free, reserved, blocked, withdrawing = after = account.balances()
        assert free >= 0
        assert reserved >= 0
        assert blocked >= 0
        assert withdrawing >= 0
        moved = free + reserved + blocked + withdrawing - sum(before)
        assert moved == (amount if account is fed else 0)
        if after != before:
            changed.append(account)
    for order in step.orders:
        assert (order.reserved, order.blocked) == secured(order)
    if len(changed) > 1:
        changed.sort(key=lambda account: account.key)
    return changed


def check(state: State) -> None:
    """Everything."""
    _check_money(state)
    _check_deals(state)
    open_orders = [order for order in state.orders.values() if order.open > 0]
    assert state.open_count == len(open_orders)
    assert list(state.orders) == sorted(state.orders)
    assert max(state.orders, default=0) <= state.last_order
    assert list(state.deals) == sorted(state.deals)
    assert max(state.deals, default=0) <= state.last_deal
    priorities = [order.priority for order in state.orders.values()]
    assert len(set(priorities)) == len(priorities)
    for order in state.orders.values():
        _check_order(state, order)
    for session in state.sessions.values():
        _check_session(session)
    by_line = [
        order for session in state.sessions.values() for line in session.lines.values() for order in line.open.values()
    ]
    assert sorted(order.id for order in by_line) == [order.id for order in open_orders]


def _check_money(state: State) -> None:
    """Balances, the sums of orders in each account, and credits less payments of each currency (PS-5.7)."""
    secured_by: dict[Account, tuple[int, int]] = {}
    for order in state.orders.values():
        assert (order.reserved, order.blocked) == (secured(order) if order.account is not None else (0, 0))
        if order.account is not None:
            reserved, blocked = secured_by.get(order.account, (0, 0))
            secured_by[order.account] = (reserved + order.reserved, blocked + order.blocked)
    sums: dict[str, int] = {}
    for key, account in state.accounts.items():
        assert account.key == key
        assert min(account.balances()) >= 0
        assert sum(account.balances()) <= ACCOUNT_MAX
        assert (account.reserved, account.blocked) == secured_by.get(account, (0, 0))
        sums[account.currency] = sums.get(account.currency, 0) + sum(account.balances())
    assert sums == {currency: total.credits - total.paid_out for currency, total in state.totals.items()}
    assert all(0 <= total <= CURRENCY_SUM_MAX for total in sums.values())


def _check_deals(state: State) -> None:
    """Vf of each order is the sum over its deals that are not ended (PS-5.3)."""
    values: dict[Order, int] = {}
    for deal in state.deals.values():
        assert deal.buy.side is Side.BUY
        assert deal.sell.side is Side.SELL
        assert deal.buy.line is deal.sell.line
        assert deal.buy_value > 0
        assert deal.sell_value > 0
        values[deal.buy] = values.get(deal.buy, 0) + deal.buy_value
        values[deal.sell] = values.get(deal.sell, 0) + deal.sell_value
    assert all(order.deal_value == values.get(order, 0) for order in state.orders.values())


def _check_order(state: State, order: Order) -> None:
    assert order.line is order.session.lines[order.line.instrument.id]
    assert order.participant in state.participants
    assert order.trader in state.traders
    assert order.client is None or order.client in state.clients
    assert order.account_key == account_key(order.participant, order.client, order.line.instrument.currency)
    assert order.price > 0
    assert order.group[0] in (1, 2, 3)
    assert 0 <= order.filled <= order.total
    assert (order.filled == order.total) == (order.state is OrderState.FILLED)
    assert (order.until is not None) == (order.time_in_force is TimeInForce.UNTIL)
    assert order.in_book == (order.state is OrderState.OPEN)
    assert (order.account is not None) == bool(order.rate_ppm or order.floor)
    assert order.account is None or order.account is state.accounts[order.account_key]
    assert (order.id in order.line.open) == (order.open > 0)
    if order.open > 0:
        assert order.time_in_force in (TimeInForce.SESSION, TimeInForce.UNTIL)


def _check_session(session: Session) -> None:
    assert (session.halt is not None) == (session.phase is Phase.HALTED)
    plan = [phase for phase, _ in session.plan]
    assert session.phase in (*plan, Phase.HALTED, Phase.CANCELLED)
    assert session.halt is None or session.halt.left in plan
    counts: dict[tuple[str, str, str], int] = {}
    for line in session.lines.values():
        _check_line(line)
        for order in line.open.values():
            assert order.session is session
            assert order.line is line
            counts[order.account_key] = counts.get(order.account_key, 0) + 1
    assert session.open_counts == counts
    if session.phase in (Phase.CLOSING, Phase.CLOSED, Phase.CANCELLED):
        assert not counts


def _check_line(line: Line) -> None:
    """The book holds the open, not parked orders, by price, then priority; the groups hold all that are open."""
    assert list(line.open) == sorted(line.open)
    assert line.conditional == sum(order.is_conditional for order in line.open.values()) <= CONDITIONAL_ORDERS_MAX
    for (side, group), own in line.groups.items():
        assert own
        assert all(order.side is side and order.group == group for order in own.values())
    in_groups = sorted(order_id for own in line.groups.values() for order_id in own)
    assert in_groups == list(line.open)
    standing: list[int] = []
    for book_side in (line.book.buys, line.book.sells):
        assert book_side.prices == sorted(book_side.levels)
        for price, level in book_side.levels.items():
            assert level
            priorities = [order.priority for order in level.values()]
            assert priorities == sorted(priorities)
            assert all(line.open[order_id] is order for order_id, order in level.items())
            assert all(order.price == price and order.side is book_side.side for order in level.values())
            standing += level
    assert sorted(standing) == [order.id for order in line.open.values() if order.state is OrderState.OPEN]
