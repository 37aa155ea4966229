"""What a generator expects a continuous market (CDCA) to do with the orders that it writes.

A generator of a busy day must know the book to write sensible orders, and the sum of deals to end at a known total.
This is that knowledge: price and time, skipped conditional orders, self-trade, kill (PS-2), parking (PS-10.4). It is no
market: it has no deposits, rights or rejects, never sees orders that are refused, and nothing but generators may use
it. The tests run its scenarios through the markets, where a wrong expectation shows as a wrong total.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Expected:
    """An open order as expected. `group` is what self-trade goes by: an affiliation group or the participant."""

    order: int
    instrument: int
    side: str
    ticks: int
    open: int
    trader: str
    participant: str
    group: str
    minimum: int | None = None
    indivisible: bool = False
    until: str | None = None
    filled: int = 0
    priority: int = 0
    parked: bool = False

    @property
    def need(self) -> int:
        """The least quantity with which this resting order can be filled (PS-2.3)."""
        if self.indivisible:
            return self.open
        return min(self.minimum or 1, self.open)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an incoming order does: deals with resting orders, and what becomes of its rest."""

    fills: tuple[tuple[Expected, int], ...]
    end: str
    """`rests`, `filled`, `killed` or `self_trade`."""

    @property
    def value(self) -> int:
        """Sum of price in ticks times lots."""
        return sum(resting.ticks * lots for resting, lots in self.fills)


def _rank(expected: Expected) -> tuple[int, int]:
    return (-expected.ticks if expected.side == "buy" else expected.ticks, expected.priority)


def crosses(side: str, ticks: int, other: int) -> bool:
    return ticks >= other if side == "buy" else ticks <= other


@dataclass(slots=True)
class PlannedBook:
    """The expected book of one instrument."""

    buys: list[Expected] = field(default_factory=list)
    sells: list[Expected] = field(default_factory=list)
    last: int | None = None

    def own(self, side: str) -> list[Expected]:
        return self.buys if side == "buy" else self.sells

    def against(self, side: str) -> list[Expected]:
        return self.sells if side == "buy" else self.buys

    def best(self, side: str) -> int | None:
        resting = self.own(side)
        return resting[0].ticks if resting else None

    def rest(self, expected: Expected) -> None:
        insort(self.own(expected.side), expected, key=_rank)

    def take_out(self, expected: Expected) -> None:
        self.own(expected.side).remove(expected)

    def _met(self, incoming: Expected) -> Iterator[Expected]:
        for resting in self.against(incoming.side):
            if not crosses(incoming.side, incoming.ticks, resting.ticks):
                return
            yield resting

    def foresee(self, incoming: Expected, time_in_force: str = "session") -> Outcome:
        """Says what `incoming` would do, without doing it. It must not be indivisible itself."""
        rest = incoming.open
        fills: list[tuple[Expected, int]] = []
        end = "rests"
        for resting in self._met(incoming):
            if rest == 0:
                break
            lots = min(rest, resting.open)
            if lots < resting.need or lots < min(incoming.minimum or 1, rest):
                continue
            if resting.group == incoming.group:
                end = "self_trade"
                break
            fills.append((resting, lots))
            rest -= lots
        if rest == 0:
            return Outcome(tuple(fills), "filled")
        if time_in_force == "fok":
            return Outcome((), "self_trade" if end == "self_trade" else "killed")
        if end == "rests" and time_in_force == "ioc":
            end = "killed"
        return Outcome(tuple(fills), end)

    def carry_out(self, incoming: Expected, outcome: Outcome) -> list[Expected]:
        """Makes the deals of `outcome` and rests what is left; returns the resting orders that are now filled."""
        gone = []
        for resting, lots in outcome.fills:
            resting.open -= lots
            resting.filled += lots
            incoming.open -= lots
            incoming.filled += lots
            self.last = resting.ticks
            if resting.open == 0:
                self.take_out(resting)
                gone.append(resting)
        if outcome.end == "rests":
            self.rest(incoming)
        return gone
