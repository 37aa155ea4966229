"""Ferrous metals on the domestic market: one busy day of continuous trading, invented.

Known (fact S04): about 800 companies trade these goods, almost daily, and a session comes to 2,000,000 EUR at most. The
day is held in Belarusian rubles, because residents of one country trade with each other in its money; its deals come to
exactly 5,940,000.00 BYN, which is 1,980,000 EUR at the invented round rate of 3.00. All else is invented.

`ferrous_market` has goods and companies, `ferrous_day` the flow of orders, `ferrous_incidents` what interrupts it.
"""

from __future__ import annotations

import random
from functools import partial

from kirmash.simulation.scenarios import call_book, companies, ferrous_incidents, listing
from kirmash.simulation.scenarios.call_book import Plan
from kirmash.simulation.scenarios.companies import Company
from kirmash.simulation.scenarios.ferrous_day import RESERVE, Day
from kirmash.simulation.scenarios.ferrous_market import BAND_PPM, GOODS, QUIET, Market, draw_market
from kirmash.simulation.scenarios.negotiation import Agenda
from kirmash.simulation.scenarios.planned_book import Expected
from kirmash.simulation.scenarios.script import Command, DepositRate, Script, with_ids

HEADER = (
    "Ferrous metals on the domestic market, one busy day (CDCA). Known: about 800 companies, almost daily trades,",
    "at most 2,000,000 EUR a session (fact S04, of 2021).",
    "Invented: all else. The deals come to exactly 5,940,000.00 BYN, 1,980,000 EUR at an invented rate of 3.00.",
)

SESSION = "ferrous-2021-06-16"
DAY = "2021-06-16"
TOTAL = 59_400_000
"""Sum of all deals in ticks times lots, each 0.10 BYN."""
STEPS = 8_200
RATE = DepositRate(5_000, 0)


class Opening:
    """The orders of INTAKE, planned so that the opening uncrossing of each good is known (see `call_book`)."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.placed: list[tuple[Expected, Plan]] = []
        self.prices: dict[int, int] = {}
        self.volumes: dict[int, int] = {}
        market = day.market
        self.desks = {
            side: [c for c in market.companies if c.sides == (side,) and c.group is None and c is not market.poor]
            for side in ("buy", "sell")
        }
        # Companies that order early in the day take turns; the rest of `day.fresh` orders in TRADING.
        self.turns = {side: day.rng.sample(desks, len(desks)) for side, desks in self.desks.items()}

    def plans(self, good: int) -> list[Plan]:
        rng, reference = self.day.rng, GOODS[good].reference
        if good == QUIET:
            low = call_book.low_buys(rng, reference - 40, rng.randint(30, 40), (2, 60), 60)
            return low + [call_book.unsold(rng, reference + 40, rng.randint(5, 60), 50) for _ in range(15)]
        price, volume = reference + rng.randint(-20, 20), rng.randint(120, 240)
        self.prices[good], self.volumes[good] = price, volume
        plans = call_book.crossing_buys(rng, price, volume, rng.randint(8, 12), 4, 25, minimum=True)
        plans += [call_book.sold(rng, price, n, 20) for n in call_book.split(rng, volume, rng.randint(5, 8), 4)]
        plans += call_book.low_buys(rng, price, rng.randint(40, 55), (2, 60), 70)
        plans += [call_book.unsold(rng, price, rng.randint(5, 60), 70) for _ in range(rng.randint(15, 20))]
        return plans

    def intake(self) -> None:
        """Writes INTAKE; afterwards the books stand as they will on entry to TRADING."""
        day, rng = self.day, self.day.rng
        agenda = Agenda(day.script, 5_000)
        entries = [(good, plan) for good in range(len(GOODS)) for plan in self.plans(good)]
        rng.shuffle(entries)
        for good, plan in entries:
            order = day.expected(self._owner(plan.side), good, plan.side, plan.ticks, plan.lots, minimum=plan.minimum)
            self.placed.append((order, plan))
            agenda.put(rng.randint(0, 4_000), partial(day.write, order))
        early = {order.participant for order, _ in self.placed}
        day.fresh = [company for company in day.fresh if company.participant not in early]
        self._changes(agenda)
        self._refused(agenda)
        agenda.run()

    def _owner(self, side: str) -> Company:
        """Companies without sisters and on one side only: in INTAKE nobody may cross his own order (PS-2.8)."""
        turns = self.turns[side]
        return turns.pop() if turns else self.day.rng.choice(self.desks[side])

    def _changes(self, agenda: Agenda) -> None:
        """Some orders that will not be filled are taken back or moved further away."""
        rng = self.day.rng
        for order, plan in self.placed:
            if plan.fate != "priced_out" or rng.randrange(8):
                continue
            if rng.randrange(2):
                agenda.put(rng.randint(4_001, 5_000), partial(self._take_back, order))
            else:
                order_away = order.ticks + (-5 if order.side == "buy" else 5)
                agenda.put(rng.randint(4_001, 5_000), partial(self._move, order, order_away))

    def _take_back(self, order: Expected) -> None:
        self.day.script.cancel(order.trader, order.order)
        order.open = 0

    def _move(self, order: Expected, ticks: int) -> None:
        order.ticks = ticks
        self.day.script.amend(order.trader, order.order, ticks)
        order.priority = self.day.later()

    def _refused(self, agenda: Agenda) -> None:
        """Before trading no order can be immediate, and a company may not cross its own order."""
        day, rng, script = self.day, self.day.rng, self.day.script
        item, reference = GOODS[4].listing, GOODS[4].reference
        hasty = rng.choice(self.desks["buy"]).trader()
        price = item.price(reference)
        agenda.put(1_000, lambda: script.offer(hasty, item, "buy", price, "2.0", time_in_force="ioc"))
        agenda.put(1_500, lambda: script.offer(hasty, item, "buy", price, "2.0", time_in_force="fok"))
        both = rng.choice([c for c in day.market.companies if len(c.sides) == 2])
        if both in day.fresh:
            day.fresh.remove(both)
        resting = day.expected(both, 4, "sell", reference + 95, 20)
        self.placed.append((resting, Plan("sell", resting.ticks, 20, "priced_out")))
        agenda.put(2_000, lambda: day.write(resting))
        higher = item.price(reference + 100)
        agenda.put(2_100, lambda: script.offer(both.trader(), item, "buy", higher, "1.0"))

    def uncross(self) -> None:
        """Applies the planned results to the books: called when the change to TRADING has been written."""
        day = self.day
        for order, plan in self.placed:
            if plan.fate in ("filled", "marginal"):
                cut = 0 if plan.fate == "filled" else self._cut(order.instrument)
                order.filled, order.open = plan.lots - cut, cut
            if order.open:
                day.books[order.instrument].rest(order)
                day.alive.append(order)
            else:
                day.gone.append(order)
        for good, price in self.prices.items():
            day.books[good].last = price
            day.value += price * self.volumes[good]
            fills = [order.side for order, plan in self.placed if order.instrument == good and order.filled]
            # Pairing makes at least as many deals as the longer side has orders.
            day.deals += max(fills.count("buy"), fills.count("sell"))

    def _cut(self, good: int) -> int:
        buys = [p.lots for o, p in self.placed if o.instrument == good and p.side == "buy" and p.fate != "priced_out"]
        return sum(buys) - self.volumes[good]


def trading(day: Day) -> None:
    """Writes the continuous trading of the day, step by step, with its interruptions at fixed steps."""
    rng, opened = day.rng, day.value
    narrowed = rng.choice([g for g in range(len(GOODS)) if g != QUIET])
    incidents = {
        STEPS * 30 // 100: lambda: ferrous_incidents.bar(day, withdraw=False),
        STEPS * 36 // 100: lambda: ferrous_incidents.halt(day, "link to the settlement bank lost", 10, doubt=False),
        STEPS * 45 // 100: lambda: ferrous_incidents.narrow_band(day, narrowed),
        STEPS * 47 // 100: lambda: ferrous_incidents.return_parked(day, narrowed),
        STEPS * 52 // 100: lambda: ferrous_incidents.bar(day, withdraw=True),
        STEPS * 58 // 100: lambda: ferrous_incidents.widen_band(day, narrowed),
        STEPS * 71 // 100: lambda: ferrous_incidents.halt(day, "market data delayed", 5, doubt=True),
    }
    for step in range(STEPS):
        day.limit = opened + (TOTAL - RESERVE - opened) * step // STEPS
        day.wait(rng.randint(0, 5))
        if step in incidents:
            incidents[step]()
        _step(day, rng.randrange(1_000))


def _step(day: Day, kind: int) -> None:
    if kind < 420:
        day.passive()
    elif kind < 640:
        day.take()
    elif kind < 790:
        day.cancel()
    elif kind < 930:
        day.amend()
    elif kind < 945:
        day.amend_to_cross()
    elif kind < 960:
        day.meet_own_group()
    elif kind < 966:
        ferrous_incidents.mass_cancel(day)
    elif kind < 985:
        ferrous_incidents.refused_order(day)
    else:
        ferrous_incidents.refused_change(day)


def _setup(market: Market, script: Script) -> list[Command]:
    at, needs = "2021-06-15T06:00:00Z", script.needs()
    made: list[Command] = []
    for good in GOODS:
        name = good.listing.instrument
        made.append(listing.card_command(at, good.card, name, dict(good.attributes)))
        made.append(listing.instrument_command(at, good.listing, name, "FCA", "Minsk", "domestic"))
    for company in market.companies:
        need = needs.get((company.participant, None), 0)
        funds = [(None, 10_00 if company is market.poor else companies.generous(need, 100_00))]
        made += companies.enrolment(company, at, "metal", "domestic", "BYN", funds)
    phases = (
        ("INTAKE", "06:00"),
        ("OPENING", "07:25"),
        ("TRADING", "07:30"),
        ("CLOSING", "14:00"),
        ("CLOSED", "14:05"),
    )
    made.append(
        listing.operator_command(
            at,
            "create_session",
            session=SESSION,
            section="metal",
            purpose="domestic",
            mechanism="cdca",
            instruments=[
                {
                    "instrument": good.listing.instrument,
                    "reference": good.listing.price(good.reference),
                    "down_ppm": BAND_PPM,
                    "up_ppm": BAND_PPM,
                }
                for good in GOODS
            ],
            phases=listing.day_plan(DAY, phases),
            deposit=[listing.deposit_row(side, True, "BYN", RATE.rate_ppm, RATE.floor) for side in ("buy", "sell")],
        )
    )
    return made


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    rng = random.Random(seed)
    market = draw_market(rng)
    rates = {(c.participant, side): RATE for c in market.companies for side in ("buy", "sell")}
    script = Script(f"{DAY}T06:00:00Z", SESSION, companies.participant_of(market.companies), rates)
    day = Day(rng, script, market, TOTAL)
    opening = Opening(day)
    opening.intake()
    script.go_to(f"{DAY}T07:25:00Z")
    script.phase("INTAKE", "OPENING")
    script.go_to(f"{DAY}T07:30:00Z")
    script.phase("OPENING", "TRADING")
    opening.uncross()
    day.expiries = [f"{DAY}T{hour}:00Z" for hour in ("09:00", "10:30", "12:00")]
    trading(day)
    if day.fresh:
        raise ValueError("a company has not ordered")
    ferrous_incidents.last_deals(day)
    script.go_to(f"{DAY}T14:45:00Z")
    script.phase("TRADING", "CLOSING")
    script.go_to(f"{DAY}T14:50:00Z")
    script.phase("CLOSING", "CLOSED")
    for deal in sorted(rng.sample(range(1, day.deals + 1), 300)):
        script.wait(rng.randint(60, 1_200))
        script.add("operator", "perform_contract", deal=deal, reason="metal shipped and paid")
    return with_ids([*_setup(market, script), *script.commands])
