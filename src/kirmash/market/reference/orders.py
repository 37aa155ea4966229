"""The life of an order: how it rests, is filled, parked, cancelled and ends, whoever asks for it.

Counts of open orders, the book and the money of an order change here together, so that none is forgotten. Whether an
order may be cancelled, or has to match, is decided elsewhere.
"""

from collections.abc import Sequence

from kirmash.market.reference import book
from kirmash.market.reference.deposit import revalue
from kirmash.market.reference.names import FILLED, PARKED
from kirmash.market.reference.state import Order, State
from kirmash.market.reference.step import Step
from kirmash.messages.events import OrderCancelled, OrderParked, OrderRested, Refusal
from kirmash.messages.kinds import CancelReason, OrderState


def enroll(state: State, order: Order) -> None:
    """Count an order among the open ones: of the exchange, its account in the session, and its line."""
    line, counts = order.line, order.session.open_counts
    line.open[order.id] = order
    line.groups.setdefault((order.side, order.group), {})[order.id] = order
    line.conditional += order.is_conditional
    counts[order.account_key] = counts.get(order.account_key, 0) + 1
    state.open_count += 1


def rest(step: Step, order: Order) -> None:
    """Stand in the book behind all orders of the same price; said of every order that comes to rest (PS-12)."""
    book.add(order)
    step.tell_line(order.line, OrderRested(order=order.id, open=order.open))


def fill(step: Step, order: Order, quantity: int, value: int) -> None:
    """A deal takes this quantity; it ends an order that has nothing left. `value` is the deal's part of Vf."""
    assert 0 < quantity <= order.open
    order.filled += quantity
    order.open -= quantity
    if order.open == 0:
        _leave(step, order, FILLED)
    order.deal_value += value
    before = order.reserved + order.blocked
    revalue(step, order)
    assert order.reserved + order.blocked <= before, "what is required never rises by a fill (PS-5.4)"


def cancel(step: Step, order: Order, reason: CancelReason, reasons: Sequence[Refusal] | None = None) -> None:
    """Take an order's open rest; filled parts stand (PS-6.5). Public only if the order stood in the book (EN-5)."""
    event = OrderCancelled(
        order=order.id, quantity=order.open, reason=reason, reasons=None if reasons is None else tuple(reasons)
    )
    if order.in_book:
        step.tell_line(order.line, event)
    else:
        step.tell(event)
    _leave(step, order, final_state(reason))
    revalue(step, order)


def park(step: Step, order: Order) -> None:
    """Out of the book, reservation kept, not matched, not public (PS-10.4)."""
    book.remove(order)
    order.state = PARKED
    step.tell_line(order.line, OrderParked(order=order.id, open=order.open))


def final_state(reason: CancelReason) -> OrderState:
    """The state of an order that was cancelled for this reason: 10 and the number of the reason (EN-4)."""
    return OrderState(10 + reason)


def _leave(step: Step, order: Order, state: OrderState) -> None:
    """An order is open no more."""
    line, counts = order.line, order.session.open_counts
    if order.in_book:
        book.remove(order)
    del line.open[order.id]
    own = line.groups[order.side, order.group]
    del own[order.id]
    if not own:
        del line.groups[order.side, order.group]
    line.conditional -= order.is_conditional
    counts[order.account_key] -= 1
    if counts[order.account_key] == 0:
        del counts[order.account_key]
    step.state.open_count -= 1
    order.state, order.open = state, 0
