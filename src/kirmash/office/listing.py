"""Commodity cards and the instruments listed on them (COM-04; market-rules PS-0.6, PS-0.7).

A card is (card, version), the version compared as text: 1 and "1" are the same, "01" is another.
"""

from collections.abc import Iterator
from typing import Final

from kirmash.messages import commands, events
from kirmash.messages.events import Event, Refusal
from kirmash.messages.limits import TICK_LOT_VALUE_MAX
from kirmash.messages.rejects import Reason
from kirmash.messages.units import tick_lot_value_of
from kirmash.office.registers import Card, Instrument, Registers
from kirmash.office.rules import Rule, RuleSet, recorded, refused


def _card_key(command: commands.ListCard | commands.ListInstrument) -> tuple[str, str]:
    return (command.card, str(command.version))


def _card_is_new(registers: Registers, command: commands.ListCard) -> Iterator[Refusal]:
    if _card_key(command) in registers.cards:
        yield from refused(Reason.ALREADY_EXISTS, "card")


def _list_card(registers: Registers, command: commands.ListCard) -> tuple[Event, ...]:
    registers.cards[_card_key(command)] = Card(*_card_key(command), section=command.section)
    return (recorded(events.CardListed, command),)


def _instrument_is_new_and_card_known(registers: Registers, command: commands.ListInstrument) -> Iterator[Refusal]:
    if _card_key(command) not in registers.cards:
        yield from refused(Reason.UNKNOWN_CARD, "card")
    if command.instrument in registers.instruments:
        yield from refused(Reason.ALREADY_EXISTS, "instrument")


def _tick_lot_value(command: commands.ListInstrument) -> int | None:
    """k in minor units; None where it is not an integer within its limits (PS-0.7, PS-9)."""
    value = tick_lot_value_of(command.tick, command.lot, command.currency)
    return value if value is not None and 1 <= value <= TICK_LOT_VALUE_MAX else None


def _counts_in_minor_units(_registers: Registers, command: commands.ListInstrument) -> Iterator[Refusal]:
    if _tick_lot_value(command) is None:
        yield from refused(Reason.NOT_WHOLE_MINOR_UNITS, "tick", 1, TICK_LOT_VALUE_MAX)


def _list_instrument(registers: Registers, command: commands.ListInstrument) -> tuple[Event, ...]:
    value = _tick_lot_value(command)
    assert value is not None
    registers.instruments[command.instrument] = Instrument(command.instrument, *_card_key(command), value)
    return (recorded(events.InstrumentListed, command),)


RULES: Final[RuleSet] = (
    Rule(commands.ListCard, _list_card, _card_is_new),
    Rule(
        commands.ListInstrument,
        _list_instrument,
        _instrument_is_new_and_card_known,
        terms=_counts_in_minor_units,
    ),
)
