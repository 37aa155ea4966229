"""The writing side of views.db: records in number order, a batch and its checkpoint in one transaction.

Invariant: the file holds exactly what the records up to its checkpoint say. It may lose its last batches, or more when
the host dies (synchronous=OFF); the journal has them. One thread applies; any may ask how far the views are.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from pysqlite3 import dbapi2
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from kirmash.journal.hashes import genesis
from kirmash.journal.reader import Reader
from kirmash.messages.codec import Record, decode_record
from kirmash.projections.fold import fold
from kirmash.projections.store import Views
from kirmash.projections.tables import FORMAT, METADATA

BATCH_RECORDS: Final = 1_000
PATIENCE_MS: Final = 10_000
_CLEAN: Final = 1

Entry = tuple[Record | bytes, bytes]
"""A record, decoded or not, and the chain hash after it."""


class ViewsStale(Exception):
    """These views are damaged, of another format, or not of this journal; `rebuild` makes them anew."""


class ViewsFailed(OSError):
    """The disk would not take or give the views: full, read-only, broken. The journal is not concerned."""


@contextmanager
def views_errors(file: Path) -> Iterator[None]:
    """Inside, SQLite's errors become ours, naming the file."""
    try:
        yield
    except dbapi2.OperationalError as error:
        raise ViewsFailed(f"{file}: {error}") from error
    except dbapi2.DatabaseError as error:
        raise ViewsStale(f"{file}: damaged ({error})") from error


def views_pool(file: Path, mode: str, pragmas: Sequence[str], **pool: Any) -> Engine:
    """An engine whose connections open the file in this mode (SQLite's `mode=`), in autocommit."""

    def connect() -> Any:
        connection = dbapi2.connect(
            f"file:{quote(str(file.absolute()))}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return create_engine("sqlite://", module=dbapi2, creator=connect, **pool)


class Projector:
    """views.db, opened for writing. Made by `open` or `create`."""

    def __init__(self, file: Path, connection: Any) -> None:
        self.file: Final = file
        self._connection = connection
        self._cursor: Any = connection.cursor()
        self._views = Views()
        self._views.attach(self._cursor)
        self._changed = threading.Condition()
        self._clean = True
        with views_errors(file):
            row = self._cursor.execute("SELECT exchange, number, chain FROM checkpoint").fetchone()
        self.exchange_id: str = row[0]
        self._number: int = row[1]
        self._chain: bytes = row[2]

    @classmethod
    def create(cls, file: Path, exchange_id: str, *, indexes: bool = True) -> Self:
        """New, empty views. Without indexes for a rebuild, which makes them at its end. Raises ViewsFailed."""
        connection = _connect(file, "rwc")
        with views_errors(file):
            connection.execute("BEGIN IMMEDIATE")
            for table in METADATA.sorted_tables:
                connection.execute(_sql(CreateTable(table)))
            connection.execute(
                "INSERT INTO checkpoint VALUES (1, ?, ?, 0, ?)", (FORMAT, exchange_id, genesis(exchange_id))
            )
            if indexes:
                _make_indexes(connection)
            connection.execute(f"PRAGMA user_version={_CLEAN}")
            connection.execute("COMMIT")
        return cls(file, connection)

    @classmethod
    def open(cls, views: Path, journal: Path) -> Self:
        """The views of this journal, made empty where there are none. Raises ViewsStale, ViewsFailed, JournalError."""
        with Reader(journal) as reader:
            if not views.exists():
                return cls.create(views, reader.exchange_id)
            connection = None
            try:
                connection = _connect(views, "rw")
                with views_errors(views):
                    _check_file(views, connection)
                found = cls(views, connection)
                found.check(reader)
            except (ViewsStale, ViewsFailed):
                if connection is not None:
                    connection.close()
                raise
        return found

    def check(self, reader: Reader) -> None:
        """Whether these are views of that journal. Raises ViewsStale."""
        if self.exchange_id != reader.exchange_id:
            raise ViewsStale(f"{self.file}: views of exchange {self.exchange_id}, not {reader.exchange_id}")
        head = reader.head().number
        if self._number > head:
            raise ViewsStale(f"{self.file}: views of {self._number} records, ahead of the journal's {head}")
        if self._number == 0:
            return
        row = reader.record(self._number)
        if row is None or row.chain != self._chain:
            raise ViewsStale(f"{self.file}: views of another journal: the chain at {self._number} differs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def checkpoint(self) -> int:
        """The views hold all records up to this number. From any thread."""
        return self._number

    @property
    def chain(self) -> bytes:
        """The chain hash of the record at the checkpoint."""
        return self._chain

    def wait_for(self, number: int, timeout: float) -> bool:  # seconds
        """Wait until the views hold this record; False where they do not after `timeout` seconds. From any thread."""
        with self._changed:
            return self._changed.wait_for(lambda: self._number >= number, timeout)

    def apply(self, entries: Sequence[Entry]) -> None:
        """Take in the records after the checkpoint, at most a thousand in a transaction.

        Raises ValueError where the first is not the next one, ViewsFailed or ViewsStale where the file will not take
        them; then the batch concerned is as if it had not been given.
        """
        for start in range(0, len(entries), BATCH_RECORDS):
            self._apply(entries[start : start + BATCH_RECORDS])

    def _apply(self, batch: Sequence[Entry]) -> None:
        number = self._number
        committed = False
        try:
            with views_errors(self.file):
                self._cursor.execute("BEGIN IMMEDIATE")
                if self._clean:
                    self._cursor.execute("PRAGMA user_version=0")
                for given, _ in batch:
                    record = given if isinstance(given, Record) else decode_record(given)
                    if record.number != number + 1:
                        raise ValueError(f"record {record.number} where {number + 1} was expected")
                    number = record.number
                    fold(self._views, record)
                self._views.write()
                self._cursor.execute("UPDATE checkpoint SET number = ?, chain = ?", (number, batch[-1][1]))
                self._cursor.execute("COMMIT")
                committed = True
        finally:
            if not committed:
                self._views.forget()
                if self._connection.in_transaction:
                    self._connection.rollback()
        self._clean = False
        with self._changed:
            self._number, self._chain = number, batch[-1][1]
            self._changed.notify_all()

    def make_indexes(self, told: Callable[[str], None] | None = None) -> None:
        """The indexes, after all rows are in."""
        with views_errors(self.file):
            _make_indexes(self._connection, told)

    @property
    def kept_rows(self) -> int:
        """How many rows are in memory: bounded, however many orders are open."""
        return sum(view.kept for view in self._views.each())

    def close(self) -> None:
        """Note that all was written, and close the file. Closing twice is harmless."""
        if self._connection is None:
            return
        with views_errors(self.file):
            if not self._clean:
                self._cursor.execute(f"PRAGMA user_version={_CLEAN}")
            self._connection.close()
        self._connection = None

    def drop(self) -> None:
        """Let go of the file as a process that dies does: nothing is noted."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=OFF", "trusted_schema=OFF", "cache_size=-65536")


def _connect(file: Path, mode: str) -> Any:
    engine = views_pool(file, mode, _PRAGMAS, poolclass=NullPool)
    with views_errors(file):
        # The driver's own connection: a batch is tens of thousands of rows, and their statements are made beforehand.
        fairy = engine.raw_connection()
        connection = fairy.driver_connection
        fairy.detach()
        return connection


def _sql(element: Any) -> str:
    return str(element.compile(dialect=sqlite.dialect()))


def _make_indexes(connection: Any, told: Callable[[str], None] | None = None) -> None:
    for table in METADATA.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if told is not None:
                told(str(index.name))
            connection.execute(_sql(CreateIndex(index)))


def _check_file(file: Path, connection: Any) -> None:
    """Format and tables; the pages too where the last one to write did not close the file. Raises ViewsStale."""
    (clean,) = connection.execute("PRAGMA user_version").fetchone()
    if clean != _CLEAN:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise ViewsStale(f"{file}: damaged ({found})")
    named = {(kind, name) for kind, name in connection.execute("SELECT type, name FROM sqlite_schema")}
    if ("table", "checkpoint") not in named:
        raise ViewsStale(f"{file}: no views")
    row = connection.execute("SELECT format FROM checkpoint").fetchone()
    if row is None or row[0] != FORMAT:
        raise ViewsStale(f"{file}: views of format {row[0] if row else 'unknown'}; this program knows {FORMAT}")
    wanted = {("table", table.name) for table in METADATA.sorted_tables}
    wanted |= {("index", str(index.name)) for table in METADATA.sorted_tables for index in table.indexes}
    if not wanted <= named:
        raise ViewsStale(f"{file}: incomplete: {', '.join(sorted(name for _, name in wanted - named))} missing")
