"""Butter to Moldova, February 2025: two trial deals at a dairy export session.

Known (facts S20, D060): 20 t of butter in two deals, a participant of Moldova, sold by a large milk processor of the
Grodno region. All else is invented, the names of the companies too.

Two kinds of butter are offered, each by one sell order; the buyer takes a part of each, together 20 t. Everybody else
bids below the offers.
"""

from __future__ import annotations

import random

from kirmash.simulation.scenarios import companies, listing
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, Script, with_ids

HEADER = (
    "Butter to Moldova, February 2025 (CDCA). Known: 20 t in two trial deals, bought by a Moldovan participant from a",
    "large milk processor of the Grodno region at a dairy export session (facts S20, D060).",
    "Invented: day and times, companies, the two kinds of butter, prices, every order and deposit.",
)

SESSION = "dairy-export-2025-02"
DAY = "2025-02-19"
TOTAL_LOTS = 20
KINDS = (
    (Listing("butter-72-5", "USD", 5, 0, 1, 0), "72.5 %", 1_270),
    (Listing("butter-82-5", "USD", 5, 0, 1, 0), "82.5 %", 1_430),
)
"""Instrument, fat content, and the price in steps of 5 USD around which the generator draws."""
RATE = DepositRate(5_000, 50_00)
RATE_RESIDENT = DepositRate(5_000, 0)

DAIRY = companies.invented("by-dairy", "Grodno Region Dairy", "BY", "sell")
BUYER = companies.invented("md-foods", "Dniester Foods", "MD", "buy")
OTHERS = tuple(
    companies.invented(participant, name, country, "buy")
    for participant, name, country in (
        ("az-foods", "Caspian Grocery", "AZ"),
        ("ge-foods", "Kolkheti Dairy Import", "GE"),
        ("kg-foods", "Issyk Dairy Trading", "KG"),
    )
)
CAST = (DAIRY, BUYER, *OTHERS)


def _write(script: Script, rng: random.Random) -> None:
    first = rng.randint(7, 13)
    shares = (first, TOTAL_LOTS - first)
    prices = [usual + rng.randint(-25, 25) for _, _, usual in KINDS]
    offers = []
    for (item, _, _), price in zip(KINDS, prices, strict=True):
        script.wait(rng.randint(60, 600))
        offers.append(script.place(DAIRY.trader(), item, "sell", price + rng.randint(2, 12), rng.randint(20, 40)))
        for company in OTHERS:
            script.wait(rng.randint(60, 600))
            script.place(company.trader(), item, "buy", price - rng.randint(8, 60), rng.randint(5, 30))
    # Only continuous trading knows orders that do not rest.
    script.offer(BUYER.trader(), KINDS[0][0], "buy", KINDS[0][0].price(prices[0]), "5", time_in_force="ioc")
    script.go_to(f"{DAY}T09:00:00Z")
    script.phase("INTAKE", "TRADING")
    for (item, _, _), price, offer, share in zip(KINDS, prices, offers, shares, strict=True):
        script.wait(rng.randint(120, 900))
        script.amend(DAIRY.trader(), offer, price)
        script.wait(rng.randint(120, 900))
        way = rng.choice(({}, {"time_in_force": "fok"}, {"indivisible": True}))
        script.place(BUYER.trader(), item, "buy", price, share, **way)
    for before, after, time in (("TRADING", "CLOSING", "11:00"), ("CLOSING", "CLOSED", "11:05")):
        script.go_to(f"{DAY}T{time}:00Z")
        script.phase(before, after)
    for deal in (1, 2):
        script.wait(rng.randint(300_000, 800_000))
        script.add("operator", "perform_contract", deal=deal, reason="delivery and payment confirmed")


def _setup(script: Script) -> list[Command]:
    at = "2025-02-17T07:00:00Z"
    made: list[Command] = []
    for item, fat, _ in KINDS:
        kind = {"fat_content": fat, "grade": "highest", "packaging": "monolith 20 kg"}
        made.append(listing.card_command(at, "butter", item.instrument, kind))
        made.append(listing.instrument_command(at, item, item.instrument, "FCA", "Grodno", "export"))
    made += companies.enrolments(CAST, script.needs(), at, "agricultural", "export", "USD", 100_00)
    phases = (("INTAKE", "07:00"), ("TRADING", "09:00"), ("CLOSING", "11:00"), ("CLOSED", "11:05"))
    made.append(
        listing.operator_command(
            at,
            "create_session",
            session=SESSION,
            section="agricultural",
            purpose="export",
            mechanism="cdca",
            instruments=[{"instrument": item.instrument} for item, _, _ in KINDS],
            phases=listing.day_plan(DAY, phases),
            deposit=listing.export_deposit("USD", RATE, RATE_RESIDENT),
        )
    )
    return made


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    rng = random.Random(seed)
    rates = companies.rates_of(CAST, RATE, RATE_RESIDENT)
    script = Script(f"{DAY}T07:00:00Z", SESSION, companies.participant_of(CAST), rates)
    _write(script, rng)
    return with_ids([*_setup(script), *script.commands])
