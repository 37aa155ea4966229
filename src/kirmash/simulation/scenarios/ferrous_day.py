"""The trading day of the invented ferrous session: thousands of orders, written with an expectation of the book.

`Day` writes commands and keeps its `PlannedBook`s in step, so that it knows which orders are open, what a crossing
order will buy and what all deals are worth so far. Deals follow a straight line to a little below the known total; the
last deals of the day, in a good kept quiet for them, make the total exact: with T the missing sum of ticks times lots
and Q lots, T mod Q lots are sold one tick above ⌊T / Q⌋ and the others at it.
"""

from __future__ import annotations

import random
from typing import Any

from kirmash.simulation.scenarios.companies import Company
from kirmash.simulation.scenarios.ferrous_market import BAND_PPM, GOODS, QUIET, Market
from kirmash.simulation.scenarios.planned_book import Expected, Outcome, PlannedBook, crosses
from kirmash.simulation.scenarios.script import MILLION, Script

QUIET_SPREAD = 40
RESERVE = 900_000
"""What is left for the last deals of the day, in ticks times lots (0.10 BYN)."""


def other(side: str) -> str:
    return "sell" if side == "buy" else "buy"


class Day:
    """The books as expected, the open orders, and the actions that write commands."""

    def __init__(self, rng: random.Random, script: Script, market: Market, total: int) -> None:
        self.rng = rng
        self.script = script
        self.market = market
        self.total = total
        self.value = 0
        self.deals = 0
        self.limit = 0
        self.books = [PlannedBook() for _ in GOODS]
        self.fixed: dict[int, tuple[int, int]] = {}
        self.alive: list[Expected] = []
        self.gone: list[Expected] = []
        self.barred: set[str] = set()
        self.company = {c.participant: c for c in market.companies}
        self.sides = {side: market.may(side) for side in ("buy", "sell")}
        self.groups: dict[str, list[Company]] = {}
        for company in market.companies:
            if company.group:
                self.groups.setdefault(company.group, []).append(company)
        self.fresh = [c for c in market.companies if c is not market.poor]
        rng.shuffle(self.fresh)
        self.expiries: list[str] = []

    # What the day knows ------------------------------------------------------------------------------------------

    def band(self, good: int) -> tuple[int, int]:
        """Returns the lowest and highest price that a new order may have (PS-10)."""
        anchor = self.books[good].last or GOODS[good].reference
        lower = max(1, -(-anchor * (MILLION - BAND_PPM) // MILLION))
        upper = anchor * (MILLION + BAND_PPM) // MILLION
        if good in self.fixed:
            lower, upper = max(lower, self.fixed[good][0]), min(upper, self.fixed[good][1])
        return lower, upper

    def someone(self, side: str) -> Company:
        """Draws a company that may trade `side` and is not barred."""
        while True:
            company = self.rng.choice(self.sides[side])
            if company.participant not in self.barred:
                return company

    def next_company(self, side: str) -> Company:
        """Draws like `someone`, but a company that has not ordered yet comes first: each of them orders once a day."""
        if self.fresh and side in self.fresh[-1].sides:
            return self.fresh.pop()
        return self.someone(side)

    def expected(self, company: Company, good: int, side: str, ticks: int, lots: int, **more: object) -> Expected:
        trader = company.trader(self.rng.randrange(company.traders))
        group = company.group or company.participant
        made = Expected(0, good, side, ticks, lots, trader, company.participant, group)
        for name, value in more.items():
            setattr(made, name, value)
        return made

    def passive_price(self, good: int, side: str) -> int | None:
        """Draws a price that rests: better than most, never crossing; None if the band leaves no room."""
        lower, upper = self.band(good)
        anchor = self.books[good].last or GOODS[good].reference
        away = min(self.rng.randint(0, 70), self.rng.randint(0, 70))
        if good == QUIET:
            anchor, away = GOODS[good].reference, away + QUIET_SPREAD
        opposite = self.books[good].best(other(side))
        if side == "buy":
            ticks = anchor - away if opposite is None else min(anchor - away, opposite - 1)
        else:
            ticks = anchor + away if opposite is None else max(anchor + away, opposite + 1)
        return ticks if lower <= ticks <= upper else None

    # Writing -----------------------------------------------------------------------------------------------------

    def write(self, order: Expected, time_in_force: str | None = None) -> None:
        """Writes the order as a command and gives it its number and priority."""
        item = GOODS[order.instrument].listing
        minimum = None if order.minimum is None else item.quantity(order.minimum)
        tif = "until" if order.until else time_in_force
        more: dict[str, Any] = {
            "minimum": minimum,
            "indivisible": True if order.indivisible else None,
            "until": order.until,
        }
        terms = (item, order.side, order.ticks, order.open)
        order.order = self.script.place(order.trader, *terms, time_in_force=tif, **more)
        order.priority = self.later()

    def passive(self) -> None:
        """A new order that rests, sometimes with a condition or an end."""
        rng = self.rng
        side, good = rng.choice(("buy", "buy", "sell")), rng.randrange(len(GOODS))
        if self.fresh:
            side = rng.choice(self.fresh[-1].sides)
        ticks = self.passive_price(good, side)
        if ticks is None:
            return
        lots = min(rng.randint(2, 60), rng.randint(2, 60))
        order = self.expected(self.next_company(side), good, side, ticks, lots)
        kind = rng.randrange(100)
        if kind < 4:
            order.minimum = max(1, lots // 2)
        elif kind < 6:
            order.indivisible = True
        elif kind < 14 and self.expiries:
            order.until = rng.choice(self.expiries)
        self.write(order)
        self.books[good].rest(order)
        self.alive.append(order)

    def take(self, company: Company | None = None, good: int | None = None, side: str | None = None) -> bool:
        """A new order that crosses; False if the book, the band or the day's line of value does not allow one."""
        rng = self.rng
        good = rng.choice([g for g in range(len(GOODS)) if g != QUIET]) if good is None else good
        side = side or rng.choice(("buy", "buy", "sell"))
        book = self.books[good]
        best = book.best(other(side))
        if best is None:
            return False
        ticks = best + rng.randint(0, 4) * (1 if side == "buy" else -1)
        lower, upper = self.band(good)
        if not lower <= ticks <= upper:
            return False
        order = self.expected(company or self.someone(side), good, side, ticks, rng.randint(3, 40))
        time_in_force = rng.choice(("session",) * 7 + ("ioc", "ioc", "fok"))
        outcome = book.foresee(order, time_in_force)
        if self.value + outcome.value > self.limit:
            return False
        self.write(order, None if time_in_force == "session" else time_in_force)
        self.carry_out(order, outcome)
        if outcome.end == "rests":
            self.alive.append(order)
        else:
            order.open = 0
            self.gone.append(order)
        return True

    def carry_out(self, order: Expected, outcome: Outcome) -> None:
        """Lets the book do what was foreseen for an order that was just written, and keeps the day's sums."""
        self.value += outcome.value
        self.deals += len(outcome.fills)
        for resting in self.books[order.instrument].carry_out(order, outcome):
            self.alive.remove(resting)
            self.gone.append(resting)

    def meet_own_group(self) -> None:
        """A company of a group crosses a price at which its sister waits: what is left of it is cancelled."""
        side = self.rng.choice(("buy", "sell"))
        for good in self.rng.sample([g for g in range(len(GOODS)) if g != QUIET], len(GOODS) - 1):
            resting = self.books[good].own(other(side))[:3]
            for order in resting:
                sisters = [c for c in self.groups.get(order.group, ()) if side in c.sides]
                sisters = [c for c in sisters if c.participant not in self.barred]
                if sisters and self.take(self.rng.choice(sisters), good, side):
                    return

    def drop(self, order: Expected) -> None:
        """Forgets an open order that is cancelled or expires."""
        if not order.parked:
            self.books[order.instrument].take_out(order)
        order.open = 0
        self.alive.remove(order)
        self.gone.append(order)

    def cancel(self) -> None:
        if self.alive:
            order = self.rng.choice(self.alive)
            self.script.cancel(order.trader, order.order)
            self.drop(order)

    def amend(self) -> None:
        """A change of an open order: fewer lots (keeps its place), more lots, or another price that rests."""
        rng = self.rng
        order = rng.choice(self.alive)
        if order.minimum or order.indivisible or order.parked:
            return
        book, kind = self.books[order.instrument], rng.randrange(4)
        if kind == 0 and order.open > 1:
            order.open = rng.randint(1, order.open - 1)
            self.script.amend(order.trader, order.order, lots=order.filled + order.open)
            return
        opposite = book.best(other(order.side))
        if opposite is not None and crosses(order.side, order.ticks, opposite):
            return
        if kind == 1:
            book.take_out(order)
            order.open += rng.randint(1, 20)
            self.script.amend(order.trader, order.order, lots=order.filled + order.open)
        else:
            ticks = self.passive_price(order.instrument, order.side)
            if ticks is None or ticks == order.ticks:
                return
            book.take_out(order)
            order.ticks = ticks
            self.script.amend(order.trader, order.order, ticks)
        self.replace(order)

    def amend_to_cross(self) -> None:
        """A resting order changes its price so far that it meets the other side, and walks like a new one."""
        order = self.rng.choice(self.alive)
        if order.minimum or order.indivisible or order.parked or order.instrument == QUIET:
            return
        book = self.books[order.instrument]
        best = book.best(other(order.side))
        lower, upper = self.band(order.instrument)
        if best is None or best == order.ticks or not lower <= best <= upper:
            return
        before, order.ticks = order.ticks, best
        outcome = book.foresee(order)
        if self.value + outcome.value > self.limit:
            order.ticks = before
            return
        book.take_out(order)
        self.script.amend(order.trader, order.order, best)
        order.priority = self.later()
        self.carry_out(order, outcome)
        if outcome.end != "rests":
            order.open = 0
            self.alive.remove(order)
            self.gone.append(order)

    def later(self) -> int:
        """Returns a priority behind all that were given before."""
        return len(self.script.commands)

    def replace(self, order: Expected) -> None:
        order.priority = self.later()
        self.books[order.instrument].rest(order)

    # Time --------------------------------------------------------------------------------------------------------

    def wait(self, seconds: int) -> None:
        """Moves the clock on; orders whose end lies on the way expire at it."""
        target = self.script.after(seconds)
        while self.expiries and self.expiries[0] <= target:
            end = self.expiries.pop(0)
            self.script.go_to(end)
            self.script.add("operator", "expire_orders", session=self.script.session, until=end)
            for order in [o for o in self.alive if o.until is not None and o.until <= end]:
                self.drop(order)
        self.script.go_to(target)
