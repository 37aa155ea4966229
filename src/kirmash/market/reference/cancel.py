"""Cancelling on request, in the mass, and by the end of an order's time (PS-6.5, PS-6.6, PS-11.4)."""

from kirmash.market.reference import existence, phases, rights
from kirmash.market.reference.orders import cancel
from kirmash.market.reference.state import Order, Trader
from kirmash.market.reference.step import Step
from kirmash.messages.commands import CancelOrder, ExpireOrders, MassCancel
from kirmash.messages.events import OrdersExpired, OrdersMassCancelled
from kirmash.messages.kinds import CancelReason, TimeInForce


def cancel_order(step: Step, command: CancelOrder) -> None:
    """Take the open rest of one order back (PS-6.5)."""
    trader, order = existence.of_cancel_order(step, command)
    rights.of_cancel_order(trader, order)
    cancel(step, order, CancelReason.REQUESTED)


def mass_cancel(step: Step, command: MassCancel) -> None:
    """Cancel by ascending order id all matching open orders, parked ones too, that the phase lets this actor cancel;
    count the others as kept (PS-6.6)."""
    trader, session = existence.of_mass_cancel(step, command)
    rights.of_mass_cancel(trader)
    cancelled = kept = 0
    for order in session.open_orders():
        if not _matches(command, trader, order):
            continue
        if trader is None or phases.may_cancel(session, order.side):
            cancel(step, order, CancelReason.MASS)
            cancelled += 1
        else:
            kept += 1
    step.tell(OrdersMassCancelled(session=session.id, cancelled=cancelled, kept=kept))


def _matches(command: MassCancel, trader: Trader | None, order: Order) -> bool:
    """A trader reaches his participant's orders, the exchange anyone's; each given filter narrows that. The filter
    `trader` is who placed the order."""
    return (
        (trader is None or order.participant == trader.participant)
        and (command.instrument is None or order.line.instrument.id == command.instrument)
        and (command.side is None or order.side is command.side)
        and (command.trader is None or order.trader == command.trader)
        and (command.client is None or order.client == command.client)
    )


def expire_orders(step: Step, command: ExpireOrders) -> None:
    """Expire the `until` orders of a session that end by the given time, parked ones too, by ascending order id
    (PS-11.4); also those not yet due, if the time given is a later one (PS-13.17)."""
    session = existence.of_session_command(step, command.session)
    rights.of_running_session(session)
    expired = 0
    for order in session.open_orders():
        if order.time_in_force is TimeInForce.UNTIL and order.until is not None and order.until <= command.until:
            cancel(step, order, CancelReason.EXPIRED)
            expired += 1
    step.tell(OrdersExpired(session=session.id, expired=expired))
