"""Profiles: which encrypted profile of a person is the latest, and which trader he is (market-rules PS-0).

The office knows a random id and a hash, never what they stand for: names and contacts lie encrypted outside the
journal, and become unreadable with the person's key while nothing here changes. Whether the ciphertext exists, the
office cannot see; `kirmash verify` looks. The market is not concerned, so there is no follow-up.
"""

from collections.abc import Iterator
from typing import Final

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.office.registers import Profile, Registers
from kirmash.office.rules import Rule, RuleSet, recorded, trader_known


def _trader_is_known(registers: Registers, command: commands.RecordProfile) -> Iterator[Refusal]:
    if command.trader is not None:
        yield from trader_known(registers, command.trader)


def _record(registers: Registers, command: commands.RecordProfile) -> tuple[Event, ...]:
    registers.profiles[command.person] = Profile(command.person, command.profile, command.trader)
    return (recorded(events.ProfileRecorded, command),)


RULES: Final[RuleSet] = (Rule(commands.RecordProfile, _record, _trader_is_known),)
