"""The journal's writing side: batches of records appended in one durable transaction each.

Invariants: numbers from 1 without gaps; a record, its chain hash, its row in the index of client ids and its batch's
row become durable together or not at all. One writer, guarded by the folder's lock. What a record says is no matter
here.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

from kirmash.journal import hashes
from kirmash.journal.connection import FORMAT, SCHEMA, Connection, connect_writer, storage
from kirmash.journal.errors import JournalDamaged, JournalExists, StorageFailed
from kirmash.journal.hashes import GrowingTree, Head
from kirmash.messages.codec import Record

Moment = Literal["before commit", "after commit"]
CommitHook = Callable[[Moment], None]
"""Called around each COMMIT; tests delay or fail there by raising OSError. Nothing else may use it."""

TRIAL_BYTES: Final = 64 * 1024
WAL_GROWN_BYTES: Final = 8 * 1024 * 1024
"""Twice what the checkpointer lets the WAL become in quiet times."""
_INSERT_RECORD: Final = "INSERT INTO records(number, record, chain) VALUES (?, ?, ?)"
_INSERT_CLIENT: Final = "INSERT INTO clients(kind, actor, id, number) VALUES (?, ?, ?, ?)"
_INSERT_BATCH: Final = "INSERT INTO batches(batch, first, last, root, peak, tree) VALUES (?, ?, ?, ?, ?, ?)"
_FIND_AT_ONCE: Final = 64
_FIND_ONE: Final = "SELECT kind, actor, id, number FROM clients WHERE (kind, actor, id) IN (VALUES (?, ?, ?))"
_FIND_MANY: Final = _FIND_ONE.replace("(?, ?, ?)", ", ".join(["(?, ?, ?)"] * _FIND_AT_ONCE))

ClientKey = tuple[int, str, str]
"""Actor kind, actor, client id."""


class Entry(Protocol):
    """A record to append: decoded, its bytes, and the chain hash after it."""

    @property
    def record(self) -> Record: ...

    @property
    def data(self) -> bytes: ...

    @property
    def chain(self) -> bytes: ...


class Journal:
    """journal.db, opened for writing. One thread at a time; after StorageFailed only `close` may be called."""

    def __init__(self, file: Path, connection: Connection, commit_hook: CommitHook | None) -> None:
        self.file = file
        self._connection = connection
        self._cursor = connection.cursor()
        self._hook = commit_hook
        with storage(file):
            self.exchange_id = _exchange_id(file, connection)
            self.number, self.chain = self._last_record()
            self._tree = self._last_tree()

    @classmethod
    def create(cls, file: Path, exchange_id: str, commit_hook: CommitHook | None = None) -> "Journal":
        """A new, empty journal. Raises JournalExists where the file is there already."""
        if file.exists():
            raise JournalExists(f"{file}: exists already")
        meta = {"exchange_id": exchange_id, "format": FORMAT, "genesis": hashes.genesis(exchange_id).hex()}
        try:
            connection = connect_writer(file, create=True)
            with storage(file):
                connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}")
                connection.executemany("INSERT INTO meta(key, value) VALUES (?, ?)", meta.items())
                connection.execute("COMMIT")
        except StorageFailed:
            file.unlink(missing_ok=True)
            raise
        return cls(file, connection, commit_hook)

    @classmethod
    def open(cls, file: Path, commit_hook: CommitHook | None = None) -> "Journal":
        """An existing journal; SQLite drops what a crash left uncommitted."""
        return cls(file, connect_writer(file), commit_hook)

    @property
    def head(self) -> Head:
        """Where the journal ends, as durable."""
        return Head(self.number, self.chain, self._tree.root(), self._tree.size)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write a batch durably; after StorageFailed the outcome is unknown until the journal is opened again."""
        self.append_batches((entries,))

    def append_batches(self, batches: Sequence[Sequence[Entry]]) -> None:
        """Write several batches, none of them empty, in one durable transaction: all of them are there, or none is.

        The bytes are those of as many `append`; what is spared is the waiting for the disk. After StorageFailed as
        there.
        """
        number = self.number
        for entries in batches:
            first, last = entries[0].record.number, entries[-1].record.number
            if (first, last) != (number + 1, number + len(entries)):
                raise AssertionError(f"records {first} to {last} do not follow {number}")
            number = last
        run = self._cursor.execute
        with storage(self.file):
            run("BEGIN IMMEDIATE")
            for entries in batches:
                self._insert(entries)
            if self._hook is not None:
                self._hook("before commit")
            run("COMMIT")
            if self._hook is not None:
                self._hook("after commit")
        self.number, self.chain = number, batches[-1][-1].chain

    def _insert(self, entries: Sequence[Entry]) -> None:
        """The rows of one batch, inside a transaction."""
        first, last = entries[0].record.number, entries[-1].record.number
        root = hashes.root_of([hashes.leaf(entry.data) for entry in entries])
        peak = self._tree.push(hashes.batch_entry(first, last, root))
        self._cursor.executemany(_INSERT_RECORD, [(e.record.number, e.data, e.chain) for e in entries])
        self._cursor.executemany(_INSERT_CLIENT, [client_row(entry.record) for entry in entries])
        self._cursor.execute(_INSERT_BATCH, (self._tree.size, first, last, root, peak, self._tree.root()))

    def find(self, keys: Sequence[ClientKey]) -> dict[ClientKey, int]:
        """The numbers under which these client ids were used; those that were not are left out."""
        found: dict[ClientKey, int] = {}
        with storage(self.file):
            for start in range(0, len(keys), _FIND_AT_ONCE):
                some = keys[start : start + _FIND_AT_ONCE]
                # Two shapes of the query, so that SQLite compiles each once: one key, or a full set, filled up.
                if len(some) > 1:
                    some = [*some, *[some[0]] * (_FIND_AT_ONCE - len(some))]
                query = _FIND_ONE if len(some) == 1 else _FIND_MANY
                rows = self._cursor.execute(query, [value for key in some for value in key])
                found.update(((kind, actor, client_id), number) for kind, actor, client_id, number in rows)
        return found

    def record(self, number: int) -> bytes:
        """The bytes of a record that is there."""
        with storage(self.file):
            row = self._cursor.execute("SELECT record FROM records WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise JournalDamaged(self.file, number, "is missing; run kirmash verify")
        data: bytes = row[0]
        return data

    def try_write(self) -> None:
        """Write and take out again, durably; raises StorageFailed where the disk does not take it."""
        with storage(self.file):
            self._cursor.execute("BEGIN IMMEDIATE")
            self._cursor.execute("INSERT INTO trial(bytes) VALUES (randomblob(?))", (TRIAL_BYTES,))
            if self._hook is not None:
                self._hook("before commit")
            self._cursor.execute("COMMIT")
            self._cursor.execute("DELETE FROM trial")

    def grow_wal(self) -> None:
        """Give the WAL file its blocks before they are needed: a commit into them is nearly twice as quick as one that
        lengthens the file. A large transaction spills into the WAL and is rolled back; nothing of it is ever there.

        Best effort: where the disk has no room for it, commits are only slower.
        """
        run = self._cursor.execute
        (pages,) = run("PRAGMA cache_size").fetchone()
        with contextlib.suppress(StorageFailed), storage(self.file):
            run("PRAGMA cache_size=16")
            run("BEGIN IMMEDIATE")
            run("INSERT INTO trial(bytes) VALUES (randomblob(?))", (WAL_GROWN_BYTES,))
        with storage(self.file):
            if self._connection.in_transaction:
                run("ROLLBACK")
            run(f"PRAGMA cache_size={pages}")

    def close(self) -> None:
        """Close; the last connection to close moves the WAL into the file. Errors there lose nothing: the WAL stays."""
        try:
            with storage(self.file):
                self._connection.close()
        except StorageFailed:
            return

    def _last_record(self) -> tuple[int, bytes]:
        row = self._cursor.execute("SELECT number, chain FROM records ORDER BY number DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else (0, hashes.genesis(self.exchange_id))

    def _last_tree(self) -> GrowingTree:
        row = self._cursor.execute("SELECT batch, last, tree FROM batches ORDER BY batch DESC LIMIT 1").fetchone()
        size, last, root = row or (0, 0, hashes.EMPTY_TREE)
        if last != self.number:
            raise JournalDamaged(self.file, last, f"the batches end here, the records at {self.number}; take a backup")
        peaks = [
            self._cursor.execute("SELECT peak FROM batches WHERE batch = ?", (at,)).fetchone()
            for at in hashes.peaks_at(size)
        ]
        if None in peaks:
            raise JournalDamaged(self.file, None, "batches: a row is missing; run kirmash verify")
        tree = GrowingTree(size, [peak for (peak,) in peaks])
        if tree.root() != root:
            raise JournalDamaged(self.file, None, "batches: the tree does not come out; run kirmash verify")
        return tree


def client_row(record: Record) -> tuple[int, str, str, int]:
    """A record's row in the index of client ids."""
    return (int(record.actor_kind), record.actor, record.client_id, record.number)


def _exchange_id(file: Path, connection: Connection) -> str:
    found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    exchange_id: str | None = found.get("exchange_id")
    if exchange_id is None or found.get("genesis") != hashes.genesis(exchange_id).hex():
        raise JournalDamaged(file, None, "meta: exchange_id and genesis do not fit; take a backup")
    return exchange_id
