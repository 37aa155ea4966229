"""How a planned order comes to its final terms: placed early, then improved step by step while the session allows it.

A `Life` is one order with its owner and the terms it goes through. The last terms are those of its plan, so whatever
happens on the way, the book that is uncrossed is the planned one. Rights are those of PS-1.2 for CALL: in INTAKE
everything, in TRADING a buyer raises his price or his quantity and a seller lowers his price, in SELLER_CORRECTION a
seller lowers his price.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kirmash.simulation.scenarios.call_book import Plan
from kirmash.simulation.scenarios.script import Listing, Script, parse_time

Terms = tuple[int, int]
"""Limit in ticks and total quantity in lots."""


@dataclass(slots=True)
class Life:
    """One order: who gives it, and its terms when placed and after each amend of a phase."""

    plan: Plan
    listing: Listing
    trader: str
    client: str | None
    start: Terms
    intake: list[Terms] = field(default_factory=list)
    trading: list[Terms] = field(default_factory=list)
    correction: list[Terms] = field(default_factory=list)
    order: int = 0

    def place(self, script: Script) -> None:
        plan = self.plan
        minimum = None if plan.minimum is None else self.listing.quantity(plan.minimum)
        more: dict[str, Any] = {
            "client": self.client,
            "minimum": minimum,
            "indivisible": True if plan.indivisible else None,
        }
        self.order = script.place(self.trader, self.listing, plan.side, *self.start, **more)

    def amend(self, script: Script, before: Terms, after: Terms) -> None:
        ticks = after[0] if after[0] != before[0] else None
        lots = after[1] if after[1] != before[1] else None
        script.amend(self.trader, self.order, ticks, lots)


def buyer_life(
    rng: random.Random, plan: Plan, listing: Listing, trader: str, client: str | None, raises: int, step: int
) -> Life:
    """Makes the life of a buy: up to `raises` raises of up to `step` ticks in TRADING, perhaps one amend in INTAKE."""
    prices = [plan.ticks]
    for _ in range(rng.randint(0, raises)):
        prices.append(prices[-1] - rng.randint(1, step))
    prices.reverse()
    lots = [plan.lots] * len(prices)
    conditional = plan.indivisible or plan.minimum is not None
    if not conditional and len(prices) > 1 and rng.randrange(4) == 0:
        # He asks for more later: a smaller total until one of the raises.
        change = rng.randint(1, len(prices) - 1)
        lots[:change] = [max(1, plan.lots * rng.randint(50, 90) // 100)] * change
    terms = list(zip(prices, lots, strict=True))
    life = Life(plan, listing, trader, client, terms[0], trading=terms[1:])
    if rng.randrange(5) == 0:
        # A first thought, worse or better, put right while orders may still be worsened.
        away = rng.choice((-1, 1)) * rng.randint(1, step)
        life.intake = [life.start]
        life.start = (life.start[0] + away, life.start[1])
    return life


def seller_life(rng: random.Random, plan: Plan, listing: Listing, trader: str, cuts: int, step: int) -> Life:
    """Makes the life of a sell: up to `cuts` lower prices in TRADING and perhaps one in SELLER_CORRECTION."""
    correct = rng.randrange(3) == 0
    prices = [plan.ticks]
    for _ in range(rng.randint(0, cuts) + correct):
        prices.append(prices[-1] + rng.randint(1, step))
    prices.reverse()
    terms = [(price, plan.lots) for price in prices]
    last = len(terms) - 1 if correct else len(terms)
    return Life(plan, listing, trader, None, terms[0], trading=terms[1:last], correction=terms[last:])


class Agenda:
    """What happens in one phase: actions at seconds after its start, run in order of time, then of entry."""

    def __init__(self, script: Script, seconds: int) -> None:
        self._script = script
        self._seconds = seconds
        self._entries: list[tuple[int, Callable[[], None]]] = []

    def put(self, second: int, action: Callable[[], None]) -> None:
        if not 0 <= second <= self._seconds:
            raise ValueError(f"second {second} is outside the phase")
        self._entries.append((second, action))

    def run(self) -> None:
        start = parse_time(self._script.now)
        for second, action in sorted(self._entries, key=lambda entry: entry[0]):
            behind = second - (parse_time(self._script.now) - start) // timedelta(seconds=1)
            self._script.wait(behind)
            action()

    def steps(
        self, rng: random.Random, life: Life, before: Terms, steps: Sequence[Terms], first: int, last: int
    ) -> None:
        """Enters the amends of one order at random seconds from `first` to `last`, in their order."""
        seconds = sorted(rng.randint(first, last) for _ in steps)
        for second, after in zip(seconds, steps, strict=True):
            self.put(second, _amend(self._script, life, before, after))
            before = after


def _amend(script: Script, life: Life, before: Terms, after: Terms) -> Callable[[], None]:
    return lambda: life.amend(script, before, after)


def enter_lives(
    rng: random.Random, agenda: Agenda, script: Script, lives: Sequence[Life], until: int, end: int
) -> None:
    """Enters all placements before second `until` of INTAKE and the amends of INTAKE between `until` and `end`."""
    order = list(lives)
    rng.shuffle(order)
    for life in order:
        agenda.put(rng.randint(600, until), _place(script, life))
        agenda.steps(rng, life, life.start, life.intake, until + 1, end)


def _place(script: Script, life: Life) -> Callable[[], None]:
    return lambda: life.place(script)


def last_terms(life: Life, phase: str) -> Terms:
    """Returns the terms of an order when `phase` (TRADING or SELLER_CORRECTION) begins."""
    earlier = [life.start, *life.intake]
    if phase == "SELLER_CORRECTION":
        earlier += life.trading
    return earlier[-1]
