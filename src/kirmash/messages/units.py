"""Numbers with names: decimal text, prices in ticks, quantities in lots, money in minor units, times.

All arithmetic is on integers. Decimal text is exact: it becomes an integer count of 10^-9 ("nano"), never a float.
Source: market-rules PS-0.6, PS-0.7, PS-8.6. No rule of the market belongs here.
"""

from functools import lru_cache
from typing import Final, NewType

from kirmash.messages.limits import DECIMAL_SCALE

Ticks = NewType("Ticks", int)
Lots = NewType("Lots", int)
Minor = NewType("Minor", int)
Nano = NewType("Nano", int)

Time = tuple[int, int]
"""Seconds since 1970 UTC and nanoseconds below 10^9: a pair, because years up to 9999 do not fit 64 bits of them."""

NANO: Final = 10**DECIMAL_SCALE
NANOSECONDS: Final = 10**9

# ISO 4217: the currencies whose minor unit is not a hundredth. Every other code, known or not, has two digits (PS-0.6).
CURRENCY_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def currency_digits(currency: str) -> int:
    """Decimals of a currency's minor unit (ISO 4217); two for a code that the standard does not list."""
    return CURRENCY_DIGITS.get(currency, 2)


def decimals_of(text: str) -> int:
    """How many decimals a decimal text was written with."""
    return len(text) - text.index(".") - 1 if "." in text else 0


def nano_of(text: str) -> Nano:
    """The exact value of a decimal text as an integer count of 10^-9. The text has passed the grammar of PS-0.6."""
    whole, _, fraction = text.partition(".")
    return Nano(int(whole) * NANO + int(fraction.ljust(DECIMAL_SCALE, "0") if fraction else 0))


def minor_of(text: str, currency: str) -> Minor | None:
    """Money as minor units; None where it is written with more decimals than its currency has (PS-0.6)."""
    digits = currency_digits(currency)
    if decimals_of(text) > digits:
        return None
    return Minor(int(text.replace(".", "")) * 10 ** (digits - decimals_of(text)))


def canonical_decimal(text: str) -> str:
    """A decimal text without needless leading zeros; its decimals stay as given (PS-13.6)."""
    whole, point, fraction = text.partition(".")
    return f"{whole.lstrip('0') or '0'}{point}{fraction}"


def scaled_text(value: int, decimals: int) -> str:
    """An integer count of 10^-decimals as decimal text with exactly that many decimals; a minus sign where negative."""
    if value < 0:
        return f"-{scaled_text(-value, decimals)}"
    digits = str(value)
    if decimals == 0:
        return digits
    if len(digits) <= decimals:
        digits = digits.rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def multiple_text(count: int, step: str) -> str:
    """`count` steps (ticks or lots) as decimal text with the decimals that the step was listed with (PS-0.6)."""
    return scaled_text(count * int(step.replace(".", "")), decimals_of(step))


multiple: Final = lru_cache(maxsize=1 << 16)(multiple_text)
"""`multiple_text`, kept: the same prices and quantities are shown over and over."""


def tick_lot_value_of(tick: str, lot: str, currency: str) -> int | None:
    """One tick for one lot in minor units (k of PS-0.7); None where that is no whole number."""
    value = nano_of(tick) * nano_of(lot) * 10 ** currency_digits(currency)
    whole, rest = divmod(value, NANO * NANO)
    return None if rest else whole


def nanoseconds(time: Time) -> int:
    """Nanoseconds since 1970."""
    return time[0] * NANOSECONDS + time[1]


def time_of(count: int) -> Time:
    """The time so many nanoseconds after 1970."""
    return divmod(count, NANOSECONDS)
