"""Commands at which the exchange itself failed: one file each in the data folder (PS-9, docs/internals/faults.md).

A file is one array in MessagePack, the fields of `Fault`. Two files with one client id shut the door on that id; the
operator lifts it.
"""

from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kirmash.journal.errors import StorageFailed
from kirmash.journal.folder import sync_directory, write_durably
from kirmash.messages.kinds import ActorKind
from kirmash.messages.units import Time

FAULT_FORMAT: Final = 1
FAULTS_UNTIL_REFUSED: Final = 2
_LIFTED: Final = ".lifted"

NO_COMMAND: Final = msgspec.Raw(msgspec.msgpack.encode(None))
"""The command of a fault in a follow-up: nil."""

Key = tuple[ActorKind, str, str]
"""Actor kind, actor, client id: what names a command from outside."""


class Fault(Struct, frozen=True, array_like=True):
    """A command that was being decided when an assertion of ours failed; `number` is the one it would have got.

    `command` is nil where a follow-up failed. `before` holds the records of the same batch that were decided before
    it: nothing of the batch was committed, and without them the fault cannot be repeated.
    """

    format: int
    number: int
    time: Time
    actor_kind: ActorKind
    actor: str
    origin: str
    client_id: str
    command: msgspec.Raw
    what: str
    before: tuple[msgspec.Raw, ...]

    @property
    def key(self) -> Key:
        """Whose command it was."""
        return (self.actor_kind, self.actor, self.client_id)


_decoder: Final = msgspec.msgpack.Decoder(Fault)


def write(folder: Path, fault: Fault) -> Path | None:
    """Keep a fault as `fault-<number>.bin`, with a further ordinal where that exists; None if the disk refuses it."""
    file, ordinal = folder / f"fault-{fault.number}.bin", 1
    while file.exists():
        ordinal += 1
        file = folder / f"fault-{fault.number}-{ordinal}.bin"
    try:
        write_durably(file, msgspec.msgpack.encode(fault))
    except StorageFailed:
        return None
    return file


def read(file: Path) -> Fault:
    """A fault from its file. Raises msgspec.DecodeError where it is none."""
    return _decoder.decode(file.read_bytes())


def refused(folder: Path) -> frozenset[Key]:
    """The client ids that faulted so often that the door refuses them (PS-9). Files that are no faults don't count."""
    counted: Counter[Key] = Counter()
    for file in folder.glob("fault-*.bin"):
        try:
            counted[read(file).key] += 1
        except msgspec.DecodeError:
            continue
    return frozenset(key for key, count in counted.items() if count >= FAULTS_UNTIL_REFUSED)


def lift(folder: Path, actor: str, client_id: str) -> int:
    """The operator's word that this client id may be tried again at the next start; gives how many faults he lifted."""
    lifted = 0
    for file in sorted(folder.glob("fault-*.bin")):
        try:
            fault = read(file)
        except msgspec.DecodeError:
            continue
        if (fault.actor, fault.client_id) == (actor, client_id):
            file.rename(file.with_name(file.name + _LIFTED))
            lifted += 1
    sync_directory(folder)
    return lifted
