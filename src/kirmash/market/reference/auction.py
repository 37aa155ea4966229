"""The uncrossing of a line: from its book to what PS-4 makes of it, and back as deals and events (PS-1.5, PS-12)."""

from kirmash.market.reference.deals import make_deal
from kirmash.market.reference.matching import needs
from kirmash.market.reference.state import Line, Order, Session
from kirmash.market.reference.step import Step
from kirmash.market.reference.uncrossing import Interest, Uncrossing, uncross
from kirmash.messages.events import ParadoxicallyRejected, Uncrossed, UncrossedWithoutPrice
from kirmash.messages.kinds import Aggressor


def would_give(line: Line) -> Uncrossing:
    """What the uncrossing of the book as it stands would give (PS-1.3, PS-4). Changes nothing."""
    buys = [interest_of(order) for order in line.book.buys.orders()]
    sells = [interest_of(order) for order in line.book.sells.orders()]
    return uncross(buys, sells, line.reference)


def interest_of(order: Order) -> Interest:
    """An order as the uncrossing sees it."""
    return Interest(
        order=order.id,
        side=order.side,
        price=order.price,
        priority=order.priority,
        open=order.open,
        needs=needs(order),
    )


def uncross_lines(step: Step, session: Session) -> None:
    """One uncrossing of every instrument with an open, not parked order, by ascending instrument id (PS-1.5)."""
    for instrument_id in sorted(session.lines):
        if session.lines[instrument_id].book:
            uncross_line(step, session, session.lines[instrument_id])


def uncross_line(step: Step, session: Session, line: Line) -> None:
    """Make the deals of an uncrossing at its one price. Orders not filled stay with their priority (PS-2.9); own orders
    may meet here, since an uncrossing has no newest one."""
    outcome = would_give(line)
    if outcome.equilibrium is None:
        step.tell_line(line, UncrossedWithoutPrice(session=session.id, instrument=line.instrument.id))
        return
    price = outcome.equilibrium.price
    step.tell_line(
        line,
        Uncrossed(
            session=session.id,
            instrument=line.instrument.id,
            price=price,
            volume=outcome.equilibrium.volume,
            surplus=outcome.equilibrium.surplus,
        ),
    )
    for order_id in outcome.rejected:
        step.tell(ParadoxicallyRejected(order=order_id))
    orders = step.state.orders
    for match in outcome.matches:
        make_deal(step, orders[match.buy], orders[match.sell], price, match.quantity, Aggressor.NONE)
