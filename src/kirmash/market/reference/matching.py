"""Continuous matching: an incoming order walks the opposite side of the book (PS-2).

Resting orders do not change while an order walks, so one plan serves both cases: it is carried out as it stands, or,
for an order that takes all or nothing, only if it fills the order. Resting orders never meet each other here (PS-2.7).
"""

from msgspec import Struct

from kirmash.market.reference.deals import make_deal
from kirmash.market.reference.names import BUY, FOK, IOC, SELF_TRADE_ALLOWED
from kirmash.market.reference.orders import cancel, rest
from kirmash.market.reference.phases import is_continuous
from kirmash.market.reference.state import Order
from kirmash.market.reference.step import Step
from kirmash.messages.kinds import Aggressor, CancelReason


class Plan(Struct):
    """What a walk would take: (resting order, quantity) in the order of the walk, what is left of the incoming order,
    and whether the walk ended at an order of its own group."""

    fills: list[tuple[Order, int]]
    rest: int
    own_met: bool


def walk(order: Order) -> Plan:
    """Walk the opposite side by price, then priority, while prices cross (PS-2.2).

    With q = min(open of both), a resting order is skipped, and the walk goes on behind it, if q is less than what
    either needs: all of an indivisible resting order, else the minimum or the open rest, whichever is less (PS-2.3).
    The incoming order's own indivisibility is the plan's matter (PS-2.5). The self-trade test comes after the skip
    test, for an order that would be filled (PS-2.8).
    """
    plan = Plan([], order.open, False)
    prevents = order.session.self_trade is not SELF_TRADE_ALLOWED
    opposite = order.line.book.opposite(order.side)
    for price in opposite.best_first():
        if price > order.price if order.side is BUY else price < order.price:
            break
        for resting in opposite.levels[price].values():
            quantity = min(plan.rest, resting.open)
            if quantity < needs(resting) or quantity < min(order.minimum or 0, plan.rest):
                continue
            if prevents and resting.group == order.group:
                plan.own_met = True
                return plan
            plan.fills.append((resting, quantity))
            plan.rest -= quantity
            if plan.rest == 0:
                return plan
    return plan


def needs(resting: Order) -> int:
    """The least that a resting order takes; a rest below its minimum may be filled as a whole (PS-2.3)."""
    if resting.indivisible:
        return resting.open
    return min(resting.minimum or 0, resting.open)


def enter(step: Step, order: Order) -> None:
    """A new or re-placed order comes in: it walks in a continuous phase, and otherwise rests (PS-2.2 to PS-2.8)."""
    if not is_continuous(order.session):
        rest(step, order)
        return
    plan = walk(order)
    if plan.fills and plan.rest and takes_all_or_nothing(order):
        plan.fills.clear()
    for resting, quantity in plan.fills:
        if order.side is BUY:
            make_deal(step, order, resting, resting.price, quantity, Aggressor.BUY)
        else:
            make_deal(step, resting, order, resting.price, quantity, Aggressor.SELL)
    if not order.open:
        return
    if plan.own_met:
        cancel(step, order, CancelReason.SELF_TRADE)
    elif order.time_in_force in (IOC, FOK):
        cancel(step, order, CancelReason.KILLED)
    else:
        rest(step, order)


def takes_all_or_nothing(order: Order) -> bool:
    """Indivisible, or FOK; IOC and indivisible together mean FOK (PS-2.5)."""
    return order.indivisible or order.time_in_force is FOK
