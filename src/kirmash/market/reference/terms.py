"""Stage 3 of admission: prices, quantities and other terms of an order (PS-3.2, EN-3).

Tests are on exact quotients: price and tick, quantity and lot are compared as integers in units of 10^-9, so that a
price off the grid is neither rounded nor guessed at. All terms that an order would have are tested, also those that an
amend leaves: they passed when they were given and can only fail together with what is new.
"""

from functools import lru_cache
from typing import Final

from msgspec import Struct

from kirmash.market.reference import phases
from kirmash.market.reference.bands import Band
from kirmash.market.reference.names import BUY, SELF_TRADE_ALLOWED, SELL
from kirmash.market.reference.state import AccountKey, Group, Instrument, Line, Session, State
from kirmash.messages.events import Refusal
from kirmash.messages.kinds import Phase, Side
from kirmash.messages.limits import (
    ACCOUNT_SESSION_OPEN_ORDERS_MAX,
    CONDITIONAL_ORDERS_MAX,
    OPEN_ORDERS_MAX,
    ORDER_VALUE_MAX,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
)
from kirmash.messages.rejects import Reason
from kirmash.messages.units import Time, nano_of

PRICE_OUT_OF_RANGE: Final = Refusal(reason=Reason.PRICE_OUT_OF_RANGE, field="price", low=1, high=PRICE_TICKS_MAX)
PRICE_OFF_GRID: Final = Refusal(reason=Reason.PRICE_OFF_GRID, field="price")
VALUE_TOO_LARGE: Final = Refusal(reason=Reason.VALUE_TOO_LARGE, field="price", high=ORDER_VALUE_MAX)
TIME_IN_FORCE_NOT_NOW: Final = Refusal(reason=Reason.TIME_IN_FORCE_NOT_NOW, field="time_in_force")
UNTIL_NOT_IN_SESSION: Final = Refusal(reason=Reason.UNTIL_NOT_IN_SESSION, field="until")
OWN_OPPOSITE_ORDER: Final = Refusal(reason=Reason.OWN_OPPOSITE_ORDER, field="price")
NO_CHANGE: Final = Refusal(reason=Reason.NO_CHANGE)

exact: Final = lru_cache(1 << 14)(nano_of)
"""`nano_of`, remembering the texts that come again and again: prices and quantities do."""


class Wanted(Struct, frozen=True):
    """The terms that an order is to have, exact, in units of 10^-9."""

    price: int
    total: int
    minimum: int | None
    indivisible: bool

    @property
    def is_conditional(self) -> bool:
        """Whether it would have a minimum or be indivisible."""
        return self.minimum is not None or self.indivisible


def of_terms(line: Line, wanted: Wanted, band: Band | None) -> list[Refusal]:
    """Range, grid, size, value, minimum and band (None: not tested) of an order's terms (PS-3.2)."""
    instrument, reasons = line.instrument, _of_sizes(line.instrument, wanted)
    tick, lot = instrument.tick_nano, instrument.lot_nano
    if not price_in_range(instrument, wanted.price):
        reasons.append(PRICE_OUT_OF_RANGE)
    else:
        if wanted.price % tick:
            reasons.append(PRICE_OFF_GRID)
        if band is not None and not band.has_exactly(wanted.price, tick):
            reasons.append(band_exceeded(band, "price"))
        value = wanted.price * wanted.total * instrument.tick_lot_value
        if value > ORDER_VALUE_MAX * tick * lot and lot <= wanted.total <= QUANTITY_LOTS_MAX * lot:
            reasons.append(VALUE_TOO_LARGE)
    if not instrument.conditional_allowed and wanted.is_conditional:
        reasons.append(Refusal(reason=Reason.CONDITIONAL_NOT_ALLOWED, field=_condition(wanted)))
    return reasons


def _of_sizes(instrument: Instrument, wanted: Wanted) -> list[Refusal]:
    """Range, grid and greatest size of quantity and minimum, each reason once, about the quantity if that fails it; and
    the minimum against the total. All but the range is tested only of what is in range (PS-3.2)."""
    lot, most = instrument.lot_nano, instrument.order_lots_max
    found: dict[Reason, Refusal] = {}
    for field, quantity in (("quantity", wanted.total), ("minimum", wanted.minimum)):
        if quantity is None:
            continue
        if not lot <= quantity <= QUANTITY_LOTS_MAX * lot:
            reason = Reason.QUANTITY_OUT_OF_RANGE
            found.setdefault(reason, Refusal(reason=reason, field=field, low=1, high=QUANTITY_LOTS_MAX))
            continue
        if quantity % lot:
            reason = Reason.QUANTITY_OFF_GRID
            found.setdefault(reason, Refusal(reason=reason, field=field))
        if most is not None and quantity > most * lot:
            reason = Reason.ORDER_TOO_LARGE
            found.setdefault(reason, Refusal(reason=reason, field=field, high=most))
    if wanted.minimum is not None and wanted.minimum > wanted.total and Reason.QUANTITY_OUT_OF_RANGE not in found:
        reason = Reason.MINIMUM_ABOVE_QUANTITY
        found[reason] = Refusal(reason=reason, field="minimum", high=wanted.total // lot)
    return list(found.values())


def price_in_range(instrument: Instrument, price: int) -> bool:
    """At least one tick and at most the limit of PS-9; `price` in units of 10^-9."""
    return instrument.tick_nano <= price <= PRICE_TICKS_MAX * instrument.tick_nano


def band_exceeded(band: Band, field: str | None) -> Refusal:
    """The effective band as it came out, also where it is empty (EN-3)."""
    return Refusal(reason=Reason.BAND_EXCEEDED, field=field, low=band.lower, high=band.upper)


def _condition(wanted: Wanted) -> str:
    return "indivisible" if wanted.indivisible else "minimum"


def conditional_orders_full(line: Line, wanted: Wanted) -> list[Refusal]:
    """No room for one more conditional order in session and instrument (PS-4.7)."""
    if line.conditional < CONDITIONAL_ORDERS_MAX or not wanted.is_conditional:
        return []
    reason = Reason.CONDITIONAL_ORDERS_FULL
    return [Refusal(reason=reason, field=_condition(wanted), high=CONDITIONAL_ORDERS_MAX)]


def until_not_in_session(session: Session, now: Time, until: Time) -> list[Refusal]:
    """An order's end has to be after now, and not after the planned CLOSING as moved by halts (PS-3.2)."""
    return [] if now < until <= session.planned(Phase.CLOSING) else [UNTIL_NOT_IN_SESSION]


def own_opposite_order(session: Session, line: Line, side: Side, group: Group, price: int) -> list[Refusal]:
    """In phases without matching: an own open, not parked order of the other side has a price that crosses.

    On the exact quotient, and only if the price is in range (PS-2.8, PS-3.2, PS-13.12).
    """
    if session.self_trade is SELF_TRADE_ALLOWED or phases.is_continuous(session):
        return []
    if not price_in_range(line.instrument, price):
        return []
    tick = line.instrument.tick_nano
    other = SELL if side is BUY else BUY
    for order in line.groups.get((other, group), {}).values():
        crosses = price >= order.price * tick if side is BUY else price <= order.price * tick
        if crosses and order.in_book:
            return [OWN_OPPOSITE_ORDER]
    return []


def open_orders_full(state: State, session: Session, key: AccountKey) -> list[Refusal]:
    """No room for one more open order, parked ones counted, of the exchange or of the account in the session (PS-9)."""
    if state.open_count >= OPEN_ORDERS_MAX:
        return [Refusal(reason=Reason.LIMIT_EXCEEDED, high=OPEN_ORDERS_MAX)]
    if session.open_counts.get(key, 0) >= ACCOUNT_SESSION_OPEN_ORDERS_MAX:
        return [Refusal(reason=Reason.LIMIT_EXCEEDED, high=ACCOUNT_SESSION_OPEN_ORDERS_MAX)]
    return []
