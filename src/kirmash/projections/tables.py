"""The tables of views.db, made from the row classes: strict, with named constraints, and an index for every filter.

A column is INTEGER, TEXT or BLOB, never a float. Indexes follow what queries offer; tests read the query plans. Each
costs every insert, so one that no query uses does not belong here.
"""

import types
import typing
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

import msgspec
from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import bindparam, delete, select

from kirmash.projections import rows
from kirmash.projections.rows import Row

FORMAT: Final = "3"
"""Of the tables and of how they are folded. Whoever changes either raises it, and the views are made anew."""

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_TYPES: Final[dict[type, Any]] = {int: Integer, str: Text, bytes: LargeBinary}
_CHECKS: Final = {
    "flag": "{0} IN (0, 1)",
    "natural": "{0} >= 0",
    "positive": "{0} > 0",
    "digits": "{0} NOT GLOB '*[^0-9]*' AND {0} <> ''",
    "json": "json_valid({0})",
}


ROW_CLASSES: Final[dict[str, type[Row]]] = {}
"""The row class of each table."""


class Statements(NamedTuple):
    """SQL of one table with positional parameters, in the order of its columns."""

    insert: str
    upsert: str
    find: str
    delete: str


def _table(name: str, row: type[Row], *key: str, clustered: bool = False) -> Table:
    """A table with the fields of `row` as columns. Clustered: stored in the order of its key, without a rowid."""
    ROW_CLASSES[name] = row
    columns: list[Column[Any]] = []
    checks: list[CheckConstraint] = []
    hints = typing.get_type_hints(row, include_extras=True)
    for field in msgspec.structs.fields(row):
        hint = hints[field.name]
        nullable = get_origin(hint) in (typing.Union, types.UnionType)
        if nullable:
            (hint,) = (part for part in get_args(hint) if part is not type(None))
        if get_origin(hint) is Annotated:
            hint, mark = get_args(hint)
            checks.append(CheckConstraint(_CHECKS[mark].format(f'"{field.name}"'), name=field.name))
        columns.append(Column(field.name, _TYPES[hint], nullable=nullable, autoincrement=False))
    return Table(
        name,
        METADATA,
        *columns,
        PrimaryKeyConstraint(*key),
        *checks,
        sqlite_strict=True,
        sqlite_with_rowid=not clustered,
    )


CHECKPOINT: Final = _table("checkpoint", rows.Checkpoint, "one")
PARTICIPANTS: Final = _table("participants", rows.Participant, "participant", clustered=True)
CLIENTS: Final = _table("clients", rows.Client, "client", clustered=True)
TRADERS: Final = _table("traders", rows.Trader, "trader", clustered=True)
PERMISSIONS: Final = _table("permissions", rows.Permission, "participant", "section", "side", "purpose", clustered=True)
CARDS: Final = _table("cards", rows.Card, "card", "version", clustered=True)
INSTRUMENTS: Final = _table("instruments", rows.Instrument, "instrument", clustered=True)
PROFILES: Final = _table("profiles", rows.Profile, "person", clustered=True)
SESSIONS: Final = _table("sessions", rows.Session, "session", clustered=True)
SESSION_PHASES: Final = _table("session_phases", rows.SessionPhase, "session", "position", clustered=True)
SESSION_DEPOSITS: Final = _table("session_deposits", rows.SessionDeposit, "session", "position", clustered=True)
SESSION_EVENTS: Final = _table("session_events", rows.SessionEvent, "session", "number", "index", clustered=True)
SESSION_INSTRUMENTS: Final = _table(
    "session_instruments", rows.SessionInstrument, "session", "instrument", clustered=True
)
SESSION_TOTALS: Final = _table("session_totals", rows.SessionTotal, "session", "currency", clustered=True)
BIDDERS: Final = _table(
    "bidders",
    rows.Bidder,
    *("session", "instrument", "side", "participant", "account", "client"),
    clustered=True,
)
SESSION_BIDDERS: Final = _table(
    "session_bidders", rows.SessionBidder, "session", "currency", "side", "participant", clustered=True
)
ORDERS: Final = _table("orders", rows.Order, "order")
ORDER_EVENTS: Final = _table("order_events", rows.OrderEvent, "order", "number", "index", clustered=True)
DEALS: Final = _table("deals", rows.Deal, "deal")
CONTRACTS: Final = _table("contracts", rows.Contract, "deal")
ACCOUNTS: Final = _table("accounts", rows.Account, "participant", "client", "currency", clustered=True)
STATEMENT: Final = _table(
    "statement", rows.StatementLine, "participant", "number", "client", "currency", clustered=True
)
CREDITS: Final = _table("credits", rows.Credit, "number")
WITHDRAWALS: Final = _table("withdrawals", rows.Withdrawal, "withdrawal", clustered=True)
BARS: Final = _table("bars", rows.Bar, "session", "instrument", "minute", clustered=True)


def _index(table: Table, *columns: str, name: str | None = None, where: ColumnElement[bool] | None = None) -> None:
    named = f"ix_{table.name}_{name or '_'.join(columns)}"
    Index(named, *(table.c[column] for column in columns), sqlite_where=where)


_index(PARTICIPANTS, "country", "participant")
_index(PARTICIPANTS, "group", "participant", where=PARTICIPANTS.c.group.is_not(None))
for _flag in ("admitted", "accredited", "suspended"):
    _index(PARTICIPANTS, _flag, "participant")
_index(CLIENTS, "participant", "client")
_index(TRADERS, "participant", "active", "trader")
_index(TRADERS, "participant", "trader")
_index(TRADERS, "active", "trader")
_index(PERMISSIONS, "section", "participant", "side", "purpose")
_index(PERMISSIONS, "side", "participant", "section", "purpose")
_index(CARDS, "number")
_index(INSTRUMENTS, "number", "section", "card")
_index(INSTRUMENTS, "card", "instrument")
_index(INSTRUMENTS, "purpose", "instrument")
_index(INSTRUMENTS, "currency", "instrument")
_index(INSTRUMENTS, "section", "instrument")
_index(SESSIONS, "created_at", "session")
_index(SESSIONS, "section", "created_at", "session")
_index(SESSIONS, "phase", "created_at", "session")
_index(SESSION_INSTRUMENTS, "instrument", "created_at", "session")
# Nothing tells SQLite that few orders are open. Of indexes that promise as much it takes the one that was made last,
# and they are made by name: so those of open orders have the names that come last (tests/queries/test_large.py).
_index(ORDERS, "participant", "order")
_index(ORDERS, "participant", "session", "order")
_index(ORDERS, "participant", "order", name="participant_still_open", where=ORDERS.c.open > 0)
_index(ORDERS, "session", "order")
_index(ORDERS, "session", "instrument", "order")
_index(ORDERS, "session", "state", "order")
_index(ORDERS, "session", "order", name="session_still_open", where=ORDERS.c.open > 0)
_index(ORDERS, "client", "order", where=ORDERS.c.client.is_not(None))
_index(ORDERS, "trader", "order")
_index(ORDER_EVENTS, "participant", "number", "index", "order")
_index(DEALS, "session", "deal")
_index(DEALS, "session", "instrument", "channel")
_index(DEALS, "session", "instrument", "deal")
for _side in ("buyer", "seller"):
    _index(DEALS, _side, "deal")
    _index(DEALS, _side, "session", "deal")
    _index(DEALS, f"{_side}_client", "deal", where=DEALS.c[f"{_side}_client"].is_not(None))
    _index(CONTRACTS, _side, "deal")
    _index(CONTRACTS, _side, "state", "deal")
    _index(CONTRACTS, f"{_side}_client", "deal", where=CONTRACTS.c[f"{_side}_client"].is_not(None))
_index(CONTRACTS, "session", "deal")
_index(CONTRACTS, "state", "deal")
_index(ACCOUNTS, "client", "participant", "currency")
_index(ACCOUNTS, "currency", "participant", "client")
_index(CREDITS, "participant", "number")
_index(CREDITS, "currency", "number")
_index(CREDITS, "client", "number", where=CREDITS.c.client.is_not(None))
_index(WITHDRAWALS, "client", "requested", where=WITHDRAWALS.c.client.is_not(None))
_index(WITHDRAWALS, "participant", "requested")
_index(WITHDRAWALS, "state", "requested")
_index(WITHDRAWALS, "requested")

_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "orders": (
        *("session", "instrument", "side", "participant", "client", "trader", "indivisible", "time_in_force"),
        *("accepted", "accepted_at"),
    ),
    "contracts": (
        *("session", "instrument", "price", "quantity", "buyer", "buyer_client"),
        *("seller", "seller_client", "opened", "opened_at"),
    ),
    "credits": ("at", "participant", "client", "currency", "amount"),
    "withdrawals": ("participant", "client", "currency", "amount", "requested", "requested_at"),
    "participants": ("name", "country", "resident", "visitor", "broker", "group", "registered", "registered_at"),
    "session_instruments": ("created_at", "position", "reference"),
}
"""Columns that never change once written: SQLite writes an index anew for every column that a statement sets."""


def statements(table: Table) -> Statements:
    """What the fold does to a table. A row that is all key is never changed, so saying it again does nothing."""
    dialect = sqlite.dialect()
    key = list(table.primary_key.columns)
    adding = insert(table)
    kept = {column.name for column in key}.union(_FIXED.get(table.name, ()))
    others = {column.name: adding.excluded[column.name] for column in table.columns if column.name not in kept}
    if others:
        upsert = adding.on_conflict_do_update(index_elements=key, set_=others)
    else:
        upsert = adding.on_conflict_do_nothing(index_elements=key)
    named = [column == bindparam(f"key_{place}") for place, column in enumerate(key)]
    made = (insert(table), upsert, select(table).where(*named), delete(table).where(*named))
    return Statements(*(str(statement.compile(dialect=dialect)) for statement in made))
