"""A scenario as it is written down: commands in order, with times, client ids and order numbers.

`Script` knows nothing of markets. It keeps the clock, counts accepted orders (PS-0.6: the n-th accepted order is order
n), writes prices, quantities and money as decimal text, and sums up how much deposit each account can need at most
(PS-5), so that a generator can credit enough. Everything is integers: ticks, lots and minor units; no float and no
clock of the host may enter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Command = dict[str, Any]
"""One line of a scenario file: field names of PS-0 to JSON values."""

MILLION = 1_000_000


def decimal_text(units: int, digits: int) -> str:
    """Writes `units` with `digits` decimals: (138050, 2) is "1380.50"."""
    if digits == 0:
        return str(units)
    whole, rest = divmod(units, 10**digits)
    return f"{whole}.{rest:0{digits}d}"


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as a generator sees it: tick and lot as integers with their decimals.

    `tick_units` and `lot_units` are the tick and the lot in units of their last decimal, so a tick of 0.50 is (50, 2).
    """

    instrument: str
    currency: str
    tick_units: int
    tick_digits: int
    lot_units: int
    lot_digits: int

    @property
    def tick_lot_value(self) -> int:
        """Tick times lot in minor units of a currency with two digits (PS-0.7); fails if it is not whole."""
        scale: int = 10 ** (self.tick_digits + self.lot_digits)
        value, rest = divmod(self.tick_units * self.lot_units * 100, scale)
        if rest or not 1 <= value <= MILLION:
            raise ValueError(f"{self.instrument}: tick times lot is no whole number of minor units")
        return value

    def price(self, ticks: int) -> str:
        return decimal_text(ticks * self.tick_units, self.tick_digits)

    def quantity(self, lots: int) -> str:
        return decimal_text(lots * self.lot_units, self.lot_digits)


@dataclass(frozen=True, slots=True)
class DepositRate:
    """A row of a session's deposit rule: rate in parts per million and floor in minor units (PS-5.2)."""

    rate_ppm: int
    floor: int

    def required(self, value: int) -> int:
        if value == 0:
            return 0
        return max(self.floor, -(-value * self.rate_ppm // MILLION))


@dataclass(slots=True)
class _Placed:
    listing: Listing
    account: tuple[str, str | None]
    rate: DepositRate
    ticks: int
    lots: int
    need: int


@dataclass(slots=True)
class Script:
    """The commands of one scenario after its setup, in exact order.

    `accounts` names the participant of each trader and `rates` the deposit rule of each side, both for `needs`.
    """

    start: str
    session: str
    participant_of: Mapping[str, str]
    rates: Mapping[tuple[str, str], DepositRate]
    commands: list[Command] = field(default_factory=list)
    orders: int = 0
    _placed: dict[int, _Placed] = field(default_factory=dict)
    _now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._now = parse_time(self.start)

    @property
    def now(self) -> str:
        return time_text(self._now)

    def go_to(self, time: str) -> None:
        """Moves the clock on to `time`; going back is a mistake of the generator."""
        target = parse_time(time)
        if target < self._now:
            raise ValueError(f"time goes back from {self.now} to {time}")
        self._now = target

    def wait(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)

    def after(self, seconds: int) -> str:
        """Returns the time `seconds` from now."""
        return time_text(self._now + timedelta(seconds=seconds))

    def add(self, by: str, command: str, **fields: Any) -> None:
        """Appends a command; fields that are None are left to their defaults."""
        given = {name: value for name, value in fields.items() if value is not None}
        self.commands.append({"at": self.now, "by": by, "id": "", "command": command, **given})

    def phase(self, before: str, after: str) -> None:
        self.add("operator", "change_phase", session=self.session, **{"from": before, "to": after})

    def place(self, by: str, listing: Listing, side: str, ticks: int, lots: int, **more: Any) -> int:
        """Places an order that the market will accept; returns its number."""
        self.offer(by, listing, side, listing.price(ticks), listing.quantity(lots), **more)
        self.orders += 1
        participant, client = self.participant_of[by], more.get("client")
        rate = self.rates[participant, side]
        need = rate.required(ticks * lots * listing.tick_lot_value)
        self._placed[self.orders] = _Placed(listing, (participant, client), rate, ticks, lots, need)
        return self.orders

    def offer(self, by: str, listing: Listing, side: str, price: str, quantity: str, **more: Any) -> None:
        """Places an order with price and quantity as text, without counting it: for orders that are refused."""
        terms = {"instrument": listing.instrument, "side": side, "price": price, "quantity": quantity}
        self.add(by, "place_order", session=self.session, **terms, **more)

    def amend(self, by: str, order: int, ticks: int | None = None, lots: int | None = None) -> None:
        """Amends an order in a way that the market will accept; `lots` is the new total."""
        placed = self._placed[order]
        placed.ticks = placed.ticks if ticks is None else ticks
        placed.lots = placed.lots if lots is None else lots
        value = placed.ticks * placed.lots * placed.listing.tick_lot_value
        placed.need = max(placed.need, placed.rate.required(value))
        price = None if ticks is None else placed.listing.price(ticks)
        quantity = None if lots is None else placed.listing.quantity(lots)
        self.add(by, "amend_order", order=order, price=price, quantity=quantity)

    def cancel(self, by: str, order: int) -> None:
        self.add(by, "cancel_order", order=order)

    def needs(self) -> dict[tuple[str, str | None], int]:
        """Returns, for each account, the sum over its orders of the most that each ever needs, in minor units.

        Nothing that an account gets back is counted, so a deposit of this size can never be short.
        """
        total: dict[tuple[str, str | None], int] = {}
        for placed in self._placed.values():
            total[placed.account] = total.get(placed.account, 0) + placed.need
        return total


def parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def time_text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def with_ids(commands: Iterable[Command]) -> list[Command]:
    """Gives every command its client id: the ordinal of the command among those of its actor."""
    count: dict[str, int] = {}
    finished = []
    for command in commands:
        actor = command["by"]
        count[actor] = count.get(actor, 0) + 1
        finished.append({**command, "id": str(count[actor])})
    return finished
