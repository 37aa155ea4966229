"""Backup: a data folder copied consistently while the exchange writes it.

The journal only grows, so a copy of all rows up to the end of one batch is consistent however long the copying takes;
it goes in short transactions, and no checkpoint waits for it. Profiles and keys are copied after the journal: whatever
it names is there. The copy is checked before it gets its name.
"""

import os
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from kirmash.journal import snapshot
from kirmash.journal.connection import READER_PATIENCE_MS, Connection, connect, connect_writer, storage
from kirmash.journal.errors import JournalExists, StorageFailed
from kirmash.journal.folder import BLOBS, JOURNAL_FILE, KEYS, SNAPSHOTS, journal_file, sync_directory
from kirmash.journal.hashes import Head
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal, client_row
from kirmash.journal.verify import Verified, verify
from kirmash.messages import codec

CHUNK_RECORDS: Final = 20_000


def backup(
    folder: Path,
    destination: Path,
    progress: Callable[[int, int], None] | None = None,
    before: Callable[[Path], None] | None = None,
) -> Verified:
    """Copy a data folder to a new one; gives what the check of the copy found. The writer may be at work.

    `before` is called with the folder of the copy while that is still empty: what it puts there is older than the
    copied journal, and gets its name together with it. Raises JournalExists where the destination exists. The copy's
    hashes are checked, its records are not applied again: `kirmash verify` on the copy does that.
    """
    if destination.exists():
        raise JournalExists(f"{destination}: exists already")
    source = journal_file(folder)
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        if before is not None:
            before(partial)
        head = _copy_journal(source, partial.joinpath(JOURNAL_FILE), progress)
        _copy_snapshots(folder.joinpath(SNAPSHOTS), partial.joinpath(SNAPSHOTS), head.number)
        for name in (BLOBS, KEYS):
            _copy_files(folder.joinpath(name), partial.joinpath(name))
        verified = verify(partial, None, expect_head=head.hash)
        sync_directory(partial)
        partial.replace(destination)
        sync_directory(destination.parent)
    except OSError as error:
        raise StorageFailed(f"{destination}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return verified


def _copy_journal(source: Path, copy: Path, progress: Callable[[int, int], None] | None) -> Head:
    with Reader(source) as reader:
        head = reader.head()
        Journal.create(copy, reader.exchange_id).close()
        connection = connect_writer(copy)
        try:
            with storage(copy):
                # Nobody relies on the copy before it has its name, and by then it is synced as a whole.
                connection.execute("PRAGMA synchronous=OFF")
                rows = reader.records(0, head.number)
                while chunk := list(islice(rows, CHUNK_RECORDS)):
                    _write_records(connection, chunk)
                    if progress is not None:
                        progress(chunk[-1][0], head.number)
                connection.executemany(
                    "INSERT INTO batches(batch, first, last, root, peak, tree) VALUES (?, ?, ?, ?, ?, ?)",
                    reader.batches(0, head.batches),
                )
        finally:
            connection.close()
    sync_file(copy)
    return head


def _write_records(connection: Connection, chunk: list[tuple[int, bytes, bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO records(number, record, chain) VALUES (?, ?, ?)", chunk)
    connection.executemany(
        "INSERT INTO clients(kind, actor, id, number) VALUES (?, ?, ?, ?)",
        [client_row(codec.decode_record(data)) for _, data, _ in chunk],
    )
    connection.execute("COMMIT")
    # The copy's own WAL would otherwise grow to the size of the journal.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy_snapshots(source: Path, copy: Path, number: int) -> None:
    """Snapshots that the copied journal reaches; one taken since then would say that the copy has lost its end."""
    for file in snapshot.files(source):
        try:
            taken = snapshot.read(file)
        except StorageFailed:
            # The exchange keeps only the newest: this one may have been dropped since the listing.
            if file.exists():
                raise
            continue
        if taken.number <= number:
            copy.mkdir(exist_ok=True)
            _copy_file(file, copy.joinpath(file.name))


def _copy_files(source: Path, copy: Path) -> None:
    if not source.is_dir():
        return
    copy.mkdir(mode=0o700)
    for file in sorted(source.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            _copy_file(file, copy.joinpath(file.name))
    sync_directory(copy)


def _copy_file(source: Path, copy: Path) -> None:
    try:
        shutil.copy2(source, copy)
    except FileNotFoundError:
        # A person was forgotten, or a snapshot dropped, since the listing.
        return
    sync_file(copy)


def copy_database(source: Path, copy: Path) -> None:
    """A new copy of another SQLite file beside the journal, as it is at one moment, readable by its owner only.

    Raises StorageFailed. Whoever has the file open may write to it meanwhile.
    """
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with storage(source):
        reading = connect(source, "ro", READER_PATIENCE_MS)
        try:
            # Into the empty file that is there already, with its permissions.
            reading.execute("VACUUM INTO ?", (str(copy),))
        finally:
            reading.close()
    sync_file(copy)


def sync_file(file: Path) -> None:
    """Have what was written to a file on the disk. Raises OSError."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
