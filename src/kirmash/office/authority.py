"""Traders: who may act for a participant (TRD-02, TRD-04; market-rules PS-0).

A trader acts for one participant at a time. He is an opaque id here; who he is stands in a profile outside the journal
(profiles.py).
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.messages.rejects import Reason
from kirmash.office.registers import OPERATOR_ID, Registers, Trader
from kirmash.office.rules import Rule, RuleSet, participant_known, recorded, refused, trader_known


def _may_be_appointed(registers: Registers, command: commands.AppointTrader) -> Iterator[Refusal]:
    yield from participant_known(registers, command.participant)
    trader = registers.traders.get(command.trader)
    acts_elsewhere = trader is not None and trader.active and trader.participant != command.participant
    if acts_elsewhere or command.trader == OPERATOR_ID:
        yield from refused(Reason.ALREADY_EXISTS, "trader")


def _appoint(registers: Registers, command: commands.AppointTrader) -> tuple[Event, ...]:
    registers.traders[command.trader] = Trader(command.trader, command.participant, active=True)
    return (recorded(events.TraderAppointed, command),)


def _is_known(registers: Registers, command: commands.WithdrawTrader) -> Iterator[Refusal]:
    return trader_known(registers, command.trader)


def _withdraw(registers: Registers, command: commands.WithdrawTrader) -> tuple[Event, ...]:
    registers.traders[command.trader] = replace(registers.traders[command.trader], active=False)
    return (recorded(events.TraderWithdrawn, command),)


RULES: Final[RuleSet] = (
    Rule(commands.AppointTrader, _appoint, _may_be_appointed),
    Rule(commands.WithdrawTrader, _withdraw, _is_known),
)
