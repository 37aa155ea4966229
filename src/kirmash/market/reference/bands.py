"""Bands: within which prices an instrument may be offered (PS-10), and how bounds come to the grid (PS-0.7, EN-6.1).

Pure arithmetic on ticks and on exact quotients; which orders a new band parks is decided in sessions.
"""

from msgspec import Struct

from kirmash.market.reference.state import Instrument, Line
from kirmash.messages.limits import BOUND_TICKS_CAP, PPM
from kirmash.messages.units import nano_of


def reference_ticks(text: str | None, instrument: Instrument) -> int | None:
    """A reference price in ticks: rounded half up, at least one tick (PS-0.7)."""
    if text is None:
        return None
    tick = instrument.tick_nano
    return min(max((2 * nano_of(text) + tick) // (2 * tick), 1), BOUND_TICKS_CAP)


def lower_ticks(text: str | None, instrument: Instrument) -> int | None:
    """A lower bound in ticks: rounded up (PS-0.7)."""
    if text is None:
        return None
    tick = instrument.tick_nano
    return min((nano_of(text) + tick - 1) // tick, BOUND_TICKS_CAP)


def upper_ticks(text: str | None, instrument: Instrument) -> int | None:
    """An upper bound in ticks: rounded down (PS-0.7)."""
    if text is None:
        return None
    return min(nano_of(text) // instrument.tick_nano, BOUND_TICKS_CAP)


class Band(Struct, frozen=True):
    """The effective band in ticks, bounds included; None is no bound. If lower is above upper it is empty (PS-10.1)."""

    lower: int | None
    upper: int | None

    def has_exactly(self, price_nano: int, tick_nano: int) -> bool:
        """Whether a price, also one off the grid, lies within; compared as exact quotients (PS-3.2)."""
        above = self.lower is None or self.lower * tick_nano <= price_nano
        below = self.upper is None or price_nano <= self.upper * tick_nano
        return above and below

    def has(self, price: int) -> bool:
        """Whether a price in ticks lies within."""
        return (self.lower is None or self.lower <= price) and (self.upper is None or price <= self.upper)


def relative_lower(anchor: int, down_ppm: int) -> int:
    """⌈a × (1,000,000 − x) / 1,000,000⌉, at least 1 (PS-10.2)."""
    return max((anchor * (PPM - down_ppm) + PPM - 1) // PPM, 1)


def relative_upper(anchor: int, up_ppm: int) -> int:
    """⌊a × (1,000,000 + y) / 1,000,000⌋ (PS-10.2)."""
    return anchor * (PPM + up_ppm) // PPM


def effective_band(line: Line) -> Band:
    """The fixed and the relative band together (PS-10.1).

    The anchor is the last deal price of the instrument in this session, else the reference; with neither there is no
    relative band (PS-10.2).
    """
    lower, upper = line.lower, line.upper
    anchor = line.reference if line.last_price is None else line.last_price
    if anchor is not None:
        if line.down_ppm is not None:
            below = relative_lower(anchor, line.down_ppm)
            lower = below if lower is None else max(lower, below)
        if line.up_ppm is not None:
            above = relative_upper(anchor, line.up_ppm)
            upper = above if upper is None else min(upper, above)
    return Band(lower, upper)
