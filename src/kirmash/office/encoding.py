"""The office's state as canonical bytes and back (docs/reference/encoding.md EN-7).

The bytes are a function of the registers alone: equal registers give equal bytes, in whatever order they grew.
They hold neither the last number nor the last time, so that a reject changes nothing (PS-8.4).
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from kirmash.messages import codec
from kirmash.messages.limits import TICK_LOT_VALUE_MAX
from kirmash.office.registers import (
    OPERATOR_ID,
    Card,
    Client,
    Contract,
    ContractState,
    Instrument,
    Participant,
    Profile,
    Registers,
    Trader,
    Withdrawal,
)

STATE_VERSION: Final = 1

K = TypeVar("K", int, str, tuple[str, str])
T = TypeVar("T")


class StateError(ValueError):
    """Bytes that are no state of an office, or one that no journal leads to."""


class _Layout(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    participants: tuple[Participant, ...]
    clients: tuple[Client, ...]
    traders: tuple[Trader, ...]
    cards: tuple[Card, ...]
    instruments: tuple[Instrument, ...]
    withdrawals: tuple[Withdrawal, ...]
    contracts: tuple[Contract, ...]
    profiles: tuple[Profile, ...]


_decoder: Final = msgspec.msgpack.Decoder(_Layout)


def _ascending(register: dict[K, T]) -> tuple[T, ...]:
    # Text sorts by code point, which for valid Unicode is the order of its UTF-8 bytes (PS-0.6).
    return tuple(entry for _, entry in sorted(register.items(), key=lambda item: item[0]))


def encode_state(registers: Registers) -> bytes:
    """The registers in canonical bytes, each list ascending by its key."""
    return codec.encode(
        _Layout(
            STATE_VERSION,
            _ascending(registers.participants),
            _ascending(registers.clients),
            _ascending(registers.traders),
            _ascending(registers.cards),
            _ascending(registers.instruments),
            _ascending(registers.withdrawals),
            _ascending(registers.contracts),
            _ascending(registers.profiles),
        )
    )


def _by(key: Callable[[T], K], entries: Iterable[T]) -> dict[K, T]:
    return {key(entry): entry for entry in entries}


def decode_state(data: bytes) -> Registers:
    """The registers of these bytes. Raises StateError where they are not canonical or break an invariant."""
    try:
        layout = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise StateError(f"no office state: {error}") from error
    if layout.version != STATE_VERSION:
        raise StateError(f"office state of version {layout.version}, not {STATE_VERSION}")
    registers = Registers(
        participants=_by(lambda entry: entry.participant, layout.participants),
        clients=_by(lambda entry: entry.client, layout.clients),
        traders=_by(lambda entry: entry.trader, layout.traders),
        cards=_by(lambda entry: (entry.card, entry.version), layout.cards),
        instruments=_by(lambda entry: entry.instrument, layout.instruments),
        withdrawals=_by(lambda entry: entry.withdrawal, layout.withdrawals),
        contracts=_by(lambda entry: entry.terms.deal, layout.contracts),
        profiles=_by(lambda entry: entry.person, layout.profiles),
    )
    # One comparison finds lists out of order, keys given twice, surplus fields and longer forms of integers.
    if encode_state(registers) != data:
        raise StateError("office state not in canonical form")
    for broken in _broken_invariants(registers):
        raise StateError(f"office state: {broken}")
    return registers


def _broken_invariants(registers: Registers) -> Iterable[str]:
    participants, clients = registers.participants, registers.clients
    for entry in participants.values():
        if list(entry.kinds) != sorted(set(entry.kinds)) or list(entry.permissions) != sorted(set(entry.permissions)):
            yield f"participant {entry.participant}: kinds or permissions not ascending, each once"
    for client in clients.values():
        if client.participant not in participants:
            yield f"client {client.client} of an unknown participant"
    for trader in registers.traders.values():
        if trader.participant not in participants or trader.trader == OPERATOR_ID:
            yield f"trader {trader.trader} has a reserved id or an unknown participant"
    for instrument in registers.instruments.values():
        if (instrument.card, instrument.version) not in registers.cards:
            yield f"instrument {instrument.instrument} of an unknown card"
        if not 1 <= instrument.tick_lot_value <= TICK_LOT_VALUE_MAX:
            yield f"instrument {instrument.instrument}: its tick_lot_value is beyond the limit"
    for withdrawal in registers.withdrawals.values():
        owner = withdrawal.participant if withdrawal.client is None else _owner(registers, withdrawal.client)
        if withdrawal.participant not in participants or owner != withdrawal.participant or withdrawal.amount < 1:
            yield f"withdrawal {withdrawal.withdrawal} of no account or no amount"
    for deal, contract in registers.contracts.items():
        if contract.state is ContractState.DEAL:
            yield f"contract of deal {deal} before it was opened"
    for profile in registers.profiles.values():
        if profile.trader is not None and profile.trader not in registers.traders:
            yield f"profile of {profile.person}, who is an unknown trader"


def _owner(registers: Registers, client: str) -> str | None:
    entry = registers.clients.get(client)
    return None if entry is None else entry.participant
