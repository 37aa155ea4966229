"""Every limit of the market in one place (market-rules PS-9).

A limit that is not here does not exist. The native market keeps the same numbers in `crates/market/src/limits.rs`;
a test compares them, and vectors at and beyond each hold both to them.
"""

from typing import Final

ORDINAL_MAX: Final = 2**53 - 1
"""Numbers, orders, deals and every integer on the wire stay below 2^53, so that JSON readers can't lose a digit."""

PRICE_TICKS_MAX: Final = 2_000_000_000
QUANTITY_LOTS_MAX: Final = 1_000_000_000
TICK_LOT_VALUE_MAX: Final = 1_000_000
ORDER_VALUE_MAX: Final = 10**15
"""price × quantity × tick_lot_value, in minor units."""

ACCOUNT_MAX: Final = 10**17
CURRENCY_SUM_MAX: Final = 4 * 10**18
PPM: Final = 1_000_000
"""Parts per million: the unit of rates and relative bands, and the greatest rate."""

SESSION_INSTRUMENTS_MAX: Final = 10_000
OPEN_ORDERS_MAX: Final = 16_000_000
ACCOUNT_SESSION_OPEN_ORDERS_MAX: Final = 100_000
CONDITIONAL_ORDERS_MAX: Final = 1_000
"""Open conditional orders per session and instrument (PS-4.7)."""

TEXT_BYTES_MAX: Final = 200
CLIENT_ID_BYTES_MAX: Final = 36
COMMAND_BYTES_MAX: Final = 4096
FRAME_BYTES_MAX: Final = 1024 * 1024
"""A command in canonical form, without its lists and with them (PS-13.24)."""
FOLLOW_UP_ITEMS_MAX: Final = 10_000
FOLLOW_UP_CHAIN_MAX: Final = 8

BOUND_TICKS_CAP: Final = 2**53 - 1
"""A reference or bound of more ticks is kept as this: beyond every price either way, also after a band's ppm."""

DECIMAL_SCALE: Final = 9
"""Decimal text has at most nine decimals; inside, an exact value is an integer count of 10^-9."""
