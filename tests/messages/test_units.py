"""Decimal text and integers (PS-0.6, PS-0.7)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kirmash.data import currency_digits
from kirmash.messages import units

decimal_text = st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,9})?", fullmatch=True, alphabet="0123456789.")


@given(decimal_text)
def test_decimal_text_is_exact(text: str) -> None:
    """The integer of 10^-9 is the value of the text, digit for digit."""
    assert Fraction(units.nano_of(text), 10**9) == Fraction(text)


@given(decimal_text)
def test_canonical_text_keeps_value_and_decimals(text: str) -> None:
    """Only needless leading zeros go (PS-13.6)."""
    canonical = units.canonical_decimal(text)
    assert Fraction(canonical) == Fraction(text)
    assert units.decimals_of(canonical) == units.decimals_of(text)
    assert canonical[0] != "0" or len(canonical.partition(".")[0]) == 1


@given(st.integers(-(10**20), 10**20), st.integers(0, 9))
def test_scaled_text_has_exactly_its_decimals(value: int, decimals: int) -> None:
    """An integer of 10^-n prints with n decimals and its sign."""
    assert units.scaled_text(value, decimals) == f"{Decimal(value).scaleb(-decimals):.{decimals}f}"


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1000.50", "EUR", 100_050),
        ("1000.5", "EUR", 100_050),
        ("7", "EUR", 700),
        ("7.000", "EUR", None),  # more decimals than the currency, though zeros (EN-6.2)
        ("300", "JPY", 300),
        ("300.0", "JPY", None),
        ("0.125", "BHD", 125),
        ("0.1255", "BHD", None),
        ("1.25", "QQQ", 125),  # outside ISO 4217: two digits
    ],
)
def test_money_is_whole_minor_units(text: str, currency: str, minor: int | None) -> None:
    """Money goes by the digits of ISO 4217."""
    assert units.minor_of(text, currency) == minor


@pytest.mark.parametrize(
    ("tick", "lot", "currency", "value"),
    [
        ("0.50", "10", "EUR", 500),
        ("0.01", "1", "EUR", 1),
        ("0.001", "1", "EUR", None),
        ("0.001", "10", "EUR", 1),
        ("0.001", "1", "BHD", 1),
        ("0.000000001", "10000000", "EUR", 1),
        ("1", "1", "JPY", 1),
        ("0", "1", "EUR", 0),
        ("100000", "0.1", "EUR", 1_000_000),
    ],
)
def test_tick_lot_value(tick: str, lot: str, currency: str, value: int | None) -> None:
    """k = tick × lot in minor units, or none where that is no integer (PS-0.7)."""
    assert units.tick_lot_value_of(tick, lot, currency) == value


def test_the_currency_table_is_that_of_the_reference_data() -> None:
    """Every code of the shipped ISO 4217 table has the digits that money is reckoned with."""
    table = currency_digits()
    assert len(table) > 150
    assert {code: units.currency_digits(code) for code in table} == table
