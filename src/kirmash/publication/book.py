"""One instrument of a session as the public sees it: levels, last price, band, indicative price, checksum.

Kept in ticks and lots, shown as decimal text. It believes what it is told and decides nothing: bands and the price of
an uncrossing are computed by the reference market's own functions.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from zlib import crc32

from kirmash.market.reference.bands import effective_band
from kirmash.market.reference.state import Line
from kirmash.market.reference.uncrossing import Equilibrium, equilibrium
from kirmash.messages.kinds import Side
from kirmash.messages.units import multiple
from kirmash.publication.updates import BookSnapshot, Indicative, LevelChange, PublicBand
from kirmash.publication.updates import Level as ShownLevel

CHECKSUM_LEVELS: Final = 10
"""How many levels of each side the checksum covers."""

GONE: Final = "0"
"""The quantity of a level that is there no more."""

SIDE_NAMES: Final = {Side.BUY: "buy", Side.SELL: "sell"}


class Level:
    """What stands at one price of one side: lots, orders, and lots of conditional orders."""

    __slots__ = ("conditional", "lots", "orders", "price")

    def __init__(self, price: str) -> None:
        self.price: Final = price
        self.lots = 0
        self.orders = 0
        self.conditional = 0


class PublicBook:
    """The public data of an instrument in a session. `terms` has its tick, lot, bounds, reference and last price;
    the book inside of `terms` stays empty, since the public book knows no orders."""

    __slots__ = (
        *("_found", "_found_at", "_glance", "_glance_at", "_prices"),
        *("instrument", "levels", "lot", "number", "session", "terms", "tick"),
    )

    def __init__(self, session: str, terms: Line) -> None:
        self.session: Final = session
        self.instrument: Final = terms.instrument.id
        self.terms: Final = terms
        self.tick: Final = terms.instrument.tick
        self.lot: Final = terms.instrument.lot
        self.number = terms.channel
        self.levels: Final[dict[Side, dict[int, Level]]] = {Side.BUY: {}, Side.SELL: {}}
        # The prices of the levels, ascending: the best ones are wanted after every update that somebody follows.
        self._prices: Final[dict[Side, list[int]]] = {Side.BUY: [], Side.SELL: []}
        self._found: Equilibrium | None = None
        self._found_at = -1
        self._glance: BookSnapshot | None = None
        self._glance_at: tuple[int, str, bool] | None = None

    def change(self, side: Side, price: int, lots: int, orders: int, conditional: bool) -> LevelChange:
        """Add lots and orders (negative: take away) at a price; gives the level as it is then.

        `conditional` says whether the lots belong to a conditional order. A level without orders has to be without
        lots too, or the fold has gone wrong.
        """
        levels = self.levels[side]
        level = levels.get(price)
        if level is None:
            level = levels[price] = Level(multiple(price, self.tick))
            insort(self._prices[side], price)
        level.lots += lots
        level.orders += orders
        if conditional:
            level.conditional += lots
        if level.orders:
            return (SIDE_NAMES[side], *self._shown(level))
        assert level.lots == level.conditional == 0
        del levels[price]
        prices = self._prices[side]
        del prices[bisect_left(prices, price)]
        return (SIDE_NAMES[side], level.price, GONE, 0, GONE)

    def _shown(self, level: Level) -> ShownLevel:
        conditional = multiple(level.conditional, self.lot) if level.conditional else GONE
        return (level.price, multiple(level.lots, self.lot), level.orders, conditional)

    def side(self, side: Side) -> Iterator[ShownLevel]:
        """The levels of one side, best first: buy the highest price, sell the lowest."""
        levels = self.levels[side]
        prices = self._prices[side]
        return (self._shown(levels[price]) for price in (reversed(prices) if side is Side.BUY else prices))

    def checksum(self) -> int:
        """CRC-32 (the one of zlib, PNG and Ethernet) over `checksum_text`."""
        return crc32(checksum_text(*(list(islice(self.side(side), CHECKSUM_LEVELS)) for side in Side)).encode())

    def band(self) -> PublicBand | None:
        """The effective band (PS-10.1), which a deal moves where a part of it is relative; None without any bound."""
        return self.band_by(self.terms)

    def band_by(self, terms: Line) -> PublicBand | None:
        """The effective band that other bounds of this instrument would give."""
        band = effective_band(terms)
        lower, upper = (None if bound is None else multiple(bound, self.tick) for bound in (band.lower, band.upper))
        return None if lower is None and upper is None else PublicBand(lower, upper)

    @property
    def moves_its_band(self) -> bool:
        """Whether a deal may change the effective band."""
        return self.terms.down_ppm is not None or self.terms.up_ppm is not None

    def equilibrium(self) -> Equilibrium | None:
        """The price rule of PS-4.1 over the book as it stands, every order taken as one that can be divided.

        Without conditional orders in the book this is what an uncrossing would give. With them it is the first round
        of PS-4 only: the uncrossing may set orders aside (PS-4.3), and so end at another price or a smaller volume.
        Computed when asked for, and once for as long as the book stands.
        """
        if self._found_at != self.number:
            demand, supply = ({price: it.lots for price, it in self.levels[side].items()} for side in Side)
            self._found, self._found_at = equilibrium(demand, supply, self.terms.reference), self.number
        return self._found

    def snapshot(self, phase: str, uncrossing_is_ahead: bool) -> BookSnapshot:
        """All of it as it stands; the indicative price only where an uncrossing is still ahead."""
        return self._snapshot(phase, uncrossing_is_ahead, None)

    def glance(self, phase: str, uncrossing_is_ahead: bool) -> BookSnapshot:
        """As `snapshot`, with the best CHECKSUM_LEVELS levels of each side; made anew only when it would differ."""
        at = (self.number, phase, uncrossing_is_ahead)
        if self._glance is None or self._glance_at != at:
            self._glance, self._glance_at = self._snapshot(phase, uncrossing_is_ahead, CHECKSUM_LEVELS), at
        return self._glance

    def _snapshot(self, phase: str, uncrossing_is_ahead: bool, levels: int | None) -> BookSnapshot:
        found = self.equilibrium() if uncrossing_is_ahead else None
        bids, asks = (list(islice(self.side(side), levels)) for side in Side)
        last = self.terms.last_price
        return BookSnapshot(
            session=self.session,
            instrument=self.instrument,
            number=self.number,
            phase=phase,
            bids=bids,
            asks=asks,
            last_price=None if last is None else multiple(last, self.tick),
            band=self.band(),
            indicative=None if found is None else Indicative(**self.shown(found.price, found.volume, found.surplus)),
            checksum=crc32(checksum_text(bids[:CHECKSUM_LEVELS], asks[:CHECKSUM_LEVELS]).encode()),
        )

    def shown(self, price: int, volume: int, surplus: int) -> dict[str, Any]:
        """The outcome of an uncrossing as text."""
        return {
            "price": multiple(price, self.tick),
            "volume": multiple(volume, self.lot),
            "surplus": multiple(surplus, self.lot),
        }


def checksum_text(bids: list[ShownLevel], asks: list[ShownLevel]) -> str:
    """What the checksum is taken over: a line a level, bids and then asks, best first, at most ten of each.

    A line is `buy` or `sell`, price, quantity, number of orders and conditional quantity as the snapshot has them, with
    one blank between two and a line feed behind each line, in ASCII. An empty book is the empty text.
    """
    named = (("buy", bids), ("sell", asks))
    return "".join(
        f"{side} {price} {quantity} {orders} {conditional}\n"
        for side, levels in named
        for price, quantity, orders, conditional in levels
    )
