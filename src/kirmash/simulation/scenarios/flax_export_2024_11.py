"""Flax export, November 2024: the first export session for cottonised flax fibre.

Known (facts S19, D049, X41): two sale lots, more than 35 t together, both taken by one Turkish textile company; the
seller is a leading flax enterprise. Here they are 35.6 t together. All else is invented.

The Turkish buy stands above all others at the price and asks for a little more than both lots hold, so both lots are
sold as a whole, to it alone (PS-4; the surplus that is left stays unfilled).
"""

from __future__ import annotations

import random

from kirmash.simulation.scenarios import call_book, call_session, companies, listing, negotiation
from kirmash.simulation.scenarios.call_book import Plan
from kirmash.simulation.scenarios.negotiation import Agenda, Life
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, Script, with_ids

HEADER = (
    "Flax export, November 2024 (CALL). Known: two sale lots, more than 35 t, one Turkish textile company took both;",
    "first export session for flax (facts S19, D049).",
    "Invented: day and times, companies, 35.6 t and their division into two lots, fineness, orders, prices, deposits.",
)

SESSION = "flax-export-2024-11"
DAY = "2024-11-20"
TOTAL_LOTS = 356
FLAX = Listing("flax-cottonised-orsha", "USD", 5, 0, 1, 1)
RATE = DepositRate(5_000, 50_00)
RATE_RESIDENT = DepositRate(5_000, 0)


CAST = (
    companies.invented("by-flax", "Leading Flax Enterprise", "BY", "sell"),
    companies.invented("by-flax-2", "Second Flax Mill", "BY", "sell"),
    companies.invented("tr-textile", "Aegean Textile Company", "TR", "buy"),
    companies.invented("lv-linen", "Daugava Linen", "LV", "buy"),
    companies.invented("ru-spinning", "Upper Volga Spinning", "RU", "buy"),
    companies.invented("cn-fibre", "Lotus Fibre Import", "CN", "buy"),
)


def _lives(rng: random.Random) -> list[Life]:
    price = rng.randint(560, 620)
    first = rng.randint(168, 188)
    seller, second, buyer, *others = CAST
    lives = [
        negotiation.seller_life(rng, call_book.sold(rng, price, lots, 10), FLAX, seller.trader(), 2, 6)
        for lots in (first, TOTAL_LOTS - first)
    ]
    unsold = call_book.unsold(rng, price, rng.randint(80, 120), 30)
    lives.append(negotiation.seller_life(rng, unsold, FLAX, second.trader(), 1, 6))
    winner = Plan("buy", price, TOTAL_LOTS + rng.randint(4, 30), "marginal")
    lives.append(negotiation.buyer_life(rng, winner, FLAX, buyer.trader(), None, 3, 5))
    for company in others:
        for plan in call_book.low_buys(rng, price, rng.randint(1, 2), (40, 180), 40):
            lives.append(negotiation.buyer_life(rng, plan, FLAX, company.trader(), None, 2, 5))
    for life in lives:
        life.trading, life.correction = life.trading + life.correction, []
    return lives


def _setup(script: Script) -> list[Command]:
    at = "2024-11-18T07:00:00Z"
    fibre = {"fineness": "0.8 tex", "length": "40 mm", "moisture": "12 %"}
    made = [
        listing.card_command(at, "flax-fibre-cottonized", "flax-cottonised", fibre),
        listing.instrument_command(
            at,
            FLAX,
            "flax-cottonised",
            "FCA",
            "Orsha",
            "export",
            clauses=["bales on pallets"],
            conditional_allowed=False,
        ),
    ]
    made += companies.enrolments(CAST, script.needs(), at, "agricultural", "export", "USD", 100_00)
    made.append(
        listing.operator_command(
            at,
            "create_session",
            session=SESSION,
            section="agricultural",
            purpose="export",
            mechanism="call",
            instruments=[{"instrument": FLAX.instrument, "reference": "2950"}],
            phases=call_session.phase_plan(DAY),
            deposit=listing.export_deposit("USD", RATE, RATE_RESIDENT),
        )
    )
    return made


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    rng = random.Random(seed)
    rates = companies.rates_of(CAST, RATE, RATE_RESIDENT)
    script = Script(f"{DAY}T06:00:00Z", SESSION, companies.participant_of(CAST), rates)
    lives = _lives(rng)
    curious = CAST[4].trader()

    def in_intake(agenda: Agenda) -> None:
        # Conditions are not allowed for this instrument; he learns it and bids without one.
        agenda.put(rng.randint(100, 500), lambda: script.offer(curious, FLAX, "buy", "2700", "12.0", indivisible=True))

    def in_trading(agenda: Agenda) -> None:
        agenda.put(rng.randint(30, 2_900), lambda: script.offer(curious, FLAX, "buy", "3300", "20.0"))

    call_session.run_session(script, rng, DAY, lives, in_intake, in_trading)
    for deal in (1, 2):
        script.wait(rng.randint(400_000, 900_000))
        script.add("operator", "perform_contract", deal=deal, reason="delivery and payment confirmed")
    return with_ids([*_setup(script), *script.commands])
