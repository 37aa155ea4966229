"""The journal's reading side: rows in number order, from a file that may be written meanwhile.

Invariant: no transaction outlives one chunk of rows, so that no reader of ours keeps checkpoints from emptying the WAL.
What is read is not checked here; recovery and verify do that.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from kirmash.journal import hashes
from kirmash.journal.connection import connect_reader, storage
from kirmash.journal.errors import NotAJournal
from kirmash.journal.hashes import Head

CHUNK_ROWS: Final = 4096


class RecordRow(NamedTuple):
    """A row of `records` as it stands."""

    number: int
    record: bytes
    chain: bytes


class BatchRow(NamedTuple):
    """A row of `batches` as it stands."""

    batch: int
    first: int
    last: int
    root: bytes
    peak: bytes
    tree: bytes


class Bounds(NamedTuple):
    """The greatest number and batch, and how many records and entries of the index of client ids there are."""

    number: int
    records: int
    batch: int
    clients: int


class Reader:
    """A journal opened for reading only; also while the exchange runs."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection = connect_reader(file)
        self._cursor = self._connection.cursor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with storage(self.file):
            self._connection.close()

    def meta(self) -> dict[str, str]:
        """The rows of `meta`."""
        with storage(self.file):
            return dict(self._cursor.execute("SELECT key, value FROM meta").fetchall())

    @property
    def exchange_id(self) -> str:
        """Whose journal it is."""
        try:
            return self.meta()["exchange_id"]
        except KeyError:
            raise NotAJournal(f"{self.file}: meta: exchange_id is missing") from None

    def head(self) -> Head:
        """Where the journal ends now."""
        with storage(self.file):
            row = self._cursor.execute(
                "SELECT batch, last, tree, chain FROM batches JOIN records ON number = last ORDER BY batch DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return Head(0, hashes.genesis(self.exchange_id), hashes.EMPTY_TREE, 0)
        batch, last, tree, chain = row
        return Head(last, chain, tree, batch)

    def bounds(self) -> Bounds:
        """How far the tables reach at one moment, whatever is being appended."""
        with storage(self.file):
            row = self._cursor.execute(
                "SELECT (SELECT max(number) FROM records), (SELECT count(*) FROM records),"
                " (SELECT max(batch) FROM batches), (SELECT count(*) FROM clients)"
            ).fetchone()
        return Bounds(*(value or 0 for value in row))

    def record(self, number: int) -> RecordRow | None:
        """One row of `records`."""
        with storage(self.file):
            row = self._cursor.execute(
                "SELECT number, record, chain FROM records WHERE number = ?", (number,)
            ).fetchone()
        return RecordRow(*row) if row else None

    def records(self, after: int | None = None, to: int | None = None) -> Iterator[tuple[int, bytes, bytes]]:
        """Number, record and chain of the rows with numbers above `after`, up to `to`, ascending.

        Without `after` also the numbers that no journal has, 0 and below, which one that was tampered with may have.
        """
        return chain.from_iterable(self.record_chunks(after, to))

    def record_chunks(
        self, after: int | None = None, to: int | None = None
    ) -> Iterator[Sequence[tuple[int, bytes, bytes]]]:
        """The same, in lists as they are read."""
        return self._chunks(
            "SELECT number, record, chain FROM records WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
            _LEAST if after is None else after,
            to,
        )

    def batches(self, after: int | None = None, to: int | None = None) -> Iterator[BatchRow]:
        """Rows of `batches` ascending by ordinal, those of a journal that was tampered with (0 and below) included."""
        query = (
            "SELECT batch, first, last, root, peak, tree FROM batches"
            " WHERE batch > ? AND batch <= ? ORDER BY batch LIMIT ?"
        )
        for rows in self._chunks(query, _LEAST if after is None else after, to):
            yield from (BatchRow(*row) for row in rows)

    def batch_of(self, number: int) -> BatchRow | None:
        """The batch in which a record was committed, by bisection: ordinals and numbers rise together."""
        low, high = 1, self.head().batches
        while low <= high:
            middle = (low + high) // 2
            row = next(self.batches(middle - 1, middle), None)
            if row is None:
                return None
            if row.last < number:
                low = middle + 1
            elif row.first > number:
                high = middle - 1
            else:
                return row
        return None

    def find(self, kind: int, actor: str, client_id: str) -> int | None:
        """The number that the index of client ids has for this actor's id."""
        with storage(self.file):
            row = self._cursor.execute(
                "SELECT number FROM clients WHERE kind = ? AND actor = ? AND id = ?", (kind, actor, client_id)
            ).fetchone()
        return row[0] if row else None

    def _chunks(self, query: str, after: int, to: int | None) -> Iterator[Any]:
        while True:
            with storage(self.file):
                rows = self._cursor.execute(query, (after, _MOST if to is None else to, CHUNK_ROWS)).fetchall()
            if rows:
                yield rows
            if len(rows) < CHUNK_ROWS:
                return
            after = rows[-1][0]


_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
