"""Rows between memory and views.db: registers of rows that change, logs of rows that are only added.

A batch is folded in memory and written at its end, each row once. Registers keep the rows that were used last, up to a
bound each, and read the others from the file when they are asked for. Which rows are in memory never shows in what is
written, so the same records give the same rows whatever the sizes of the batches were.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import Table

from kirmash.projections import rows
from kirmash.projections import tables as t
from kirmash.projections.rows import Row
from kirmash.projections.tables import statements

Cursor = Any
"""A pysqlite3 cursor; the package ships no types."""

R = TypeVar("R", bound=Row)
Key = Any
"""The key of a row: its one column, or a tuple of them."""

KEPT_ROWS: Final = 10_000
"""How many unchanged rows a register keeps between batches. There are a score of registers and a row is most of a
kilobyte, so this bounds what a process that runs for months holds of rows (docs/internals/views.md)."""

_values_of: Final = msgspec.structs.astuple


class Register(Generic[R]):
    """Rows by key. Whoever changes a row says so by `put`."""

    def __init__(
        self, table: Table, row: type[R], keep: int = KEPT_ROWS, final: Callable[[R], bool] | None = None
    ) -> None:
        self._row = row
        self._sql = statements(table)
        self._single = len(table.primary_key.columns) == 1
        self._keep = keep
        self._final = final
        self._cursor: Cursor = None
        self._rows: dict[Key, R] = {}
        self._changed: dict[Key, R] = {}
        self._deleted: set[Key] = set()

    def attach(self, cursor: Cursor) -> None:
        """Read and write by this cursor, starting from what the file holds."""
        self._cursor = cursor
        self.forget()

    def find(self, key: Key) -> R | None:
        """The row of this key, if there is one."""
        row = self._rows.get(key)
        if row is None and key not in self._deleted:
            found = self._cursor.execute(self._sql.find, (key,) if self._single else key).fetchone()
            if found is not None:
                row = self._rows[key] = self._row(*found)
        return row

    def get(self, key: Key) -> R:
        """The row of this key, which an earlier record must have made."""
        row = self.find(key)
        assert row is not None, f"no {self._row.__name__} {key!r}"
        return row

    def put(self, key: Key, row: R) -> None:
        """A new row, or one that was changed."""
        self._rows[key] = self._changed[key] = row
        if self._deleted:
            self._deleted.discard(key)

    def delete(self, key: Key) -> None:
        """Take a row away, if it is there."""
        self._rows.pop(key, None)
        self._changed.pop(key, None)
        self._deleted.add(key)

    def write(self) -> None:
        """Write what changed, and let go of what is final or was not used for long."""
        if self._deleted:
            keys = [(key,) if self._single else key for key in self._deleted]
            self._cursor.executemany(self._sql.delete, keys)
            self._deleted.clear()
        if self._changed:
            self._cursor.executemany(self._sql.upsert, [*map(_values_of, self._changed.values())])
            if self._final is not None:
                for key, row in self._changed.items():
                    if self._final(row):
                        del self._rows[key]
            self._changed.clear()
        surplus = len(self._rows) - self._keep
        if surplus > 0:
            for key in [key for key, _ in zip(self._rows, range(surplus), strict=False)]:
                del self._rows[key]

    def forget(self) -> None:
        """Drop everything in memory: what was not written is lost."""
        self._rows.clear()
        self._changed.clear()
        self._deleted.clear()

    @property
    def kept(self) -> int:
        """How many rows are in memory."""
        return len(self._rows)


class Log(Generic[R]):
    """Rows that are added and never changed."""

    def __init__(self, table: Table, row: type[R]) -> None:
        del row
        self._sql = statements(table).insert
        self._cursor: Cursor = None
        self._added: list[R] = []
        self.add: Final = self._added.append

    def attach(self, cursor: Cursor) -> None:
        """Write by this cursor."""
        self._cursor = cursor
        self.forget()

    def write(self) -> None:
        """Write what was added."""
        if self._added:
            self._cursor.executemany(self._sql, [*map(_values_of, self._added)])
            self._added.clear()

    @property
    def kept(self) -> int:
        """How many rows are in memory."""
        return len(self._added)

    def forget(self) -> None:
        """Drop what was not written."""
        self._added.clear()


class Views:
    """All views, as the fold sees them."""

    def __init__(self) -> None:
        self.participants: Final = Register(t.PARTICIPANTS, rows.Participant)
        self.clients: Final = Register(t.CLIENTS, rows.Client)
        self.traders: Final = Register(t.TRADERS, rows.Trader)
        self.permissions: Final = Register(t.PERMISSIONS, rows.Permission, keep=0)
        self.cards: Final = Register(t.CARDS, rows.Card, keep=10_000)
        self.instruments: Final = Register(t.INSTRUMENTS, rows.Instrument)
        self.profiles: Final = Register(t.PROFILES, rows.Profile, keep=0)
        self.sessions: Final = Register(t.SESSIONS, rows.Session, keep=1_000)
        self.session_phases: Final = Register(t.SESSION_PHASES, rows.SessionPhase, keep=1_000)
        self.session_deposits: Final = Log(t.SESSION_DEPOSITS, rows.SessionDeposit)
        self.session_events: Final = Log(t.SESSION_EVENTS, rows.SessionEvent)
        self.session_instruments: Final = Register(t.SESSION_INSTRUMENTS, rows.SessionInstrument)
        self.session_totals: Final = Register(t.SESSION_TOTALS, rows.SessionTotal, keep=1_000)
        self.bidders: Final = Register(t.BIDDERS, rows.Bidder, keep=100_000)
        self.session_bidders: Final = Register(t.SESSION_BIDDERS, rows.SessionBidder)
        self.orders: Final = Register(t.ORDERS, rows.Order, keep=200_000, final=_order_is_final)
        self.order_events: Final = Log(t.ORDER_EVENTS, rows.OrderEvent)
        self.deals: Final = Log(t.DEALS, rows.Deal)
        self.contracts: Final = Register(t.CONTRACTS, rows.Contract, keep=10_000)
        self.accounts: Final = Register(t.ACCOUNTS, rows.Account, keep=100_000)
        self.statement: Final = Log(t.STATEMENT, rows.StatementLine)
        self.credits: Final = Register(t.CREDITS, rows.Credit, keep=1_000)
        self.withdrawals: Final = Register(t.WITHDRAWALS, rows.Withdrawal, keep=1_000)
        self.bars: Final = Register(t.BARS, rows.Bar, keep=10_000)

    def each(self) -> "Iterator[Register[Any] | Log[Any]]":
        """Every register and log."""
        yield from vars(self).values()

    def attach(self, cursor: Cursor) -> None:
        """Read and write by this cursor from now on."""
        for view in self.each():
            view.attach(cursor)

    def write(self) -> None:
        """Write all that the batch changed; inside the batch's transaction."""
        for view in self.each():
            view.write()

    def forget(self) -> None:
        """Drop what a failed batch left in memory."""
        for view in self.each():
            view.forget()


def _order_is_final(order: rows.Order) -> bool:
    return order.open == 0
