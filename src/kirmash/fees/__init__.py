"""The exchange's fee on a deal, by a table (rules FEE-01 to FEE-05, FEE-07): which line fits, and what it comes to.

Pure and exact: amounts are decimal text, everything between is whole numbers. Nothing is charged by what stands here;
it is shown to people before they trade. A table that no reader could understand is none: `Table` refuses lines that fit
one deal equally well, and `falls` finds where a greater deal would cost less (ARB-05).
"""

import itertools
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from kirmash.messages.units import currency_digits, decimals_of, scaled_text

Side = Literal["buy", "sell"]
Kind = Literal["session", "address"]

HOME_CURRENCY: Final = "BYN"
"""What residents pay in, whatever the deal is in (FEE-02)."""
DECIMALS: Final = 2
"""A fee is rounded half up to hundredths (FEE-05); in a currency that has none, to its units."""
PPM: Final = 1_000_000


class TableError(ValueError):
    """Lines that make no table; says which."""


class Line(Struct, frozen=True, kw_only=True):
    """What deals of one kind cost one side. None and "" stand for any.

    `hs` is the beginning of an HS code. `above` and `up_to` bound the deal's amount without VAT, in `currency` (the
    first excluded, the second included); `minimum`, `maximum` and `fixed` are in it, too. Either `rate_ppm`, in parts
    per million of the amount, or `fixed` is given. `valid_from` is a day, `source` where it stands, and
    `source_ru` that in Russian.
    """

    line: str
    section: str | None = None
    hs: str = ""
    purpose: str | None = None
    side: Side
    resident: bool | None = None
    kind: Kind = "session"
    above: str | None = None
    up_to: str | None = None
    valid_from: str
    rate_ppm: int | None = None
    fixed: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    currency: str | None = None
    status: str
    source: str
    source_ru: str = ""

    @property
    def key(self) -> tuple[str | None, str, str | None, Side, bool | None, Kind]:
        """All of FEE-04 but amount and day: the lines of a key are one scale, replaced whole by a later day's."""
        return (self.section, self.hs, self.purpose, self.side, self.resident, self.kind)

    @property
    def needs_currency(self) -> bool:
        """Whether sums of the line are compared with the deal's."""
        return any(it is not None for it in (self.above, self.up_to, self.fixed, self.minimum, self.maximum))


class Deal(NamedTuple):
    """A deal as far as its fee depends on it: `amount` is its value without VAT; `day` as 2026-11-21."""

    section: str
    hs: str
    purpose: str
    side: Side
    resident: bool
    amount: str
    currency: str
    day: str
    kind: Kind = "session"


class Rate(NamedTuple):
    """An official rate: `per` units of the foreign currency are `value` units of the home currency."""

    currency: str
    value: str
    per: int = 1


class Fee(NamedTuple):
    """What a side would pay. `payable_in` is another currency than the fee's where it was not converted for want of a
    rate (FEE-02)."""

    line: Line
    amount: str
    currency: str
    payable_in: str


class NoFee(NamedTuple):
    """Why there is none: `no_line` fits, or the line's sums are in a currency that cannot be compared (`no_rate`)."""

    why: Literal["no_line", "no_rate"]
    line: Line | None = None


class Table:
    """Lines that can be asked."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        """Raises TableError for lines of which none can be chosen."""
        self.lines: Final = lines
        for line in lines:
            _check(line)
        for place, line in enumerate(lines):
            for other in lines[:place]:
                if _collide(line, other):
                    raise TableError(f"{other.line} and {line.line} fit the same deals")

    def scale(self, deal: Deal) -> tuple[Line, ...]:
        """The lines of the key that fits best, of its latest day; those of other amounts, too.

        The longest HS code wins (FEE-04). Between keys with the same, the one that names more of residency, purpose
        and section does, in this order.
        """
        fitting = [it for it in self.lines if _fits(it, deal)]
        if not fitting:
            # The seller of an address deal pays as in a session (FEE-07).
            return self.scale(deal._replace(kind="session")) if (deal.kind, deal.side) == ("address", "sell") else ()
        best = max(fitting, key=_exactness)
        same = [it for it in fitting if it.key == best.key]
        latest = max(it.valid_from for it in same)
        return tuple(it for it in same if it.valid_from == latest)

    def fee(self, deal: Deal, rate: Rate | None = None) -> Fee | NoFee:
        """What the deal would cost its side; `rate` is the official one of the day that counts (FEE-02)."""
        scale = self.scale(deal)
        amount, paid_in = Fraction(deal.amount), deal.currency
        home = HOME_CURRENCY if deal.resident else deal.currency
        if rate is not None and home != deal.currency and rate.currency == deal.currency:
            amount, paid_in = amount * Fraction(rate.value) / rate.per, home
        comparable = all(not it.needs_currency or it.currency == paid_in for it in scale)
        if not comparable:
            return NoFee("no_rate", scale[0])
        line = next((it for it in scale if _holds(it, amount)), None)
        if line is None:
            return NoFee("no_line")
        return Fee(line, rounded(_raw(line, amount), paid_in), paid_in, home)


def rounded(amount: Fraction, currency: str) -> str:
    """Half up to 0.01, or to the units of a currency without hundredths (FEE-05)."""
    decimals = min(DECIMALS, currency_digits(currency))
    scaled = amount * 10**decimals
    return scaled_text((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator), decimals)


def falls(lines: tuple[Line, ...]) -> list[tuple[Line, Line]]:
    """Neighbours of a scale between which a greater deal would cost less (ARB-05); empty for a table that is fair."""
    found = []
    ordered = sorted(lines, key=lambda it: _bound(it.above))
    for lower, upper in itertools.pairwise(ordered):
        if lower.up_to is not None and _raw(upper, _bound(upper.above)) < _raw(lower, Fraction(lower.up_to)):
            found.append((lower, upper))
    return found


def _raw(line: Line, amount: Fraction) -> Fraction:
    if line.fixed is not None:
        return Fraction(line.fixed)
    fee = amount * Fraction(line.rate_ppm or 0, PPM)
    if line.minimum is not None:
        fee = max(fee, Fraction(line.minimum))
    return fee if line.maximum is None else min(fee, Fraction(line.maximum))


def _bound(text: str | None) -> Fraction:
    return Fraction(text) if text is not None else Fraction(0)


def _holds(line: Line, amount: Fraction) -> bool:
    if line.above is not None and amount <= Fraction(line.above):
        return False
    return line.up_to is None or amount <= Fraction(line.up_to)


def _fits(line: Line, deal: Deal) -> bool:
    return (
        line.side == deal.side
        and line.kind == deal.kind
        and deal.hs.startswith(line.hs)
        and line.section in (None, deal.section)
        and line.purpose in (None, deal.purpose)
        and line.resident in (None, deal.resident)
        and line.valid_from <= deal.day
    )


def _exactness(line: Line) -> tuple[int, bool, bool, bool]:
    return (len(line.hs), line.resident is not None, line.purpose is not None, line.section is not None)


def _check(line: Line) -> None:
    if (line.rate_ppm is None) == (line.fixed is None):
        raise TableError(f"{line.line}: either a rate or a fixed sum")
    if line.rate_ppm is not None and not 0 <= line.rate_ppm <= PPM:
        raise TableError(f"{line.line}: a rate is from 0 to {PPM} parts per million")
    if line.needs_currency and line.currency is None:
        raise TableError(f"{line.line}: sums need a currency")
    sums = [it for it in (line.above, line.up_to, line.fixed, line.minimum, line.maximum) if it is not None]
    if any(Fraction(it) < 0 or decimals_of(it) > currency_digits(line.currency or "") for it in sums):
        raise TableError(f"{line.line}: a sum is not one of its currency")
    if line.up_to is not None and _bound(line.above) >= Fraction(line.up_to):
        raise TableError(f"{line.line}: no amount lies between its bounds")
    if line.minimum is not None and line.maximum is not None and Fraction(line.minimum) > Fraction(line.maximum):
        raise TableError(f"{line.line}: its minimum is above its maximum")


def _is_below(one: Line, other: Line) -> bool:
    """Whether all amounts of one are less than those of the other."""
    return one.up_to is not None and _bound(other.above) >= Fraction(one.up_to)


def _collide(one: Line, other: Line) -> bool:
    """Whether some deal would be fitted by both, and neither be the better: the same key and day, amounts that both
    hold; or two keys of which each names as much as the other, and which leave the other's open."""
    if one.key == other.key:
        if one.valid_from != other.valid_from:
            return False
        if one.currency != other.currency and (one.needs_currency or other.needs_currency):
            return True
        return not (_is_below(one, other) or _is_below(other, one))
    if (one.side, one.kind, one.hs) != (other.side, other.kind, other.hs) or _exactness(one) != _exactness(other):
        return False
    pairs = ((one.section, other.section), (one.purpose, other.purpose), (one.resident, other.resident))
    return all(a is None or b is None or a == b for a, b in pairs)
