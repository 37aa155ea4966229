"""How every question is asked: one read transaction on a pooled connection, a page, the checkpoint that it shows.

A page holds at most 500 rows; what follows is asked for by the cursor that it gives, an opaque text of the last key.
Rows that come or go between two pages are neither repeated nor do they shift the others. A connection notices when a
rebuild has put another file in place. Nothing here can write (mode=ro, query_only).
"""

import base64
import binascii
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Engine, QueuePool, Select, select, tuple_
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from kirmash.messages.units import currency_digits, decimals_of, multiple_text, scaled_text
from kirmash.projections import tables as t
from kirmash.projections.projector import ViewsFailed, ViewsStale, views_pool
from kirmash.queries.names import code_of

LIMIT_MAX: Final = 500
LIMIT_DEFAULT: Final = 100
EARLY: Final = 100
"""So many rows has the page of a list that is not whole, for who asks with `WholeOr`."""
CONNECTIONS: Final = 4
_INTEGER_MAX: Final = 2**63 - 1

T = TypeVar("T")


class QueryError(ValueError):
    """A question that cannot be answered as put: the field concerned and what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class WholeOr(int):
    """A limit for who shows a list whole if it has no more than so many rows, and else page by page: then a page has
    EARLY rows, and no more of them are made. A list that goes on from a cursor is not whole."""

    def given(self, found: int, cursor: str | None) -> int:
        """How many rows the page has, of so many found with one more than the limit."""
        return int(self) if found <= self and cursor is None else min(self, EARLY)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Rows, the cursor of those that follow (None at the end), and the checkpoint at which all this held."""

    rows: list[T]
    next_cursor: str | None
    number: int


class Listing(NamedTuple):
    """What turns an instrument's integers into decimal text."""

    tick: str
    lot: str
    currency: str
    tick_lot_value: int

    def price(self, ticks: int) -> str:
        """A price as decimal text."""
        return multiple_text(ticks, self.tick)

    def quantity(self, lots: int) -> str:
        """A quantity as decimal text."""
        return multiple_text(lots, self.lot)

    def maybe_price(self, ticks: int | None) -> str | None:
        """A price that may be absent."""
        return None if ticks is None else self.price(ticks)

    def maybe_quantity(self, lots: int | None) -> str | None:
        """A quantity that may be absent."""
        return None if lots is None else self.quantity(lots)

    def money(self, minor: int) -> str:
        """Money in the instrument's currency."""
        return money(minor, self.currency)

    def weighted(self, notional: int, volume: int) -> str | None:
        """The mean price over a volume, half up at the decimals of the tick; absent where there is no volume."""
        if volume == 0:
            return None
        scaled = notional // self.tick_lot_value * int(self.tick.replace(".", ""))
        return scaled_text((2 * scaled + volume) // (2 * volume), decimals_of(self.tick))


def money(minor: int, currency: str) -> str:
    """Minor units as decimal text with the digits of the currency (PS-0.6)."""
    return scaled_text(minor, currency_digits(currency))


def code(names: Mapping[int, str], name: str, field: str) -> int:
    """The integer for which a filter's name stands. Raises QueryError."""
    found = code_of(names, name)
    if found is None:
        raise QueryError(field, f"is not one of {', '.join(names.values())}")
    return found


class Asking:
    """A pool of reading connections, and the one way in which pages are made. From any thread."""

    def __init__(self, path: Path, connections: int = CONNECTIONS) -> None:
        self._path = path
        self._connections = connections
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._file: tuple[int, int] | None = None
        self._listings: dict[str, Listing] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections that are not in use. Asking again opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None
            self._listings = {}

    def number(self) -> int:
        """The views hold all records up to this one. Raises ViewsFailed, ViewsStale."""
        with self._reading() as connection:
            return self._checkpoint(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One read transaction: all that is asked inside shows one moment."""
        engine = self._present_engine()
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    connection.exec_driver_sql("COMMIT")
        except OperationalError as error:
            raise ViewsFailed(f"{self._path}: {error.orig}") from error
        except DatabaseError as error:
            raise ViewsStale(f"{self._path}: damaged ({error.orig})") from error

    def _present_engine(self) -> Engine:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise ViewsFailed(f"{self._path}: {error.strerror}") from error
        file = (found.st_dev, found.st_ino)
        with self._lock:
            if self._engine is None or file != self._file:
                if self._engine is not None:
                    self._engine.dispose()
                self._listings = {}
                self._engine = views_pool(
                    self._path, "ro", ("query_only=ON",), poolclass=QueuePool, pool_size=self._connections
                )
                self._file = file
            return self._engine

    @staticmethod
    def _checkpoint(connection: Connection) -> int:
        number: int = connection.execute(select(t.CHECKPOINT.c.number)).scalar_one()
        return number

    def _page(
        self,
        name: str,
        statement: Select[Any],
        keys: Sequence[Column[Any]],
        show: Callable[[Any, Connection], T],
        *,
        limit: int,
        cursor: str | None,
        descending: bool = False,
        listed: bool = False,
    ) -> Page[T]:
        """The rows of a statement after the cursor, in the order of `keys`, which must tell all rows apart. `listed`:
        each has an `instrument` by whose listing it is shown."""
        if not 1 <= limit <= LIMIT_MAX:
            raise QueryError("limit", f"is not from 1 to {LIMIT_MAX}")
        if cursor is not None:
            statement = statement.where(beyond(keys, read_cursor(cursor, name, keys), descending))
        order = [key.desc() if descending else key for key in keys]
        with self._reading() as connection:
            found = connection.execute(statement.order_by(*order).limit(limit + 1)).all()
            count = limit.given(len(found), cursor) if isinstance(limit, WholeOr) else limit
            if listed:
                self._learn([row.instrument for row in found[:count]], connection)
            shown = [show(row, connection) for row in found[:count]]
            number = self._checkpoint(connection)
        after = None
        if len(found) > count:
            last = found[count - 1]._mapping  # noqa: SLF001 (the documented way to a column's value)
            after = _write_cursor(name, [last[key] for key in keys])
        return Page(shown, after, number)

    def _all(self, statement: Select[Any], show: Callable[[Any, Connection], T]) -> list[T]:
        """All rows of a statement that is known to give few."""
        with self._reading() as connection:
            return [show(row, connection) for row in connection.execute(statement)]

    def _one(self, statement: Select[Any], show: Callable[[Any, Connection], T]) -> T | None:
        """The only row of a statement, if there is one."""
        with self._reading() as connection:
            row = connection.execute(statement).first()
            return None if row is None else show(row, connection)

    def _listing(self, instrument: str, connection: Connection) -> Listing:
        """Tick, lot and currency of an instrument; they never change once it is listed."""
        if instrument not in self._listings:
            self._learn([instrument], connection)
        return self._listings[instrument]

    def _learn(self, instruments: Iterable[str], connection: Connection) -> None:
        """Read the listings of instruments that were not met yet, at once: a page may be of hundreds."""
        unknown = [it for it in dict.fromkeys(instruments) if it not in self._listings]
        if unknown:
            c = t.INSTRUMENTS.c
            columns = (c.tick, c.lot, c.currency, c.tick_lot_value)
            for name, *terms in connection.execute(select(c.instrument, *columns).where(c.instrument.in_(unknown))):
                self._listings[name] = Listing(*terms)


def ordinal(value: int | None, field: str) -> int | None:
    """A number that a filter gives. Raises QueryError for one that no row can have."""
    if value is not None and not 0 <= value <= _INTEGER_MAX:
        raise QueryError(field, "is out of range")
    return value


def by(column: Column[Any], *, index: bool) -> ColumnElement[Any]:
    """A column to compare; without index it only picks among what others find.

    SQLite knows nothing of how rows are spread, and may take a session's hundred thousand rows to find a participant's
    ten. A sign before the column tells it not to (the documented use of unary plus).
    """
    return column if index else UnaryExpression(column, operator=_PLUS, type_=column.type)


_PLUS: Final[custom_op[Any]] = custom_op("+")


def beyond(keys: Sequence[Column[Any]], values: list[Any], descending: bool) -> Any:
    """The condition that a row comes after the one with these values, in the order of the keys."""
    left: Any = keys[0] if len(keys) == 1 else tuple_(*keys)
    right: Any = values[0] if len(keys) == 1 else tuple_(*values)
    return left < right if descending else left > right


def _write_cursor(name: str, key: list[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode([name, *key])).decode().rstrip("=")


def read_cursor(cursor: str, name: str, keys: Sequence[Column[Any]]) -> list[Any]:
    """The key that a cursor of the list `name` holds. Raises QueryError."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        given, *key = msgspec.msgpack.decode(data, type=list[int | str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise QueryError("cursor", "is none that was given") from None
    fits = len(key) == len(keys) and all(
        isinstance(value, column.type.python_type) for value, column in zip(key, keys, strict=True)
    )
    if given != name or not fits or any(isinstance(value, int) and abs(value) > _INTEGER_MAX for value in key):
        raise QueryError("cursor", "is none of this list")
    return key
