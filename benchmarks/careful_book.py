"""A careful order book in plain Python without any check: the peer that the reference market is measured against.

Levels in a dict, prices in sorted lists, orders first in, first out. It also serves as the model from which the
workload takes its victims and prices.
"""

from bisect import bisect_left, insort
from collections import OrderedDict


class CarefulBook:
    """Price-time priority for one instrument; quantities and prices are plain integers."""

    def __init__(self) -> None:
        self._levels: tuple[dict[int, OrderedDict[int, int]], dict[int, OrderedDict[int, int]]] = ({}, {})
        self._prices: tuple[list[int], list[int]] = ([], [])  # buys negated, so that the best is first on both sides
        self.live: dict[int, tuple[int, int]] = {}  # order → (side, key)
        self.trades = 0
        self.quantity = 0
        self.last_price = 0

    def place(self, order: int, side: int, price: int, quantity: int, rests: bool) -> None:
        """Side 0 buys, 1 sells; what is left rests or is forgotten."""
        key = -price if side == 0 else price
        other_prices, other_levels = self._prices[1 - side], self._levels[1 - side]
        while quantity and other_prices and other_prices[0] <= -key:
            best = other_prices[0]
            level = other_levels[best]
            while quantity and level:
                resting, open_quantity = next(iter(level.items()))
                traded = min(quantity, open_quantity)
                quantity -= traded
                self.trades += 1
                self.quantity += traded
                self.last_price = abs(best)
                if traded == open_quantity:
                    del level[resting], self.live[resting]
                else:
                    level[resting] = open_quantity - traded
            if not level:
                del other_levels[best], other_prices[0]
        if quantity and rests:
            levels = self._levels[side]
            if key not in levels:
                levels[key] = OrderedDict()
                insort(self._prices[side], key)
            levels[key][order] = quantity
            self.live[order] = (side, key)

    def cancel(self, order: int) -> int:
        """Take an order out; gives its open quantity."""
        side, key = self.live.pop(order)
        level = self._levels[side][key]
        quantity = level.pop(order)
        if not level:
            del self._levels[side][key]
            prices = self._prices[side]
            del prices[bisect_left(prices, key)]
        return quantity

    def move(self, order: int, price: int) -> None:
        """Give an order a new price; it loses its priority and may trade."""
        side = self.live[order][0]
        self.place(order, side, price, self.cancel(order), rests=True)

    def price_of(self, order: int) -> int:
        """The limit of a live order."""
        return abs(self.live[order][1])
