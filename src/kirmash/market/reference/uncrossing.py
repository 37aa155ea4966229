"""Uniform-price uncrossing: which price, who gets how much, who meets whom (PS-4; RULEBOOK 1.8.2 steps 1 to 4).

Pure: from interests (what an order offers) to an `Uncrossing`; nothing of the market is changed or even seen. The
auction module gives it the book of a line and carries out what comes of it.

An order is *conditional* here if it needs more than one lot of whatever it is given: all of it where it is indivisible,
else its minimum or its open quantity, whichever is less.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from kirmash.messages.kinds import Side


@dataclass(slots=True, frozen=True, eq=False)
class Interest:
    """An order as the uncrossing sees it. `needs` is the least it may be given if it is given anything and cut."""

    order: int
    side: Side
    price: int
    priority: int
    open: int
    needs: int = 0

    def is_better_than(self, price: int) -> bool:
        """Whether its limit is strictly better than a price."""
        return self.price > price if self.side is Side.BUY else self.price < price


@dataclass(slots=True, frozen=True)
class Equilibrium:
    """A price, the volume that trades at it, and demand minus supply there."""

    price: int
    volume: int
    surplus: int


@dataclass(slots=True, frozen=True)
class Match:
    """One deal of the pairing: buy order, sell order, quantity."""

    buy: int
    sell: int
    quantity: int


@dataclass(slots=True, frozen=True)
class Uncrossing:
    """What comes of an uncrossing: None for no price; what each order is given; the orders set aside and not put back
    whose limit is strictly better than the price, by ascending priority; the deals in the order of pairing."""

    equilibrium: Equilibrium | None
    given: Mapping[int, int]
    rejected: Sequence[int]
    matches: Sequence[Match]


def equilibrium(demand: Mapping[int, int], supply: Mapping[int, int], reference: int | None) -> Equilibrium | None:
    """The price rule over quantities by limit price (RULEBOOK 1.8.2 steps 1–4 as PS-4.1 says).

    Candidates are all limits. D(p) is what buys with limit ≥ p want, S(p) what sells with limit ≤ p offer. The greatest
    min(D, S) decides, then the smallest |D − S|, then `tie_price`. Prices outside of best sell to best buy trade
    nothing, and are left out from the start.
    """
    if not demand or not supply:
        return None
    lowest, highest = min(supply), max(demand)
    candidates = sorted({price for side in (demand, supply) for price in side if lowest <= price <= highest})
    if not candidates:
        return None
    offered = list(accumulate([supply.get(price, 0) for price in candidates]))
    wanted = list(accumulate([demand.get(price, 0) for price in reversed(candidates)]))[::-1]
    volumes = list(map(min, wanted, offered))
    volume = max(volumes)
    most = [(price, d - s) for price, d, s, x in zip(candidates, wanted, offered, volumes, strict=True) if x == volume]
    least = min([abs(surplus) for _, surplus in most])
    price = tie_price([(price, surplus) for price, surplus in most if abs(surplus) == least], reference)
    # The price may lie between two candidates: demand there is that of the next one, supply that of the one before.
    demand_there = wanted[bisect_left(candidates, price)]
    supply_there = offered[bisect_right(candidates, price) - 1]
    return Equilibrium(price, volume, demand_there - supply_there)


def tie_price(remaining: Sequence[tuple[int, int]], reference: int | None) -> int:
    """Step 3 of the price rule: which of the remaining prices (ascending, equally balanced) is taken (PS-4.1).

    One: that. All with demand left: the highest. All with supply left: the lowest. Otherwise an interval: all balanced,
    from the least to the greatest; mixed, from the greatest with demand left to the least with supply left. In it the
    reference is taken as near as it comes; without one the middle, rounded down.
    """
    prices = [price for price, _ in remaining]
    if len(prices) == 1:
        return prices[0]
    if all(surplus > 0 for _, surplus in remaining):
        return prices[-1]
    if all(surplus < 0 for _, surplus in remaining):
        return prices[0]
    if all(surplus == 0 for _, surplus in remaining):
        low, high = prices[0], prices[-1]
    else:
        low = max(price for price, surplus in remaining if surplus > 0)
        high = min(price for price, surplus in remaining if surplus < 0)
    return (low + high) // 2 if reference is None else min(max(reference, low), high)


class _Queue:
    """One side while orders are set aside and put back: its quantities by price, and its levels as runs, best first.

    A run is one conditional order, or all unconditional orders between two conditional ones: a cut within such a run is
    always allowed, so that it need not be known which of its orders is cut. That keeps a round in O(levels) (PS-4.7).
    """

    def __init__(self, side: Side, interests: Iterable[Interest]) -> None:
        self.side = side
        self.quantities: dict[int, int] = {}
        self._prices: list[int] = []
        self._runs: dict[int, list[tuple[int, Interest | None]]] = {}
        self._aside: set[int] = set()
        for interest in interests:
            price = interest.price
            if price not in self.quantities:
                self._prices.append(price)
            self.quantities[price] = self.quantities.get(price, 0) + interest.open
            runs = self._runs.setdefault(price, [])
            if interest.needs > 1:
                runs.append((interest.open, interest))
            elif runs and runs[-1][1] is None:
                runs[-1] = (runs[-1][0] + interest.open, None)
            else:
                runs.append((interest.open, None))

    def set_aside(self, interest: Interest) -> None:
        """Take an order out; a price that no order is left at is no candidate any more (PS-4.3)."""
        self._aside.add(interest.order)
        self.quantities[interest.price] -= interest.open
        if self.quantities[interest.price] == 0:
            del self.quantities[interest.price]

    def put_back(self, interest: Interest) -> None:
        """Take an order in again."""
        self._aside.remove(interest.order)
        self.quantities[interest.price] = self.quantities.get(interest.price, 0) + interest.open

    def forbidden_cut(self, found: Equilibrium) -> Interest | None:
        """The order that would be cut below what it needs (PS-4.3); an order given nothing is not cut."""
        left = found.volume
        for price in self._prices:
            if _is_worse(self.side, price, found.price):
                break
            quantity_there = self.quantities.get(price, 0)
            if quantity_there <= left:
                left -= quantity_there
                continue
            for quantity, interest in self._runs[price]:
                if interest is not None and interest.order in self._aside:
                    continue
                if quantity > left:
                    return interest if interest is not None and 0 < left < interest.needs else None
                left -= quantity
        return None


def _is_worse(side: Side, price: int, than: int) -> bool:
    return price < than if side is Side.BUY else price > than


def uncross(buys: Sequence[Interest], sells: Sequence[Interest], reference: int | None) -> Uncrossing:
    """Uncross a book; both sides by price (best first), then priority.

    Orders that would be cut as they must not be are set aside one after another (PS-4.3); then, in one pass by
    ascending priority, each is put back if that gives a strictly greater volume and no forbidden cut (PS-4.4).
    """
    _assert_sorted(buys)
    _assert_sorted(sells)
    queues = {Side.BUY: _Queue(Side.BUY, buys), Side.SELL: _Queue(Side.SELL, sells)}
    aside: list[Interest] = []
    found, cut = _round(queues, reference)
    while cut is not None:
        queues[cut.side].set_aside(cut)
        aside.append(cut)
        found, cut = _round(queues, reference)
    out: list[Interest] = []
    for interest in sorted(aside, key=lambda interest: interest.priority):
        queues[interest.side].put_back(interest)
        again, cut = _round(queues, reference)
        if again is not None and cut is None and (found is None or again.volume > found.volume):
            found = again
        else:
            queues[interest.side].set_aside(interest)
            out.append(interest)
    if found is None:
        return Uncrossing(None, {}, (), ())
    left_out = {interest.order for interest in out}
    given_buys = allot([buy for buy in buys if buy.order not in left_out], found)
    given_sells = allot([sell for sell in sells if sell.order not in left_out], found)
    rejected = [interest.order for interest in out if interest.is_better_than(found.price)]
    return Uncrossing(found, dict(given_buys + given_sells), rejected, pair(given_buys, given_sells))


def _round(queues: Mapping[Side, _Queue], reference: int | None) -> tuple[Equilibrium | None, Interest | None]:
    """Steps 1 and 2 of PS-4 once: the equilibrium and the cut that 3 forbids.

    The side with less is filled whole, so that there is at most one cut, and none where both are equal.
    """
    found = equilibrium(queues[Side.BUY].quantities, queues[Side.SELL].quantities, reference)
    if found is None:
        return None, None
    return found, queues[Side.BUY if found.surplus > 0 else Side.SELL].forbidden_cut(found)


def allot(interests: Iterable[Interest], found: Equilibrium) -> list[tuple[int, int]]:
    """Each order with a limit at least as good as the price is given min(open, what is left of the volume), by price,
    then priority (PS-4.2). Orders given nothing are left out."""
    left, given = found.volume, []
    for interest in interests:
        if left == 0 or _is_worse(interest.side, interest.price, found.price):
            break
        quantity = min(interest.open, left)
        given.append((interest.order, quantity))
        left -= quantity
    assert left == 0
    return given


def pair(buys: Sequence[tuple[int, int]], sells: Sequence[tuple[int, int]]) -> list[Match]:
    """Two pointers over what both sides are given: a deal of the smaller rest, then on with whichever is done
    (PS-4.6)."""
    matches: list[Match] = []
    offers = iter(sells)
    sell, offered = 0, 0
    for buy, wanted in buys:
        rest = wanted
        while rest:
            if offered == 0:
                sell, offered = next(offers)
            quantity = min(rest, offered)
            matches.append(Match(buy, sell, quantity))
            rest -= quantity
            offered -= quantity
    assert offered == 0
    assert next(offers, None) is None
    return matches


def _assert_sorted(interests: Sequence[Interest]) -> None:
    """Price-time priority of what came in (PS-2.1)."""
    for first, second in pairwise(interests):
        ordered = _is_worse(first.side, second.price, first.price) or (
            first.price == second.price and first.priority < second.priority
        )
        assert ordered
