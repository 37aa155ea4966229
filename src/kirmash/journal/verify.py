"""Verify: everything in a journal checked against everything else, as a stranger would (DESIGN §7, PS-8.3, PS-7.5).

Each record is applied again and its bytes compared; the chain, the batches' trees, the index of client ids, meta and
the snapshots are recomputed, and the profiles that records name are hashed. The first row that does not hold is named.
Reads only, also beside a running exchange.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from kirmash.journal import hashes, snapshot
from kirmash.journal.errors import CHECK_FAILED, JournalDamaged, JournalError, StorageFailed
from kirmash.journal.folder import SNAPSHOTS, journal_file
from kirmash.journal.hashes import GrowingTree, Head
from kirmash.journal.profiles import Profiles
from kirmash.journal.reader import BatchRow, Reader
from kirmash.journal.snapshot import Snapshot
from kirmash.messages import codec
from kirmash.messages.codec import Record
from kirmash.messages.events import ProfileRecorded
from kirmash.messages.kinds import Decider

META: Final = ("exchange_id", "format", "genesis")
PROGRESS_EVERY: Final = 10_000


class Replica(Protocol):
    """What applies records again: market and office behind one door (sequencer.recovery.Replayed is one)."""

    def replay(self, data: bytes, /) -> object:
        """Apply a record; raises where its number, time, follow-ups or events come out otherwise."""
        ...

    def state_hash(self) -> bytes:
        """The hash of the state (PS-8.5)."""
        ...

    def differs_from(self, snapshot: Snapshot, /) -> str | None:
        """What of a snapshot taken after the last record applied is not so, or None."""
        ...


class CheckFailed(JournalError):
    """The journal is not what it claims to be: the table and the number of the first row that does not hold.

    `number` is a record's number for records and clients, the batch's ordinal for batches, None for meta.
    """

    exit_code = CHECK_FAILED

    def __init__(self, file: Path, table: str, number: int | None, what: str) -> None:
        place = f"{_PLACES.get(table, table)} {number}" if number is not None else table
        super().__init__(f"{file}: {place}: {what}")
        self.file = file
        self.table = table
        self.number = number


_PLACES: Final = {
    "records": "record",
    "batches": "batch",
    "clients": "index of client ids: record",
    "snapshot": "after record",
    "profile": "named by record",
}


class ProfilesFound(Struct, frozen=True):
    """The profiles that the journal names, each version of each person once. Counts overlap: see `forgotten`."""

    recorded: int
    present: int
    """Those whose file is there; each has the recorded hash."""
    forgotten: int
    """Those of persons who have no key (any more), whether or not the file is there."""

    @property
    def missing(self) -> int:
        """Those without a file: never put, lost, or left out of what was handed over."""
        return self.recorded - self.present


class Verified(Struct, frozen=True):
    """What was checked, and where the journal ends."""

    exchange_id: str
    head: Head
    state_hash: bytes | None
    snapshots: int
    expected_at: int | None
    """The number at which the journal had the expected head."""
    profiles: ProfilesFound | None = None
    """None where a journal file alone was checked: blobs and keys lie in a data folder."""


def verify(
    path: Path,
    new_replica: Callable[[str], Replica] | None,
    *,
    expect_head: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Check a data folder, or a journal file alone. Raises CheckFailed at the first row that does not hold.

    `new_replica` makes an empty exchange of an id; without one the records are not applied again, and only hashes and
    indexes are checked. `expect_head` is a head noted earlier, in hex: the journal must have had it at the end of a
    batch. `progress` is told how many records of how many are done.
    """
    file = journal_file(path)
    snapshots = _read_snapshots(path.joinpath(SNAPSHOTS)) if path.is_dir() else {}
    profiles = Profiles(path) if path.is_dir() else None
    with Reader(file) as reader:
        return _Check(file, reader, new_replica, snapshots, profiles, progress).run(expect_head)


def _read_snapshots(folder: Path) -> dict[int, tuple[Path, Snapshot]]:
    """The snapshots by their number. They are read before the journal's end is, which may grow meanwhile."""
    found: dict[int, tuple[Path, Snapshot]] = {}
    for file in snapshot.files(folder):
        try:
            read = snapshot.read(file)
        except JournalDamaged as error:
            raise CheckFailed(file, "snapshot", None, str(error).removeprefix(f"{file}: ")) from None
        except StorageFailed:
            # The exchange keeps only the newest: this one may have been dropped since the listing.
            if file.exists():
                raise
            continue
        found[read.number] = (file, read)
    return found


class _Check:
    """One pass over a journal; what it has found so far."""

    def __init__(
        self,
        file: Path,
        reader: Reader,
        new_replica: Callable[[str], Replica] | None,
        snapshots: dict[int, tuple[Path, Snapshot]],
        profiles: Profiles | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.file = file
        self.reader = reader
        self.bounds = reader.bounds()
        self.exchange_id = self.check_meta()
        self.replica = new_replica(self.exchange_id) if new_replica is not None else None
        self.progress = progress
        self.number = 0
        self.chain = hashes.genesis(self.exchange_id)
        self.tree = GrowingTree()
        self.snapshots = snapshots
        self.profiles = profiles
        self.present: dict[tuple[str, str], bool] = {}
        self.rows = reader.records(None, self.bounds.number)

    @property
    def head(self) -> Head:
        return Head(self.number, self.chain, self.tree.root(), self.tree.size)

    def run(self, expect_head: str | None) -> Verified:
        wanted = expect_head.strip().lower() if expect_head is not None else None
        expected_at = 0 if wanted == self.head.hash else None
        for row in self.reader.batches(None, self.bounds.batch):
            self.check_batch(row)
            if wanted is not None and self.head.hash == wanted:
                expected_at = self.number
        if (surplus := next(self.rows, None)) is not None:
            raise self.fail("records", surplus[0], "belongs to no batch")
        if self.bounds.clients != self.number:
            raise self.fail("clients", None, f"has {self.bounds.clients} entries for {self.number} records")
        for number, (file, _) in self.snapshots.items():
            if number > self.number:
                raise CheckFailed(
                    file, "snapshot", None, f"was taken after record {number}, but the journal ends at {self.number}"
                )
        if wanted is not None and expected_at is None:
            raise self.fail(
                "head",
                None,
                f"{wanted} is none of this journal, which ends at record {self.number} with head {self.head.hash}: "
                "its end was cut off, or it is another journal",
            )
        state_hash = self.replica.state_hash() if self.replica is not None else None
        return Verified(
            self.exchange_id, self.head, state_hash, len(self.snapshots), expected_at, self.profiles_found()
        )

    def fail(self, table: str, number: int | None, what: str) -> CheckFailed:
        return CheckFailed(self.file, table, number, what)

    def check_meta(self) -> str:
        meta = self.reader.meta()
        for key in META:
            if key not in meta:
                raise self.fail("meta", None, f"{key} is missing")
        if surplus := sorted(meta.keys() - set(META)):
            raise self.fail("meta", None, f"{surplus[0]} does not belong there")
        if meta["genesis"] != hashes.genesis(meta["exchange_id"]).hex():
            raise self.fail("meta", None, f"genesis is not that of exchange_id {meta['exchange_id']!r}")
        return meta["exchange_id"]

    def check_batch(self, row: BatchRow) -> None:
        """A batch with its records."""
        expected = self.tree.size + 1
        if row.batch != expected:
            missing = expected if row.batch > expected else row.batch
            raise self.fail("batches", missing, f"is missing, or stands where batch {expected} should")
        if row.first != self.number + 1 or row.last < row.first:
            raise self.fail("batches", row.batch, f"is {row.first} to {row.last} where {self.number + 1} comes next")
        leaves: list[bytes] = []
        while self.number < row.last:
            record = next(self.rows, None)
            if record is None:
                if (size := _size_of(row.root, leaves)) is not None:
                    last = row.first + size - 1
                    raise self.fail("batches", row.batch, f"last is {row.last}, but its root is that up to {last}")
                raise self.fail("records", self.number + 1, "is missing at the end")
            leaves.append(self.check_record(*record))
        root = hashes.root_of(leaves)
        if root != row.root:
            raise self.fail("batches", row.batch, f"root over records {row.first} to {row.last} does not come out")
        if self.tree.push(hashes.batch_entry(row.first, row.last, root)) != row.peak:
            raise self.fail("batches", row.batch, "peak does not come out")
        if self.tree.root() != row.tree:
            raise self.fail("batches", row.batch, "tree does not come out")

    def check_record(self, at: int, data: bytes, chain: bytes) -> bytes:
        """A record with its chain hash, its entry in the index and its events; gives its leaf."""
        number = self.number + 1
        if at > number:
            raise self.fail("records", number, f"is missing; {at} comes next")
        if at < number:
            raise self.fail("records", _number_in(data) or at, f"stands under number {at}")
        if hashes.link(self.chain, data) != chain:
            raise self.fail("records", number, self.which_broke(number, chain))
        record = self.decode(number, data)
        if self.reader.find(record.actor_kind, record.actor, record.client_id) != number:
            raise self.fail("clients", number, f"client id {record.client_id} does not lead there")
        if self.replica is not None:
            with _ReplayGuard(self, number):
                self.replica.replay(data)
        self.number, self.chain = number, chain
        if number in self.snapshots:
            self.check_snapshot(*self.snapshots[number])
        if self.profiles is not None and record.decider is Decider.OFFICE:
            self.check_profiles(self.profiles, record)
        if self.progress is not None and number % PROGRESS_EVERY == 0:
            self.progress(number, self.bounds.number)
        return hashes.leaf(data)

    def decode(self, number: int, data: bytes) -> Record:
        try:
            record = codec.decode_record(data)
        except msgspec.DecodeError as error:
            raise self.fail("records", number, f"is no record: {error}") from None
        if record.number != number:
            raise self.fail("records", number, f"says that it is {record.number}")
        return record

    def check_profiles(self, profiles: Profiles, record: Record) -> None:
        """The profile that the record names, if any: a missing file or key is no finding, a changed file is one."""
        try:
            made = codec.decode_events(record.events)
        except msgspec.DecodeError as error:
            raise self.fail("records", record.number, f"holds no events: {error}") from None
        for event in made:
            if not isinstance(event, ProfileRecorded):
                continue
            try:
                self.present[event.person, event.profile] = profiles.has(event.profile)
            except JournalDamaged as error:
                what = str(error).removeprefix(f"{error.file}: ")
                raise CheckFailed(error.file, "profile", record.number, what) from None

    def profiles_found(self) -> ProfilesFound | None:
        """What became of the profiles named; keys are looked at last, since a person may be forgotten meanwhile."""
        if self.profiles is None:
            return None
        forgotten = sum(not self.profiles.knows(person) for person, _ in self.present)
        return ProfilesFound(len(self.present), sum(self.present.values()), forgotten)

    def which_broke(self, number: int, chain: bytes) -> str:
        """Record and chain hash of a row do not fit; the next row knows the right chain hash."""
        after = self.reader.record(number + 1)
        if after is not None and hashes.link(chain, after.record) == after.chain:
            return "its bytes were changed: they do not fit the chain of hashes"
        return "does not fit its chain hash"

    def check_snapshot(self, file: Path, found: Snapshot) -> None:
        wrong = None
        if found.exchange_id != self.exchange_id:
            wrong = f"is of another exchange, {found.exchange_id!r}"
        elif found.chain != self.chain:
            wrong = f"has another chain hash than record {self.number}"
        elif self.replica is not None:
            wrong = self.replica.differs_from(found)
        if wrong is not None:
            raise CheckFailed(file, "snapshot", self.number, wrong)


class _ReplayGuard:
    """Whatever a record makes the replica raise, a trap of the native market included, is a finding at that record."""

    def __init__(self, check: _Check, number: int) -> None:
        self._check = check
        self._number = number

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            what = str(error).removeprefix(f"record {self._number}: ")
            raise self._check.fail("records", self._number, what or type(error).__name__) from error


def _size_of(root: bytes, leaves: list[bytes]) -> int | None:
    """Of how many of these leaves, from the first, it is the root."""
    return next((size for size in range(1, len(leaves) + 1) if hashes.root_of(leaves[:size]) == root), None)


def _number_in(data: bytes) -> int | None:
    try:
        return codec.decode_record(data).number
    except msgspec.DecodeError:
        return None
