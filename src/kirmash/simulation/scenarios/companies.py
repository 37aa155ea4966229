"""Invented companies of the scenarios, and the office commands that bring a company to the market.

Every invented name ends with "(invented)". Real names of companies are written by the scenario that may use them, never
made here. Natural persons have no names at all: a trader is an id that starts with `t-`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kirmash.simulation.scenarios.script import Command, DepositRate, decimal_text

INVENTED = " (invented)"

_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CN": (
        (
            "Jade",
            "Golden",
            "Eastern",
            "River",
            "Bright",
            "Harbour",
            "Long",
            "Silver",
            "Cedar",
            "Lotus",
            "Crane",
            "Amber",
        ),
        ("Gate Timber", "Bridge Lumber", "Wind Trading", "Plain Wood", "Sail Import", "Field Supply", "Hill Boards"),
    ),
    "SG": (("Straits", "Merlion", "Equator"), ("Wood Pte.", "Timber Pte.", "Lumber Pte.")),
    "BY": (
        ("Northern", "Berezina", "Upper Dnieper", "White Stork", "Polesye", "Pine Lake", "Old Oak", "Neman"),
        ("Forestry", "Sawmill", "Timber Works", "Woodworking"),
    ),
}


@dataclass(frozen=True, slots=True)
class Client:
    """A client of a broker."""

    client: str
    name: str
    country: str


@dataclass(frozen=True, slots=True)
class Company:
    """A participant as a scenario writes it down: who it is, what it may do, who trades for it."""

    participant: str
    name: str
    country: str
    sides: tuple[str, ...]
    kinds: tuple[str, ...] = ("visitor",)
    traders: int = 1
    clients: tuple[Client, ...] = ()
    group: str | None = None

    @property
    def resident(self) -> bool:
        return self.country == "BY"

    def trader(self, index: int = 0) -> str:
        return f"t-{self.participant}-{index + 1}"


def invented(participant: str, name: str, country: str, side: str) -> Company:
    """Returns a visitor of one side, its name marked as invented."""
    return Company(participant, name + INVENTED, country, (side,))


def invented_names(rng: random.Random, country: str, count: int) -> list[str]:
    """Returns `count` different names for companies of `country`, each marked as invented."""
    first, second = _WORDS[country]
    pairs = [f"{a} {b}{INVENTED}" for a in first for b in second]
    return rng.sample(pairs, count)


def participant_of(companies: Sequence[Company]) -> dict[str, str]:
    """Returns the participant of each trader."""
    return {company.trader(i): company.participant for company in companies for i in range(company.traders)}


def enrolment(
    company: Company, at: str, section: str, purpose: str, currency: str, credits: Iterable[tuple[str | None, int]]
) -> list[Command]:
    """Returns the office commands that register, accredit and fund one company at time `at`.

    `credits` pairs a client, None for the own account, with minor units (of two digits). Accounts get their
    money last, as a deposit is paid by a company that is already known.
    """
    commands: list[Command] = []

    def add(command: str, **fields: object) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        commands.append({"at": at, "by": "operator", "id": "", "command": command, **given})

    add(
        "register_participant",
        participant=company.participant,
        name=company.name,
        country=company.country,
        resident=company.resident,
        kinds=list(company.kinds),
        group=company.group,
    )
    for client in company.clients:
        resident = client.country == "BY"
        add(
            "register_client",
            broker=company.participant,
            client=client.client,
            name=client.name,
            country=client.country,
            resident=resident,
        )
    add("accredit_participant", participant=company.participant)
    for side in company.sides:
        add("grant_permission", participant=company.participant, section=section, side=side, purpose=purpose)
    for i in range(company.traders):
        add("appoint_trader", trader=company.trader(i), participant=company.participant)
    for client_id, minor in credits:
        amount = decimal_text(minor, 2)
        add("credit_deposit", participant=company.participant, client=client_id, currency=currency, amount=amount)
    return commands


def enrolments(
    cast: Iterable[Company],
    needs: Mapping[tuple[str, str | None], int],
    at: str,
    section: str,
    purpose: str,
    currency: str,
    step: int,
) -> list[Command]:
    """Returns the enrolment of companies without clients, each with generous funds for what its account will need.

    `needs` is in minor units by participant and client; `step` in minor units.
    """
    commands: list[Command] = []
    for company in cast:
        funds = generous(needs.get((company.participant, None), 0), step)
        commands += enrolment(company, at, section, purpose, currency, [(None, funds)])
    return commands


def rates_of(
    cast: Iterable[Company], foreign: DepositRate, resident: DepositRate
) -> dict[tuple[str, str], DepositRate]:
    """Returns the deposit rate of each participant and side that it trades on."""
    return {(c.participant, side): resident if c.resident else foreign for c in cast for side in c.sides}


def generous(need: int, step: int) -> int:
    """Rounds what an account can need up to a whole number of `step`, and adds one step."""
    return (-(-need // step) + 1) * step
