"""Books of a uniform-price auction (CALL) whose result is known before any market has seen them.

The proof is the arithmetic of PS-4. Let the sells at or below p hold V lots together, the buys at or above p hold V + r
with r ≥ 1, and the buys at exactly p hold more than r. Then at p the volume is V and the surplus r. Above p demand is
below V, below p supply is at most V and demand at least V + r, so no price gives more than V, none gives V with a
smaller surplus, and of those that tie (surplus > 0) the highest, p, is taken. All sells at or below p are filled, all
buys above p are filled, and the last buy at p is cut by r lots; if no buy at p is conditional, the cut stands.

The paradox: one indivisible buy I at L > p, with a < V lots of buys above L, no buy at L but I, a + I > V, and no sell
between p and L. While I is in the book, the price is L and I would be cut: it is set aside. Without I the book is the
one above. Putting I back gives volume V again, not more, so I stays out although it bid more than p (PS-4.3 to 4.5).

Nothing here matches orders, so a mistake here cannot hide a mistake of the market.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """An order as it stands when the book is uncrossed."""

    side: str
    ticks: int
    lots: int
    fate: str
    """`filled`, `marginal` (at the price, may be cut), `priced_out` or `set_aside`."""
    indivisible: bool = False
    minimum: int | None = None


def split(rng: random.Random, total: int, parts: int, least: int) -> list[int]:
    """Divides `total` into `parts` positive parts of at least `least` each."""
    spare = total - parts * least
    if spare < 0:
        raise ValueError(f"{total} can not be divided into {parts} parts of at least {least}")
    cuts = sorted(rng.randint(0, spare) for _ in range(parts - 1))
    return [b - a + least for a, b in zip([0, *cuts], [*cuts, spare], strict=True)]


def crossing_buys(
    rng: random.Random, price: int, volume: int, parts: int, least: int, reach: int, minimum: bool = False
) -> list[Plan]:
    """Returns buys of `volume` + r lots at or above `price`; the last is the marginal one, at `price`.

    `reach` is how many ticks above the price the best buy may stand. With `minimum`, one buy above the price carries a
    minimum quantity.
    """
    shares = split(rng, volume, parts, least)
    cut = rng.randint(1, max(1, least // 2))
    plans = [Plan("buy", price + rng.randint(1, reach), lots, "filled") for lots in shares[:-1]]
    if minimum and plans:
        first = plans[0]
        plans[0] = Plan("buy", first.ticks, first.lots, "filled", minimum=max(1, first.lots // 3))
    # The marginal buy asks for r lots more than are left for it: least > r keeps it larger than what is cut.
    plans.append(Plan("buy", price, shares[-1] + cut, "marginal"))
    return plans


def paradox_buys(
    rng: random.Random, price: int, volume: int, parts: int, least: int, reach: int
) -> tuple[list[Plan], int]:
    """Returns buys like `crossing_buys`, with one indivisible buy that is rejected paradoxically, and its limit.

    The caller keeps sells that are to stay unsold above that limit.
    """
    limit = price + rng.randint(3, reach)
    above = volume * rng.randint(45, 65) // 100
    upper = max(1, parts // 2)
    high = [Plan("buy", limit + rng.randint(1, reach), n, "filled") for n in split(rng, above, upper, least)]
    low = crossing_buys(rng, price, volume - above, parts - upper, least, limit - price - 1)
    refused = volume - above + rng.randint(1, least)
    return [*high, *low, Plan("buy", limit, refused, "set_aside", indivisible=True)], limit


def low_buys(rng: random.Random, price: int, count: int, lots: tuple[int, int], reach: int) -> list[Plan]:
    """Returns buys below `price`: unfilled because of their price."""
    return [Plan("buy", price - rng.randint(1, reach), rng.randint(*lots), "priced_out") for _ in range(count)]


def sold(rng: random.Random, price: int, lots: int, reach: int) -> Plan:
    """Returns a sell at or below `price`, which is filled as a whole."""
    return Plan("sell", price - rng.randint(0, reach), lots, "filled")


def unsold(rng: random.Random, floor: int, lots: int, reach: int) -> Plan:
    """Returns a sell above `floor`, which stays unsold because of its price."""
    return Plan("sell", floor + rng.randint(1, reach), lots, "priced_out")
