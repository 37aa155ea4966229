"""A plain CALL session: one intake, one round of raises and cuts, one uncrossing.

For scenarios that need no more than their planned orders and a few refused ones. The order of phases is that of PS-1.1
without SCHEDULED, OPENING and SELLER_CORRECTION.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

from kirmash.simulation.scenarios import listing, negotiation
from kirmash.simulation.scenarios.negotiation import Agenda, Life
from kirmash.simulation.scenarios.script import Script

PHASES = (
    ("INTAKE", "06:00:00Z"),
    ("ADMISSION", "08:00:00Z"),
    ("TRADING", "08:10:00Z"),
    ("DEAL_MAKING", "09:00:00Z"),
    ("CLOSING", "09:10:00Z"),
    ("CLOSED", "09:15:00Z"),
)
INTAKE_SECONDS = 7_200
TRADING_SECONDS = 3_000

Extra = Callable[[Agenda], None]
"""Puts further actions on the agenda of a phase."""


def phase_plan(day: str) -> list[dict[str, str]]:
    return listing.plan([(phase, f"{day}T{time}") for phase, time in PHASES])


def run_session(
    script: Script, rng: random.Random, day: str, lives: Sequence[Life], in_intake: Extra, in_trading: Extra
) -> None:
    """Writes the whole session of `day`, which starts in INTAKE, up to CLOSED.

    Orders are placed from second 600 to 5,400 of the intake and amended up to second 7,000.
    """
    times = dict(PHASES)
    script.go_to(f"{day}T{times['INTAKE']}")
    intake = Agenda(script, INTAKE_SECONDS)
    in_intake(intake)
    negotiation.enter_lives(rng, intake, script, lives, 5_400, 7_000)
    intake.run()
    for (before, _), (after, time) in pairwise(PHASES):
        script.go_to(f"{day}T{time}")
        script.phase(before, after)
        if after == "TRADING":
            trading = Agenda(script, TRADING_SECONDS)
            for life in lives:
                start = negotiation.last_terms(life, "TRADING")
                trading.steps(rng, life, start, life.trading, 20, TRADING_SECONDS - 20)
            in_trading(trading)
            trading.run()
