"""The book of one line: price levels of both sides, each in the order of priority (PS-2.1).

A level is a dict of orders by id. Orders come to its end, and whoever comes has the latest priority, so that the order
of the dict is the order of priority; the invariants assert it. Open, not parked orders stand here and no others. What
may match what is decided in matching and uncrossing, not here.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kirmash.market.reference.names import BUY, SELL
from kirmash.messages.kinds import Side

if TYPE_CHECKING:
    from kirmash.market.reference.state import Order


@dataclass(slots=True, eq=False)
class BookSide:
    """One side: the orders of each price by id, in the order of priority, and the prices in ascending order."""

    side: Side
    levels: "dict[int, dict[int, Order]]" = field(default_factory=dict)
    prices: list[int] = field(default_factory=list)

    def best_first(self) -> Iterable[int]:
        """The prices from the best on: buy the highest, sell the lowest (PS-2.1)."""
        return reversed(self.prices) if self.side is BUY else self.prices

    def orders(self) -> "Iterator[Order]":
        """The orders by price, then priority."""
        for price in self.best_first():
            yield from self.levels[price].values()


@dataclass(slots=True, eq=False)
class Book:
    """Both sides of a line."""

    buys: BookSide = field(default_factory=lambda: BookSide(BUY))
    sells: BookSide = field(default_factory=lambda: BookSide(SELL))

    def opposite(self, side: Side) -> BookSide:
        """The levels that an order of this side can meet."""
        return self.sells if side is BUY else self.buys

    def __bool__(self) -> bool:
        """Whether any order stands here."""
        return bool(self.buys.prices or self.sells.prices)


def add(order: "Order") -> None:
    """Put an order at the end of its price level."""
    assert not order.in_book
    order.in_book = True
    book = order.line.book
    side = book.buys if order.side is BUY else book.sells
    level = side.levels.get(order.price)
    if level is None:
        side.levels[order.price] = {order.id: order}
        insort(side.prices, order.price)
    else:
        level[order.id] = order


def remove(order: "Order") -> None:
    """Take an order out of the book, and its level if nothing is left there."""
    assert order.in_book
    order.in_book = False
    book = order.line.book
    side = book.buys if order.side is BUY else book.sells
    level = side.levels[order.price]
    del level[order.id]
    if not level:
        del side.levels[order.price]
        del side.prices[bisect_left(side.prices, order.price)]
