"""Lumber to China, first decade of November 2022: a special session with delivery in four Chinese ports.

Known (facts S13, D012, X39): 20,000 m³ to Taicang, Tianjin, Shanghai and Changsha, eleven residents of China, about
4 million US dollars; a title adds Singapore. Here the sum is exactly 4,000,000.00 USD, eleven Chinese buyers make all
deals, and a company of Singapore bids without success. All else is invented.

Volumes are drawn in units of 500 m³ and prices in half dollars, three of them freely; the fourth price solves the sum.
"""

from __future__ import annotations

import random

from kirmash.simulation.scenarios import call_book, call_session, companies, listing, negotiation
from kirmash.simulation.scenarios.call_book import Plan
from kirmash.simulation.scenarios.companies import Company
from kirmash.simulation.scenarios.negotiation import Agenda, Life
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, Script, with_ids

HEADER = (
    "Lumber to China, first decade of November 2022 (CALL). Known: 20,000 m3; Taicang, Tianjin, Shanghai, Changsha;",
    "eleven residents of China; about 4 million USD (facts S13, D012). Singapore, in a title only (X39), bids in vain.",
    "Invented: day and times, companies, grade, sale lots, orders, prices, deposits; the sum is exactly 4,000,000.00.",
)

SESSION = "china-lumber-2022-11"
DAY = "2022-11-08"
UNIT = 50
"""Volumes are drawn in units of 50 lots of 10 m³."""
UNITS_TOTAL = 40
PRICE_UNITS_TOTAL = 16_000
"""Sum of price (half dollars) times volume (units): 4,000,000.00 USD."""

PORTS = ("Changsha", "Shanghai", "Taicang", "Tianjin")
USUAL = (406, 402, 398, 394)
"""What the generator draws prices around, in half dollars per m³."""
LISTINGS = tuple(Listing(f"pine-{port.lower()}", "USD", 50, 2, 10, 0) for port in PORTS)
RATE = DepositRate(2_000, 230_00)
RATE_RESIDENT = DepositRate(2_000, 0)


def draw_target(rng: random.Random) -> tuple[list[int], list[int]]:
    """Draws prices (half dollars) and volumes (lots) of the four ports that make the sum; redraws until one fits."""
    while True:
        volumes = [rng.randint(6, 14) for _ in PORTS]
        if sum(volumes) != UNITS_TOTAL:
            continue
        prices = [usual + rng.randint(-8, 8) for usual in USUAL]
        last = rng.randrange(4)
        others = sum(p * v for i, (p, v) in enumerate(zip(prices, volumes, strict=True)) if i != last)
        prices[last], rest = divmod(PRICE_UNITS_TOTAL - others, volumes[last])
        if rest == 0 and abs(prices[last] - USUAL[last]) <= 12:
            return prices, [v * UNIT for v in volumes]


def _lives(rng: random.Random, buyers: list[Company], singapore: Company, sellers: list[Company]) -> list[Life]:
    prices, volumes = draw_target(rng)
    filled: list[tuple[Listing, Plan]] = []
    low: list[tuple[Listing, Plan]] = []
    offers: list[tuple[Listing, Plan]] = []
    lives: list[Life] = []
    for item, price, volume in zip(LISTINGS, prices, volumes, strict=True):
        filled += [(item, plan) for plan in call_book.crossing_buys(rng, price, volume, 4, 20, 8)]
        low += [(item, plan) for plan in call_book.low_buys(rng, price, rng.randint(5, 7), (20, 120), 20)]
        offers += [(item, call_book.sold(rng, price, n, 8)) for n in call_book.split(rng, volume, 3, 50)]
        offers.append((item, call_book.unsold(rng, price, rng.randint(6, 15) * 10, 16)))
        in_vain = call_book.low_buys(rng, price, 1, (40, 90), 10)[0]
        lives.append(negotiation.buyer_life(rng, in_vain, item, singapore.trader(), None, 2, 3))
    rng.shuffle(filled)
    for turn, (item, plan) in enumerate([*filled, *low]):
        trader = buyers[turn % len(buyers)].trader()
        lives.append(negotiation.buyer_life(rng, plan, item, trader, None, 2, 3))
    rng.shuffle(offers)
    for turn, (item, plan) in enumerate(offers):
        lives.append(negotiation.seller_life(rng, plan, item, sellers[turn % len(sellers)].trader(), 2, 4))
    for life in lives:
        # This session has no phase in which only sellers correct: they lower their prices in TRADING.
        life.trading, life.correction = life.trading + life.correction, []
    return lives


def _setup(everybody: list[Company], script: Script) -> list[Command]:
    at = "2022-11-07T07:00:00Z"
    grade = {"species": "pine", "grade": "1-4", "thickness": "50 mm", "width": "100-150 mm", "length": "4-6 m"}
    made = [listing.card_command(at, "sawn-softwood-edged", "pine-board", {**grade, "moisture": "20-22 %"})]
    for item, port in zip(LISTINGS, PORTS, strict=True):
        clauses = ["container delivery"]
        made.append(listing.instrument_command(at, item, "pine-board", "CPT", port, "export", clauses=clauses))
    made += companies.enrolments(everybody, script.needs(), at, "forest", "export", "USD", 500_00)
    made.append(
        listing.operator_command(
            at,
            "create_session",
            session=SESSION,
            section="forest",
            purpose="export",
            mechanism="call",
            instruments=[{"instrument": item.instrument} for item in LISTINGS],
            phases=call_session.phase_plan(DAY),
            deposit=listing.export_deposit("USD", RATE, RATE_RESIDENT),
        )
    )
    return made


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    rng = random.Random(seed)
    buyers = [
        Company(f"cn-{i + 1:02}", name, "CN", ("buy",))
        for i, name in enumerate(companies.invented_names(rng, "CN", 11))
    ]
    singapore = Company("sg-01", companies.invented_names(rng, "SG", 1)[0], "SG", ("buy",))
    sellers = [
        Company(f"by-{i + 1:02}", name, "BY", ("sell",))
        for i, name in enumerate(companies.invented_names(rng, "BY", 6))
    ]
    everybody = [*sellers, *buyers, singapore]
    rates = companies.rates_of(everybody, RATE, RATE_RESIDENT)
    script = Script(f"{DAY}T06:00:00Z", SESSION, companies.participant_of(everybody), rates)
    lives = _lives(rng, buyers, singapore, sellers)
    off_grid, late = rng.sample(buyers, 2)

    def in_intake(agenda: Agenda) -> None:
        item = rng.choice(LISTINGS)
        agenda.put(rng.randint(700, 5_000), lambda: script.offer(off_grid.trader(), item, "buy", "199.30", "500"))
        order: list[int] = []
        agenda.put(800, lambda: order.append(script.place(off_grid.trader(), item, "buy", 395, 30)))
        agenda.put(rng.randint(900, 5_000), lambda: script.cancel(off_grid.trader(), order[0]))

    def in_trading(agenda: Agenda) -> None:
        agenda.put(rng.randint(30, 2_900), lambda: script.offer(late.trader(), LISTINGS[0], "buy", "205.00", "300"))

    call_session.run_session(script, rng, DAY, lives, in_intake, in_trading)
    for deal in range(1, 17):
        # Sixteen buys are filled, so there are sixteen deals at least.
        script.wait(rng.randint(40_000, 120_000))
        script.add("operator", "perform_contract", deal=deal, reason="delivery and payment confirmed")
    return with_ids([*_setup(everybody, script), *script.commands])
