"""Acetone cyanohydrin, December 2022: a trial purchase of 23 t by an Indian company after a trading session.

Known (facts S16, D014): the good, the quantity, one deal, the buyer Tosco Pharmachem of India, the purpose (to test the
import chain). The countries of the other bidders are those of the chemical export trades (S09). All else is invented.

Bids and the offer stand apart until the buyer of the trial lot meets the seller's price; so there is one deal.
"""

from __future__ import annotations

import random

from kirmash.simulation.scenarios import companies, listing
from kirmash.simulation.scenarios.companies import Company
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, Script, with_ids

HEADER = (
    "Acetone cyanohydrin, December 2022 (CDCA). Known: 23 t, one deal, a trial of Tosco Pharmachem of India (S16,",
    "D014 of the facts); buyers of such goods come from China, Syria, Pakistan, the Emirates and Turkey (S09).",
    "Invented: day and times, seller, other bidders, price, every order and deposit.",
)

SESSION = "chemicals-export-2022-12"
DAY = "2022-12-07"
TRIAL_LOTS = 23
ACN = Listing("acetone-cyanohydrin", "USD", 1, 0, 1, 0)
RATE = DepositRate(5_000, 50_00)
RATE_RESIDENT = DepositRate(5_000, 0)

SELLER = companies.invented("by-chem", "Petrochemical Works", "BY", "sell")
TOSCO = Company("in-tosco", "Tosco Pharmachem", "IN", ("buy",))
OTHERS = tuple(
    companies.invented(participant, name, country, "buy")
    for participant, name, country in (
        ("ae-chem", "Gulf Reagents", "AE"),
        ("cn-chem", "Bright Harbour Chemicals", "CN"),
        ("pk-chem", "Indus Solvents", "PK"),
        ("tr-chem", "Bosphorus Chemistry", "TR"),
    )
)
CAST = (SELLER, TOSCO, *OTHERS)


def _write(script: Script, rng: random.Random) -> None:
    """Writes the session: bids below, the offer above, and the trial deal at the seller's last price."""
    price = rng.randint(1_780, 1_960)
    start = price + rng.randint(30, 90)
    bids: list[tuple[str, int, int]] = []
    for company in rng.sample(OTHERS, len(OTHERS)):
        script.wait(rng.randint(60, 900))
        ticks = price - rng.randint(60, 160)
        bids.append((company.trader(), script.place(company.trader(), ACN, "buy", ticks, rng.randint(10, 60)), ticks))
    script.wait(rng.randint(60, 600))
    offer = script.place(SELLER.trader(), ACN, "sell", start, rng.randint(50, 90), minimum="20")
    script.wait(rng.randint(60, 600))
    trial = script.place(TOSCO.trader(), ACN, "buy", price - rng.randint(40, 90), 20)
    script.go_to(f"{DAY}T08:00:00Z")
    script.phase("INTAKE", "TRADING")
    script.wait(rng.randint(60, 300))
    # Half a dollar is no step of this instrument.
    script.offer(TOSCO.trader(), ACN, "buy", f"{price - 30}.5", "23")
    script.wait(rng.randint(60, 300))
    script.amend(TOSCO.trader(), trial, price - 25, TRIAL_LOTS)
    for trader, order, ticks in bids:
        script.wait(rng.randint(60, 300))
        script.amend(trader, order, ticks + rng.randint(5, 30))
    script.wait(rng.randint(60, 300))
    script.amend(SELLER.trader(), offer, price + rng.randint(1, 20))
    script.wait(rng.randint(60, 300))
    script.cancel(bids[0][0], bids[0][1])
    script.amend(SELLER.trader(), offer, price)
    script.wait(rng.randint(60, 300))
    script.amend(TOSCO.trader(), trial, price)
    for before, after, time in (("TRADING", "CLOSING", "09:30"), ("CLOSING", "CLOSED", "09:35")):
        script.go_to(f"{DAY}T{time}:00Z")
        script.phase(before, after)
    script.wait(rng.randint(2_000_000, 3_000_000))
    script.add("operator", "perform_contract", deal=1, reason="trial lot delivered and paid")


def _setup(script: Script) -> list[Command]:
    at = "2022-12-05T07:00:00Z"
    liquid = {"purity": "99 %", "packaging": "tank container", "hazard_class": "6.1"}
    made = [
        listing.card_command(at, "acetone-cyanohydrin", "acetone-cyanohydrin", liquid),
        listing.instrument_command(at, ACN, "acetone-cyanohydrin", "FCA", "Minsk", "export"),
    ]
    made += companies.enrolments(CAST, script.needs(), at, "industrial-consumer", "export", "USD", 100_00)
    phases = (("INTAKE", "06:00"), ("TRADING", "08:00"), ("CLOSING", "09:30"), ("CLOSED", "09:35"))
    made.append(
        listing.operator_command(
            at,
            "create_session",
            session=SESSION,
            section="industrial-consumer",
            purpose="export",
            mechanism="cdca",
            instruments=[{"instrument": ACN.instrument, "lower": "1200", "upper": "2800"}],
            phases=listing.day_plan(DAY, phases),
            deposit=listing.export_deposit("USD", RATE, RATE_RESIDENT),
        )
    )
    return made


def generate(seed: int) -> list[Command]:
    """Returns the commands of the scenario in exact order."""
    rng = random.Random(seed)
    rates = companies.rates_of(CAST, RATE, RATE_RESIDENT)
    script = Script(f"{DAY}T06:00:00Z", SESSION, companies.participant_of(CAST), rates)
    _write(script, rng)
    return with_ids([*_setup(script), *script.commands])
