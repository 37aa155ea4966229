"""amend_order: other terms for an open order, admitted as a whole or not at all (PS-6.1 to PS-6.4, PS-10.4)."""

from kirmash.market.reference import book, existence, rights, terms
from kirmash.market.reference.bands import effective_band
from kirmash.market.reference.deposit import required, revalue, stage_money
from kirmash.market.reference.matching import enter
from kirmash.market.reference.names import BUY, OPEN, PARKED, UNTIL
from kirmash.market.reference.phases import BETTER, LESS, MORE, OTHER, WORSE, Change
from kirmash.market.reference.state import Order
from kirmash.market.reference.step import Step, refuse
from kirmash.messages.commands import AmendOrder
from kirmash.messages.events import OrderAmended, Refusal
from kirmash.messages.limits import CONDITIONAL_ORDERS_MAX
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time


def amend_order(step: Step, command: AmendOrder) -> None:
    """Admit the amended order by the four stages, then put its new terms into force."""
    trader, order = existence.of_amend_order(step, command)
    wanted = _wanted(command, order)
    changes = _changes(command, order, wanted)
    rights.of_amend_order(step.state, trader, order, changes, wanted.total)
    _stage_terms(step, command, order, wanted, changes)
    instrument = order.line.instrument
    price, total = wanted.price // instrument.tick_nano, wanted.total // instrument.lot_nano
    minimum = None if wanted.minimum is None else wanted.minimum // instrument.lot_nano
    if order.account is not None:
        offered = price * (total - order.filled) * instrument.tick_lot_value
        reserved = required(order.deal_value + offered, order.rate_ppm, order.floor) - order.blocked
        stage_money(order.account.free + order.reserved, reserved)
    until = order.until if command.until is None else command.until
    if order.in_book and keeps_priority(order, price, total, minimum):
        _amend_in_place(step, order, total, until)
    else:
        _re_place(step, order, price, total, minimum, until)


def keeps_priority(order: Order, price: int, total: int, minimum: int | None) -> bool:
    """Priority is kept if price and minimum are unchanged and the total does not rise (PS-6.3); never by an order that
    comes back from being parked (PS-10.4)."""
    return order.price == price and order.minimum == minimum and total <= order.total


def _wanted(command: AmendOrder, order: Order) -> terms.Wanted:
    """The terms that the order would have; what is absent is unchanged (PS-6.1)."""
    tick, lot = order.line.instrument.tick_nano, order.line.instrument.lot_nano
    if command.minimum is not None:
        minimum: int | None = terms.exact(command.minimum)
    else:
        minimum = None if order.minimum is None else order.minimum * lot
    return terms.Wanted(
        price=order.price * tick if command.price is None else terms.exact(command.price),
        total=order.total * lot if command.quantity is None else terms.exact(command.quantity),
        minimum=minimum,
        indivisible=order.indivisible,
    )


def _changes(command: AmendOrder, order: Order, wanted: terms.Wanted) -> list[Change]:
    """What differs from the order as it is, on exact quotients: what is given again as it was does not."""
    tick, lot = order.line.instrument.tick_nano, order.line.instrument.lot_nano
    changes = []
    if wanted.price != order.price * tick:
        up = wanted.price > order.price * tick
        changes.append(BETTER if up == (order.side is BUY) else WORSE)
    if wanted.total != order.total * lot:
        changes.append(MORE if wanted.total > order.total * lot else LESS)
    same_minimum = command.minimum is None or (order.minimum is not None and wanted.minimum == order.minimum * lot)
    if not same_minimum or (command.until is not None and command.until != order.until):
        changes.append(OTHER)
    return changes


def _stage_terms(step: Step, command: AmendOrder, order: Order, wanted: terms.Wanted, changes: list[Change]) -> None:
    """Stage 3 of an amend (PS-3.2). The band is tested only if the price changes or the order is parked; the total has
    to stay above what is filled (PS-6.2), tested also beside a total out of range (PS-13.14)."""
    line, session = order.line, order.session
    tests_band = order.state is PARKED or wanted.price != order.price * line.instrument.tick_nano
    reasons: list[Refusal] = terms.of_terms(line, wanted, effective_band(line) if tests_band else None)
    if not order.is_conditional:
        reasons += terms.conditional_orders_full(line, wanted)
    if command.until is not None:
        if order.time_in_force is not UNTIL:
            reasons.append(terms.UNTIL_NOT_IN_SESSION)
        else:
            reasons += terms.until_not_in_session(session, step.time, command.until)
    reasons += terms.own_opposite_order(session, line, order.side, order.group, wanted.price)
    if wanted.total <= order.filled * line.instrument.lot_nano:
        reasons.append(Refusal(reason=Reason.TOTAL_NOT_ABOVE_FILLED, field="quantity", low=order.filled))
    if not changes:
        reasons.append(terms.NO_CHANGE)
    refuse(reasons)


def _amend_in_place(step: Step, order: Order, total: int, until: Time | None) -> None:
    """A smaller total or another end: the order keeps its place."""
    order.total, order.open, order.until = total, total - order.filled, until
    revalue(step, order)
    step.tell_line(order.line, _amended(order, priority_kept=True))


def _re_place(step: Step, order: Order, price: int, total: int, minimum: int | None, until: Time | None) -> None:
    """New priority: the order is taken out, and comes in as the newest (PS-6.3); a parked one comes back (PS-10.4)."""
    in_book = order.in_book
    if in_book:
        book.remove(order)
    order.line.conditional += minimum is not None and not order.is_conditional
    assert order.line.conditional <= CONDITIONAL_ORDERS_MAX
    order.price, order.total, order.open = price, total, total - order.filled
    order.minimum, order.until = minimum, until
    order.priority, order.state = step.number, OPEN
    revalue(step, order)
    event = _amended(order, priority_kept=False)
    if in_book:
        step.tell_line(order.line, event)
    else:
        step.tell(event)
    enter(step, order)


def _amended(order: Order, *, priority_kept: bool) -> OrderAmended:
    return OrderAmended(
        order=order.id,
        price=order.price,
        quantity=order.total,
        open=order.open,
        minimum=order.minimum,
        until=order.until,
        priority_kept=priority_kept,
        reserved=order.reserved,
    )
