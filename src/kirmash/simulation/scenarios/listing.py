"""Cards, instruments and sessions as commands, filled from the reference data of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kirmash import data
from kirmash.simulation.scenarios.script import Command, DepositRate, Listing, decimal_text


def operator_command(at: str, command: str, **fields: Any) -> Command:
    """Returns one command of the operator; fields that are None are left to their defaults."""
    given = {name: value for name, value in fields.items() if value is not None}
    return {"at": at, "by": "operator", "id": "", "command": command, **given}


def card_command(at: str, good: str, card: str, attributes: Mapping[str, str]) -> Command:
    """Lists a card named `card` for the good `good` of the reference data, with the values of its attributes."""
    known = next(c for c in data.cards() if c.card == good)
    return operator_command(
        at,
        "list_card",
        card=card,
        version=1,
        section=known.section,
        name_en=known.name_en,
        name_ru=known.name_ru,
        hs_code=known.hs_code,
        unit=known.unit,
        attributes=dict(attributes),
    )


def instrument_command(
    at: str, listing: Listing, card: str, incoterm: str, place: str, purpose: str, **more: Any
) -> Command:
    """Lists an instrument on version 1 of a card."""
    return operator_command(
        at,
        "list_instrument",
        instrument=listing.instrument,
        card=card,
        version=1,
        basis={"incoterm": incoterm, "place": place},
        currency=listing.currency,
        payment_term=more.pop("payment_term", "prepayment 100 %"),
        clauses=more.pop("clauses", []),
        purpose=purpose,
        lot=decimal_text(listing.lot_units, listing.lot_digits),
        tick=decimal_text(listing.tick_units, listing.tick_digits),
        **more,
    )


def deposit_row(side: str, resident: bool, currency: str, rate_ppm: int, floor: int) -> dict[str, Any]:
    """Returns a row of a session's deposit rule; `floor` in minor units of two digits."""
    floor_text = decimal_text(floor, 2)
    return {"side": side, "resident": resident, "currency": currency, "rate_ppm": rate_ppm, "floor": floor_text}


def export_deposit(currency: str, foreign: DepositRate, resident: DepositRate) -> list[dict[str, Any]]:
    """Returns the deposit rule of an export session: buyers from abroad, sellers from here."""
    return [
        deposit_row("buy", False, currency, foreign.rate_ppm, foreign.floor),
        deposit_row("sell", True, currency, resident.rate_ppm, resident.floor),
    ]


def plan(phases: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Returns a phase plan from pairs of phase and time."""
    return [{"phase": phase, "at": at} for phase, at in phases]


def day_plan(day: str, phases: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Returns the phase plan of one day from pairs of phase and time `HH:MM` in UTC."""
    return plan([(phase, f"{day}T{time}:00Z") for phase, time in phases])
