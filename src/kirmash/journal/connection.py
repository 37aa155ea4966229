"""Opening journal.db: the one SQLite that is safe for it, the pragmas, the tables, and SQLite's errors in our words.

Invariants: WAL, synchronous=FULL on the writing connection, no automatic checkpoints (checkpoint.py has a thread for
them). The system's own sqlite3 module must not be used anywhere: its WAL-reset defect loses committed pages.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pysqlite3 import dbapi2

from kirmash.journal.errors import JournalDamaged, NotAJournal, StorageFailed

Connection = Any
"""A pysqlite3 connection; the package ships no types."""

FORMAT: Final = "1"
SQLITE_NEEDED: Final = (3, 51, 3)
WAL_KEPT_BYTES: Final = 32 * 1024 * 1024
"""To what the WAL file is cut when it begins anew after a stuck reader let it grow."""

WRITER_PATIENCE_MS: Final = 10_000
READER_PATIENCE_MS: Final = 10_000

# batches.peak and batches.tree are derivable: `peak` lets a start rebuild the growing tree from a few rows, `tree`
# gives each batch's end a head. trial is empty; rows go in and out to find out whether the disk takes writes.
SCHEMA: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE records(number INTEGER PRIMARY KEY, record BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE batches(batch INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
    root BLOB NOT NULL, peak BLOB NOT NULL, tree BLOB NOT NULL) STRICT;
CREATE TABLE clients(kind INTEGER NOT NULL, actor TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY(kind, actor, id)) STRICT, WITHOUT ROWID;
CREATE TABLE trial(bytes BLOB NOT NULL) STRICT;
"""
TABLES: Final = ("batches", "clients", "meta", "records", "trial")


@contextmanager
def storage(file: Path) -> Iterator[None]:
    """Inside, SQLite's errors and the system's become ours, naming the file."""
    try:
        yield
    except dbapi2.OperationalError as error:
        raise StorageFailed(f"{file}: {error}") from error
    except dbapi2.DatabaseError as error:
        text = str(error)
        if "not a database" in text:
            raise NotAJournal(f"{file}: not a journal") from error
        if "malformed" in text:
            raise JournalDamaged(file, None, f"{text}; take a backup") from error
        raise StorageFailed(f"{file}: {text}") from error
    except OSError as error:
        raise StorageFailed(f"{file}: {error.strerror or error}") from error


def connect_writer(file: Path, *, create: bool = False) -> Connection:
    """The one connection that writes. It may be used by one thread at a time, not only by the one that opened it."""
    _check_library()
    with storage(file):
        if not create and not file.exists():
            raise NotAJournal(f"{file}: no such file")
        connection = connect(file, "rwc" if create else "rw", WRITER_PATIENCE_MS)
        if not create:
            check_tables(file, connection)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            f"journal_size_limit={WAL_KEPT_BYTES}",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection


def connect_reader(file: Path) -> Connection:
    """A connection that cannot write. Readers of a running exchange hold no transaction longer than one chunk."""
    _check_library()
    with storage(file):
        if not file.exists():
            raise NotAJournal(f"{file}: no such file")
        # A journal at rest has no WAL. On a read-only medium SQLite could not make its index, and needs none.
        wal = Path(f"{file}-wal")
        at_rest = not wal.exists() or wal.stat().st_size == 0
        unwritable = not os.access(file.parent, os.W_OK)
        connection = connect(file, "ro&immutable=1" if at_rest and unwritable else "ro", READER_PATIENCE_MS)
        connection.execute("PRAGMA query_only=ON")
        check_tables(file, connection)
        return connection


def check_tables(file: Path, connection: Connection) -> None:
    """Raises NotAJournal where the tables of this format are not there."""
    named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    if tuple(name for (name,) in named) != TABLES:
        raise NotAJournal(f"{file}: not a journal")
    found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if found.get("format") != FORMAT:
        raise NotAJournal(
            f"{file}: meta: format is {found.get('format')!r}, this program knows {FORMAT!r}; use the one that made it"
        )


def connect(file: Path, mode: str, patience_ms: int) -> Connection:
    """A plain connection (SQLite's `mode=`) in autocommit; nothing of the file is checked."""
    connection = dbapi2.connect(
        f"file:{quote(str(file.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=0,
    )
    connection.execute(f"PRAGMA busy_timeout={patience_ms}")
    return connection


def _check_library() -> None:
    if dbapi2.sqlite_version_info < SQLITE_NEEDED:
        needed = ".".join(map(str, SQLITE_NEEDED))
        raise StorageFailed(
            f"SQLite {dbapi2.sqlite_version} can lose committed pages (WAL-reset defect); {needed} is needed"
        )
