"""A simulated participant: what he would do next in the session that he sits in, and nothing of how it is done.

Pure and in integers (ticks, lots, minor units, milliseconds): the time, the chance and what he sees are given, and he
answers with at most one command. He has a view of what a good is worth, stock to sell and needs to cover, and patience:
he asks for a little more than the worth, comes down with time, and in the end takes what there is or goes.

Invariants, whatever is told him: his own orders never cross; what he offers is never above his stock, what he bids for
never above his needs; no order asks for more deposit than his account had free when he last heard of it; at most
`ORDERS_MAX` of his orders are open; while a command of his is under way he gives no other.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kirmash.messages.commands import AmendOrder, CancelOrder, PlaceOrder
from kirmash.messages.kinds import Mechanism, Phase, Side
from kirmash.simulation.exhibits import RATE_PPM, Exhibit

PPM: Final = 1_000_000
ORDERS_MAX: Final = 4
STOCK_ORDERS: Final = 6
"""Stock and needs are full at so many orders of the greatest usual size."""
ASK_PPM: Final = 14_000
"""How far from the worth of a good an order begins at most."""
YIELD_PPM: Final = 9_000
"""How far beyond the worth he goes in the end at most."""
REFILL_MS: Final = 40_000
"""How often half a smallest usual order of stock or need comes back."""
WANDER_PPM: Final = 40_000
"""How far the worth of a good gets from its usual price at most."""

Wish = PlaceOrder | AmendOrder | CancelOrder


class Room(NamedTuple):
    """The session that a participant sits in: its phase, and what each of its goods is worth to people now."""

    session: str
    mechanism: Mechanism
    phase: Phase
    worth: Mapping[str, int]


@dataclass(slots=True)
class Own:
    """An open order of his. `last`: the price beyond which he will not go; `restless`: when he looks at it again."""

    instrument: str
    side: Side
    price: int
    open: int
    last: int
    restless: int


@dataclass(slots=True)
class Holding:
    """What he has to sell and wants to buy of one good, in lots, open orders included; neither grows above `most`."""

    most: int
    stock: int
    need: int


@dataclass(slots=True)
class Player:
    """One participant. Tell him everything that happens to his orders and his account, then ask him to `act`."""

    trader: str
    participant: str
    client: str | None
    sides: tuple[Side, ...]
    exhibits: Mapping[str, Exhibit]
    holdings: dict[str, Holding]
    free: int = 0
    """What of his deposit he may still use, in minor units, as last told."""
    orders: dict[int, Own] = field(default_factory=dict)
    waiting: str | None = None
    """The client id of his command that is under way."""
    turn: int = 0
    """When he acts next, in milliseconds."""
    _last: int = 0
    _refilled: int = 0

    # What he does --------------------------------------------------------------------------------------------------

    def act(self, room: Room, now: int, rng: random.Random) -> Wish | None:
        """His next command, if he wants anything now. The caller notes it in `waiting` when he gives it."""
        self._refill(now)
        if self.waiting is not None:
            return None
        if room.phase is Phase.TRADING and room.mechanism is Mechanism.CALL:
            return self._improve(now, rng)
        if room.phase not in (Phase.INTAKE, Phase.TRADING):
            return None
        restless = [number for number, own in self.orders.items() if own.restless <= now]
        if restless:
            return self._reconsider(rng.choice(restless), now, rng)
        return self._enter(room, rng) if len(self.orders) < ORDERS_MAX else None

    def _enter(self, room: Room, rng: random.Random) -> PlaceOrder | None:
        """A new order: a side and a good of which there is something to do, a little on his side of the worth."""
        side = rng.choice(self.sides)
        choices = sorted(name for name in self.exhibits if self._room_for(name, side) >= self.exhibits[name].lots[0])
        if not choices:
            return None
        it = self.exhibits[rng.choice(choices)]
        worth = room.worth[it.instrument]
        first = self._away(worth, -rng.randint(0, ASK_PPM), side)
        self._last = self._away(worth, rng.randint(-ASK_PPM // 4, YIELD_PPM), side)
        price = self._not_crossing(it.instrument, side, first)
        lots = min(rng.randint(*it.lots), self._room_for(it.instrument, side))
        if price < 1 or self._needed(price * lots * it.tick_lot_value) > self.free:
            return None
        return PlaceOrder(
            session=room.session,
            instrument=it.instrument,
            side=side,
            price=it.listing.price(price),
            quantity=it.listing.quantity(lots),
            client=self.client,
        )

    def _reconsider(self, number: int, now: int, rng: random.Random) -> AmendOrder | CancelOrder:
        """An order that he lost patience with: nearer to the others, or away with it."""
        own = self.orders[number]
        own.restless = now + patience(rng)
        amended = self._nearer(number, own, rng)
        # The worth has moved away from him, or he has come to his end.
        return amended if amended is not None and rng.randrange(10) else CancelOrder(order=number)

    def _improve(self, now: int, rng: random.Random) -> AmendOrder | None:
        """In a CALL's TRADING prices can only become better, and nothing can be taken back."""
        restless = [number for number, own in self.orders.items() if own.restless <= now]
        if not restless:
            return None
        number = rng.choice(restless)
        own = self.orders[number]
        own.restless = now + patience(rng)
        return self._nearer(number, own, rng)

    def _nearer(self, number: int, own: Own, rng: random.Random) -> AmendOrder | None:
        """The order at a price nearer to the other side; None where that is not possible."""
        it = self.exhibits[own.instrument]
        step = max(1, own.price * rng.randint(1_000, 5_000) // PPM)
        price = self._not_crossing(own.instrument, own.side, own.price + (step if own.side is Side.BUY else -step))
        better = own.price < price <= own.last if own.side is Side.BUY else own.price > price >= own.last
        # A sell may be valued at its lower price; whatever deals it made count at most at what they were.
        more = self._needed(max(0, price - own.price) * own.open * it.tick_lot_value) + 1
        if not better or price < 1 or more > self.free:
            return None
        return AmendOrder(order=number, price=it.listing.price(price))

    # What he hears -------------------------------------------------------------------------------------------------

    def accepted(self, number: int, instrument: str, side: Side, price: int, lots: int, restless: int) -> None:
        """A new order of his stands."""
        self.orders[number] = Own(instrument, side, price, lots, self._last, restless)

    def amended(self, number: int, price: int, open_lots: int) -> None:
        """An order has these terms now."""
        own = self.orders[number]
        own.price, own.open = price, open_lots

    def filled(self, number: int, lots: int, open_lots: int) -> None:
        """A deal. What is sold leaves the stock, what is bought the needs; who does both has it the other way."""
        own = self.orders[number]
        holding = self.holdings[own.instrument]
        moved = lots if own.side is Side.SELL else -lots
        if len(self.sides) > 1:
            holding.stock, holding.need = holding.stock - moved, holding.need + moved
        elif own.side is Side.SELL:
            holding.stock -= lots
        else:
            holding.need -= lots
        own.open = open_lots
        if not open_lots:
            del self.orders[number]

    def ended(self, number: int) -> None:
        """An order is no longer open."""
        del self.orders[number]

    # What he reckons -----------------------------------------------------------------------------------------------

    def _room_for(self, instrument: str, side: Side) -> int:
        """How many lots more he may offer or bid for."""
        holding = self.holdings[instrument]
        return (holding.stock if side is Side.SELL else holding.need) - sum(
            own.open for own in self._of(instrument, side)
        )

    def _not_crossing(self, instrument: str, side: Side, price: int) -> int:
        """The price, or the nearest to it at which the order does not meet his own of the other side (PS-2.8)."""
        if side is Side.BUY:
            return min([price, *(own.price - 1 for own in self._of(instrument, Side.SELL))])
        return max([price, *(own.price + 1 for own in self._of(instrument, Side.BUY))])

    def _of(self, instrument: str, side: Side) -> Iterator[Own]:
        return (own for own in self.orders.values() if own.instrument == instrument and own.side is side)

    @staticmethod
    def _away(worth: int, ppm: int, side: Side) -> int:
        """A price so far beyond the worth, as the other side would like it; with a negative `ppm` on his own side."""
        distance = worth * ppm // PPM
        return worth + (distance if side is Side.BUY else -distance)

    @staticmethod
    def _needed(value: int) -> int:
        """What an order of this value secures (PS-5.2); the demo's sessions have one rate and no floor."""
        return -(-value * RATE_PPM // PPM)

    def _refill(self, now: int) -> None:
        """Stock is made and needs arise again, up to their most. Who buys to sell has what he has."""
        periods = (now - self._refilled) // REFILL_MS
        if periods <= 0:
            return
        # The first time there is nothing to make up for.
        periods = periods if self._refilled else 0
        self._refilled = now if not periods else self._refilled + periods * REFILL_MS
        if len(self.sides) == 1:
            for name, holding in self.holdings.items():
                more = periods * max(1, self.exhibits[name].lots[0] // 2)
                holding.stock = min(holding.most, holding.stock + more) if self.sides[0] is Side.SELL else 0
                holding.need = min(holding.most, holding.need + more) if self.sides[0] is Side.BUY else 0


def new_player(
    trader: str,
    participant: str,
    client: str | None,
    sides: tuple[Side, ...],
    exhibits: Mapping[str, Exhibit],
) -> Player:
    """A participant at the begin of his day: full stock for who sells, full needs for who buys, half each for both."""
    holdings: dict[str, Holding] = {}
    for name, it in exhibits.items():
        most = STOCK_ORDERS * it.lots[1]
        stock = 0 if Side.SELL not in sides else most if len(sides) == 1 else most // 2
        holdings[name] = Holding(most, stock, 0 if Side.BUY not in sides else most - stock)
    return Player(trader, participant, client, sides, exhibits, holdings)


def patience(rng: random.Random) -> int:
    """How long an order is left alone, in milliseconds."""
    return rng.randint(25_000, 150_000)


@dataclass(slots=True)
class Worth:
    """What people take a good to be worth: it wanders slowly around its usual price, and deals draw it a little.

    Held in thousandths of a tick, and within `WANDER_PPM` of the usual price.
    """

    usual: int
    level: int = 0

    def __post_init__(self) -> None:
        self.level = self.level or self.usual * 1_000

    @property
    def ticks(self) -> int:
        """Rounded half up to the grid."""
        return (self.level + 500) // 1_000

    def wander(self, rng: random.Random) -> None:
        """One step of chance, about once in ten seconds."""
        centre = self.usual * 1_000
        reach = max(1, centre * 300 // PPM)
        self._put(self.level + rng.randint(-reach, reach) + (centre - self.level) // 400)

    def drawn(self, price: int) -> None:
        """A deal was made at this price."""
        self._put(self.level + (price * 1_000 - self.level) // 50)

    def _put(self, level: int) -> None:
        centre = self.usual * 1_000
        reach = centre * WANDER_PPM // PPM
        self.level = max(centre - reach, min(centre + reach, level))
