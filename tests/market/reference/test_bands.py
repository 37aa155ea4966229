"""Bands and the grid (PS-10.1, PS-10.2, PS-0.7, EN-6.1)."""

from typing import Any

import pytest

from kirmash.market.reference import bands
from kirmash.market.reference.state import Instrument, Line
from kirmash.messages.limits import BOUND_TICKS_CAP


def line(tick: str = "1", **terms: Any) -> Line:
    instrument = Instrument("i", "metal", "export", "EUR", tick, "1", 100, True, None, None)
    bounds: dict[str, Any] = dict.fromkeys(("reference", "lower", "upper", "down_ppm", "up_ppm"))
    return Line(instrument=instrument, **{**bounds, **terms})


@pytest.mark.parametrize(
    "terms,expected",
    [
        ({"reference": 1000, "down_ppm": 200_000, "up_ppm": 100}, (800, 1000)),  # the examples of PS-10
        ({"reference": 1003, "down_ppm": 200_000, "up_ppm": 100}, (803, 1003)),
        ({"reference": 1003, "last_price": 1000, "down_ppm": 200_000, "up_ppm": 100}, (800, 1000)),  # the anchor moves
        ({"lower": 900, "upper": 950, "reference": 1000, "down_ppm": 200_000, "up_ppm": 100}, (900, 950)),
        ({"lower": 100, "upper": 5000, "reference": 1000, "down_ppm": 200_000}, (800, 5000)),
        ({"down_ppm": 1, "up_ppm": 1}, (None, None)),  # no anchor, no relative band
        ({"reference": 1000, "down_ppm": 1_000_000}, (1, None)),  # at least 1
        ({"lower": 0}, (0, None)),
        ({"lower": 7, "upper": 3}, (7, 3)),  # empty, as it came out
    ],
)
def test_effective_band(terms: dict[str, Any], expected: tuple[int | None, int | None]) -> None:
    """The intersection of the fixed and the relative band."""
    band = bands.effective_band(line(**terms))
    assert (band.lower, band.upper) == expected


def test_an_empty_band_refuses_every_price() -> None:
    """PS-10.1."""
    band = bands.Band(7, 3)
    assert not any(band.has(price) for price in range(1, 12))


def test_a_price_off_the_grid_is_compared_as_it_is() -> None:
    """PS-3.2: 10.5 ticks lie above an upper bound of 10."""
    assert bands.Band(None, 10).has_exactly(10_000_000_000, 10**9)
    assert not bands.Band(None, 10).has_exactly(10_500_000_000, 10**9)
    assert not bands.Band(11, None).has_exactly(10_500_000_000, 10**9)


@pytest.mark.parametrize(
    "text,reference,lower,upper",
    [
        ("10", 20, 20, 20),
        ("10.2", 20, 21, 20),
        ("10.25", 21, 21, 20),  # half up
        ("10.24", 20, 21, 20),
        ("0.1", 1, 1, 0),  # a reference is at least one tick
        ("0", 1, 0, 0),
    ],
)
def test_bounds_come_to_the_grid(text: str, reference: int, lower: int, upper: int) -> None:
    """PS-0.7 with a tick of 0.5: reference half up, lower up, upper down."""
    instrument = line("0.5").instrument
    assert bands.reference_ticks(text, instrument) == reference
    assert bands.lower_ticks(text, instrument) == lower
    assert bands.upper_ticks(text, instrument) == upper


def test_bounds_beyond_every_price_are_kept_as_the_cap() -> None:
    """EN-6.1."""
    instrument = line("0.000000001").instrument
    for rounded in (bands.reference_ticks, bands.lower_ticks, bands.upper_ticks):
        assert rounded("999999999999999", instrument) == BOUND_TICKS_CAP
        assert rounded(None, instrument) is None
