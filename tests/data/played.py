"""A scenario after it was run: what the events say, joined with who gave which command.

Totals come from `deal_made` alone; nothing here knows how a generator planned them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from kirmash.simulation.scenario import run_lines
from kirmash.simulation.scenarios import generate

Json = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """The commands of one scenario and the output of its run."""

    commands: list[Json]
    output: list[Json]

    def events(self, kind: str) -> list[Json]:
        return [event for event in self.output if event["event"] == kind]

    @property
    def volume(self) -> Fraction:
        return sum((Fraction(deal["quantity"]) for deal in self.events("deal_made")), Fraction(0))

    @property
    def notional(self) -> Fraction:
        return sum((value_of(deal) for deal in self.events("deal_made")), Fraction(0))

    @property
    def prices(self) -> set[str]:
        return {deal["price"] for deal in self.events("deal_made")}

    def owners(self) -> dict[int, str]:
        """Returns the participant of every accepted order, found by the command that its event belongs to.

        Commands from outside have no cause, and every command has at least one event, so their numbers in ascending
        order belong to the lines of the file in their order.
        """
        outside = sorted({e["number"] for e in self.output if e["event"] != "end" and e["cause"] is None})
        assert len(outside) == len(self.commands)
        by = {number: command["by"] for number, command in zip(outside, self.commands, strict=True)}
        traders = {c["trader"]: c["participant"] for c in self.commands if c["command"] == "appoint_trader"}
        return {e["order"]: traders[by[e["number"]]] for e in self.events("order_accepted")}

    def country(self, participant: str) -> str:
        found = (c["country"] for c in self.commands if c.get("participant") == participant and "country" in c)
        return str(next(found))

    def buyers(self) -> set[str]:
        owners = self.owners()
        return {owners[deal["buy_order"]] for deal in self.events("deal_made")}

    def reasons(self) -> Counter[str]:
        return Counter(reason["reason"] for event in self.events("command_rejected") for reason in event["reasons"])

    def filled(self) -> dict[int, Fraction]:
        """Returns how much each order bought or sold."""
        done: dict[int, Fraction] = {}
        for deal in self.events("deal_made"):
            for order in (deal["buy_order"], deal["sell_order"]):
                done[order] = done.get(order, Fraction(0)) + Fraction(deal["quantity"])
        return done

    def terms(self) -> dict[int, Json]:
        """Returns the last terms of every accepted order: those of its last order_amended over its order_accepted."""
        last: dict[int, Json] = {}
        for event in self.output:
            if event["event"] in ("order_accepted", "order_amended"):
                last[event["order"]] = {**last.get(event["order"], {}), **event}
        return last


def value_of(deal: Json) -> Fraction:
    return Fraction(deal["price"]) * Fraction(deal["quantity"])


def as_lines(commands: Iterable[Json]) -> list[bytes]:
    return [json.dumps(command, ensure_ascii=False).encode() for command in commands]


def play(commands: list[Json], market: str) -> Played:
    return Played(commands, run_lines(as_lines(commands), market, "scenario").output)


@lru_cache(maxsize=4)
def played(name: str, seed: int, market: str) -> Played:
    """Runs one scenario; kept for the tests of the same seed that follow."""
    return play(generate(name, seed), market)
