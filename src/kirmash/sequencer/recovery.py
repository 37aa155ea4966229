"""Start: the newest snapshot that agrees with the journal, then its tail replayed (PS-7.4, PS-7.5).

Nothing is numbered here and nothing written: follow-ups that the journal does not have yet are left pending for the
writer, who numbers them before his doors open.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from kirmash.journal import snapshot as snapshots
from kirmash.journal.errors import JournalDamaged
from kirmash.journal.folder import SNAPSHOTS
from kirmash.journal.reader import Reader
from kirmash.journal.snapshot import SNAPSHOT_FORMAT, Snapshot
from kirmash.market import MarketLoader
from kirmash.messages import codec
from kirmash.office import Office
from kirmash.sequencer.machine import FollowUp, Machine


class Recovered(Struct, frozen=True):
    """A machine at the journal's head, which then goes on; `number`: where it was at the start, and from what it was
    made."""

    machine: Machine
    number: int
    snapshot: Path | None
    skipped: tuple[Path, ...]
    replayed: int

    @property
    def said(self) -> str:
        """One line for the operator: where the start began."""
        start = f"snapshot {self.snapshot.name}" if self.snapshot is not None else "the journal's beginning"
        skipped = "".join(f"; {file} is of another journal" for file in self.skipped)
        return f"started from {start}, {self.replayed} records replayed, at record {self.number}{skipped}"


def recover(journal: Path, load_market: MarketLoader) -> Recovered:
    """The machine at the head of this journal file, with the snapshots beside it.

    Raises JournalDamaged for a record or snapshot that is not what was written, MachineFault where a sound record gives
    other events than those recorded.
    """
    with Reader(journal) as reader:
        exchange_id, head = reader.exchange_id, reader.head()

        def chain_at(number: int) -> bytes | None:
            row = reader.record(number)
            return row.chain if row is not None else None

        found = snapshots.newest(journal.parent.joinpath(SNAPSHOTS), exchange_id, head.number, chain_at)
        machine = machine_from(found.snapshot, exchange_id, load_market)
        start = machine.number
        _replay(machine, reader, journal, head.number)
    if machine.number != head.number:
        raise JournalDamaged(journal, machine.number + 1, "is missing; run kirmash verify, take a backup")
    return Recovered(machine, machine.number, found.file, tuple(found.skipped), machine.number - start)


class Replayed:
    """A machine to which `verify` applies a journal from the beginning (journal.verify.Replica)."""

    def __init__(self, exchange_id: str, load_market: MarketLoader) -> None:
        self._exchange_id = exchange_id
        self._machine = machine_from(None, exchange_id, load_market)

    def replay(self, data: bytes) -> None:
        """Apply a record again; raises where anything about it comes out otherwise."""
        self._machine.replay(data)

    def state_hash(self) -> bytes:
        """The hash of the state (PS-8.5)."""
        return self._machine.state_hash()

    def differs_from(self, snapshot: Snapshot) -> str | None:
        """What of a snapshot taken here is not so, or None."""
        right = snapshot_of(self._machine, self._exchange_id)
        for field in right.__struct_fields__:
            if getattr(right, field) != getattr(snapshot, field):
                return f"its {field} is not what the records give"
        return None


def machine_from(snapshot: Snapshot | None, exchange_id: str, load_market: MarketLoader) -> Machine:
    """A machine as the snapshot left it, or an empty one."""
    if snapshot is None:
        return Machine(load_market(None), Office(), exchange_id)
    machine = Machine(load_market(snapshot.market), Office(snapshot.office), exchange_id)
    pending = [msgspec.msgpack.decode(owed, type=FollowUp) for owed in snapshot.pending]
    machine.restore(snapshot.number, snapshot.time, snapshot.chain, pending)
    return machine


def snapshot_of(machine: Machine, exchange_id: str) -> Snapshot:
    """The state between two batches, in bytes."""
    return Snapshot(
        SNAPSHOT_FORMAT,
        exchange_id,
        machine.number,
        machine.chain,
        machine.time,
        machine.market.state(),
        machine.office.state(),
        tuple(msgspec.Raw(codec.encode(owed)) for owed in machine.pending),
    )


@contextmanager
def _no_collector() -> Iterator[None]:
    """A replay makes millions of short-lived objects and no cycles; the collector would look at them in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_collector()
def _replay(machine: Machine, reader: Reader, journal: Path, to: int) -> None:
    for rows in reader.record_chunks(machine.number, to):
        if rows[-1][0] - machine.number != len(rows):
            expected = next(at for at, row in enumerate(rows, machine.number + 1) if row[0] != at)
            raise JournalDamaged(journal, expected, "is missing; run kirmash verify, take a backup")
        # The chain first, as in hashes.link: damaged bytes never reach a decider. Each link is looked at with the kept
        # hash before it, which its own link has vouched for.
        before, kept = machine.chain, [row[2] for row in rows]
        links = [sha256(chain + data).digest() for chain, (_, data, _) in zip([before, *kept], rows, strict=False)]
        if links != kept:
            number = next(row[0] for row, link in zip(rows, links, strict=True) if row[2] != link)
            raise JournalDamaged(
                journal, number, "does not fit its hash; run kirmash verify to see what is whole, take a backup"
            )
        machine.replay_whole([data for _, data, _ in rows], kept[-1])
