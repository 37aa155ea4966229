"""Canonical bytes of messages and records (market-rules PS-8.1, PS-8.2; docs/reference/encoding.md).

MessagePack; every struct an array [tag, fields…], integers in the shortest form, no maps, floats or extension types.
msgspec's encoder gives exactly this for our frozen array-like structs; golden vectors hold both markets to it.
"""

import re
from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.messages import commands, events
from kirmash.messages.fields import Message
from kirmash.messages.kinds import ActorKind, Decider, Ordinal, Text
from kirmash.messages.units import Time

RECORD_VERSION: Final = 1


class Actor(Message, frozen=True):
    """Who gives a command: the kind and an opaque id."""

    kind: ActorKind
    id: Text


OPERATOR: Final = Actor(ActorKind.OPERATOR, "operator")
TIMETABLE: Final = Actor(ActorKind.TIMETABLE, "timetable")


class Frame(Message, frozen=True):
    """What a decider is given: number, time, actor, and the command in canonical bytes."""

    number: Ordinal
    time: Time
    actor_kind: ActorKind
    actor: Text
    command: msgspec.Raw


class Record(Message, frozen=True):
    """One line of the journal: command and events in canonical bytes, `cause` the number that a follow-up follows."""

    version: int
    number: Ordinal
    time: Time
    actor_kind: ActorKind
    actor: Text
    origin: Text
    client_id: Text
    decider: Decider
    command: msgspec.Raw
    events: msgspec.Raw
    cause: Ordinal | None = None


_encoder: Final = msgspec.msgpack.Encoder()
encode: Final = _encoder.encode
"""Canonical bytes of a message, a record, a frame or a tuple of events."""

_command_decoder: Final[msgspec.msgpack.Decoder[commands.Command]] = msgspec.msgpack.Decoder(commands.Command)
_events_decoder: Final = msgspec.msgpack.Decoder(tuple[events.Event, ...])
_record_decoder: Final = msgspec.msgpack.Decoder(Record)
_frame_decoder: Final = msgspec.msgpack.Decoder(Frame)


def decode_command(data: bytes | msgspec.Raw) -> commands.Command:
    """The command of these bytes. Raises msgspec.DecodeError or ValidationError where they are no command."""
    return _command_decoder.decode(data)


def decode_events(data: bytes | msgspec.Raw) -> tuple[events.Event, ...]:
    """The events of one command, in order."""
    return _events_decoder.decode(data)


decode_record: Final = _record_decoder.decode
"""A journal record; its command and events stay bytes until asked for."""


def decode_frame(data: bytes) -> Frame:
    """A decider's input; its command stays bytes."""
    return _frame_decoder.decode(data)


@cache
def name_of(message: type[Struct]) -> str:
    """The name of a command or event on the wire: `PlaceOrder` is `place_order`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", message.__name__).lower()
