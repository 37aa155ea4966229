"""What the tests of journal and writer put in place of a market, and the commands that they give.

The stand-in market is no market: it answers every command with one event and keeps a hash of all that it was
given, so that a lost, repeated or reordered command changes its state. It stays where the real markets are the worse
tool: it fails and traps when it is told to, which no command makes a real market do, and journals of it have exactly
the records that a test of one row or one byte is about. Kills, torn and full disks run on the real markets
(test_faults.py, with the commands of trade.py).
"""

import hashlib
from collections.abc import Sequence

import msgspec

from kirmash.market import Market
from kirmash.messages import codec, commands, events
from kirmash.messages.kinds import ParticipantKind

FAULT_SESSION = "fault"
TRAP_SESSION = "trap"


class Trap(BaseException):
    """Like the panic of a native market: no Exception."""


class StandInMarket:
    """Answers set_band with band_set and everything else with admission_set; fails where a command says so."""

    def __init__(self, state: bytes | None) -> None:
        self._state = state or hashlib.sha256(b"empty").digest()

    def apply(self, frame: bytes) -> bytes:
        given = codec.decode_frame(frame)
        command = codec.decode_command(given.command)
        if isinstance(command, commands.SetBand):
            if command.session == FAULT_SESSION:
                raise AssertionError("the stand-in was told to fail")
            if command.session == TRAP_SESSION:
                raise Trap("the stand-in was told to trap")
            made: events.Event = events.BandSet(session=command.session, instrument=command.instrument)
        else:
            made = events.AdmissionSet(participant="someone", admitted=True)
        self._state = hashlib.sha256(self._state + frame).digest()
        return codec.encode((made,))

    def apply_batch(self, frames: Sequence[bytes]) -> list[bytes]:
        return [self.apply(frame) for frame in frames]

    def state(self) -> bytes:
        return self._state

    def open_orders(self) -> int:
        return 0


def stand_in(state: bytes | None) -> Market:
    """The loader of the stand-in market."""
    return StandInMarket(state)


def band(session: str = "s", instrument: str = "i", lower: str | None = None) -> commands.SetBand:
    """A market command, without follow-up."""
    return commands.SetBand(session=session, instrument=instrument, lower=lower)


def register(participant: str, name: str = "Company") -> commands.RegisterParticipant:
    """An office command, without follow-up."""
    return commands.RegisterParticipant(
        participant=participant, name=name, country="BY", resident=True, kinds=(ParticipantKind.VISITOR,)
    )


def accredit(participant: str) -> commands.AccreditParticipant:
    """An office command that has a follow-up in the market."""
    return commands.AccreditParticipant(participant=participant)


def large_card(texts: int, size: int = 200, last: int | None = None) -> commands.ListCard:
    """An office command with so many texts of this size, and another one of the size `last`."""
    attributes = [(f"{at:06}", "v" * size) for at in range(texts)]
    if last is not None:
        attributes.append(("last", "v" * last))
    return commands.ListCard(
        card="c",
        version=1,
        section="s",
        name_en="n",
        name_ru="n",
        hs_code="1",
        unit="C62",
        attributes=tuple(attributes),
    )


def first_event(raw: msgspec.Raw) -> events.Event:
    """The first event of an answer."""
    return codec.decode_events(raw)[0]
