"""What core and gateway say to each other over their Unix socket: messages, and frames around them.

A frame is its length (4 bytes, big-endian) and one message in MessagePack, an array [tag, fields…] like every message
of ours. Records travel as the bytes of the journal. Pure: no socket here. Invariant of the core's side: the records of
a commit are sent before, or in the same frame as, the answers that rest on them (nothing is visible before it is
durable, and an answer never comes before what it speaks of).
"""

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from kirmash.messages.fields import Message
from kirmash.messages.kinds import ActorKind, Ordinal, Text
from kirmash.messages.limits import FRAME_BYTES_MAX
from kirmash.messages.units import Time

LINK_VERSION: Final = 1
FRAME_MAX: Final = 1 << 30
"""Above any snapshot that fits a machine's memory; a longer frame is a broken peer."""
TO_CORE_MAX: Final = 2 * FRAME_BYTES_MAX
"""A gateway sends commands only, each with little around it."""

_LENGTH: Final = struct.Struct(">I")
_HEADER: Final = _LENGTH.size


class LinkError(Exception):
    """The other side does not speak this protocol."""


# From the gateway ------------------------------------------------------------------------------------------------


class Submit(Message, frozen=True, tag=1):
    """Have a command decided. `request` comes back with the answer."""

    request: int
    actor_kind: ActorKind
    actor: Text
    origin: Text
    client_id: Text
    command: msgspec.Raw


class Rehearse(Message, frozen=True, tag=2):
    """Tell what a command would give now; nothing is numbered."""

    request: int
    actor_kind: ActorKind
    actor: Text
    origin: Text
    command: msgspec.Raw


class Subscribe(Message, frozen=True, tag=3):
    """Send the records above `after` and go on with new ones; None: first a snapshot, then what follows it."""

    after: Ordinal | None = None


class AskStatus(Message, frozen=True, tag=4):
    """How the core is."""

    request: int


class AskRecord(Message, frozen=True, tag=5):
    """One record of the journal with its follow-ups, and, if wished for, its proof."""

    request: int
    number: int
    proof: bool = False


# From the core ---------------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag=20):
    """The first message: who speaks, and where the journal ends."""

    version: int
    exchange_id: Text
    number: int


class Records(Message, frozen=True, tag=21):
    """Records in number order without gaps, and which requests they answer: (request, number)."""

    records: tuple[msgspec.Raw, ...]
    answers: tuple[tuple[int, Ordinal], ...] = ()


class Stored(Message, frozen=True, tag=22):
    """An answer whose record is not in this frame: a repeated command, or a gateway that lags."""

    request: int
    number: Ordinal
    time: Time
    events: msgspec.Raw


class Refusal(Message, frozen=True, tag=23):
    """The command was not numbered, or (outcome_unknown) nobody knows; `field` for id_reused."""

    request: int
    code: str
    text: str
    field: str | None = None


class State(Message, frozen=True, tag=24):
    """Where a subscriber starts: both deciders' states after record `number`; empty bytes for an empty exchange."""

    number: int
    time: Time
    market: bytes
    office: bytes


class Projected(Message, frozen=True, tag=25):
    """The views hold all records up to this number."""

    number: int


class DoorsAre(Message, frozen=True, tag=26):
    """Whether commands are taken, and why not."""

    open: bool
    reason: str


class Rehearsed(Message, frozen=True, tag=27):
    """The events that the command would give now, in canonical bytes."""

    request: int
    events: msgspec.Raw


class Status(Message, frozen=True, tag=28):
    """How the core is: see docs/guides/operate.md for what each means."""

    request: int
    number: int
    time: Time
    head: str
    projected: int
    doors_open: bool
    doors_reason: str
    waiting: int
    wal_blocked: bool
    disk_free: int
    disk_total: int
    snapshot_failure: str | None
    recovered: str
    market: str
    views_failure: str | None = None
    began: int = 0


class Recorded(Message, frozen=True, tag=29):
    """A record, then its follow-ups and theirs, as far as they are there; nothing where there is no such record.

    `chain` is the chain hash at the record, `head` the journal's present one at `head_number`, all in hex; `proof` is
    the one of docs/reference/journal.md, empty where none was asked for.
    """

    request: int
    records: tuple[msgspec.Raw, ...]
    chain: str
    head: str
    head_number: int
    proof: bytes = b""


ToCore = Submit | Rehearse | Subscribe | AskStatus | AskRecord
FromCore = Hello | Records | Stored | Refusal | State | Projected | DoorsAre | Rehearsed | Status | Recorded

_encode: Final = msgspec.msgpack.Encoder().encode
to_core: Final = msgspec.msgpack.Decoder(ToCore)
from_core: Final = msgspec.msgpack.Decoder(FromCore)


def frame(message: ToCore | FromCore) -> bytes:
    """A message as it stands on the wire."""
    data = _encode(message)
    return len(data).to_bytes(_HEADER, "big") + data


class Frames:
    """Cuts a stream of bytes into messages' bytes. Raises LinkError for a length beyond reason."""

    def __init__(self, most: int = FRAME_MAX) -> None:
        self._buffer = bytearray()
        self._most = most

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The whole messages that are there now."""
        rest = self._buffer
        if rest:
            # A long frame comes in many pieces: they are joined once, when it is whole.
            rest += data
            if len(rest) < _HEADER or len(rest) - _HEADER < self._length(rest, 0):
                return
            data = bytes(rest)
            rest.clear()
        at, end = 0, len(data)
        try:
            while end - at >= _HEADER:
                start = at + _HEADER
                next_at = start + self._length(data, at)
                if next_at > end:
                    break
                at = next_at
                yield data[start:next_at]
        finally:
            rest += data[at:]

    def _length(self, data: bytes | bytearray, at: int) -> int:
        (length,) = _LENGTH.unpack_from(data, at)
        if length > self._most:
            raise LinkError(f"a frame of {length} bytes")
        return int(length)
