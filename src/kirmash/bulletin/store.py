"""notices.db: notices and their withdrawals, remarks on records of the journal; who wrote them and when.

Invariants: lines are only added, and the file itself refuses to change or delete one (triggers); an entry id given
again with the same content does nothing, with another content it is refused; a notice is withdrawn once and stays in
the file. Texts are plain, in normal form and bounded; `by` is an operator's opaque id, never a name. No HTML here, and
no rule about who may write: the doors judge that.
"""

import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from pysqlite3 import dbapi2
from sqlalchemy import Column, Connection, Integer, MetaData, StaticPool, String, Table, create_engine, event, select
from sqlalchemy.exc import DBAPIError

VERSION: Final = 2
PATIENCE_MS: Final = 5_000
TITLE_MAX: Final = 120
TEXT_MAX: Final = 2_000
REASON_MAX: Final = 200
LIST_MAX: Final = 500

_META: Final = MetaData()
# Two tables, each with numbers of its own: those of notices are public, and gaps in them would tell everybody how many
# remarks, and so how many interventions, lie between two notices.
_NOTICES: Final = Table(
    "notices",
    _META,
    Column("number", Integer, primary_key=True),
    # The writer's own id of what he wrote: said again, it is written once. No id stands in both tables.
    Column("entry", String, nullable=False, unique=True),
    Column("at", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("title_en", String, nullable=False),
    Column("title_ru", String, nullable=False),
    Column("text_en", String, nullable=False),
    Column("text_ru", String, nullable=False),
)
_ASIDES: Final = Table(
    "asides",
    _META,
    Column("number", Integer, primary_key=True),
    Column("entry", String, nullable=False, unique=True),
    Column("at", Integer, nullable=False),
    Column("by", String, nullable=False),
    # withdrawn (`about` is a notice's number), remark (`about` is a number of the journal).
    Column("kind", String, nullable=False),
    Column("about", Integer, nullable=False),
    Column("text", String, nullable=False),
)
_STATEMENTS: Final = (
    "CREATE TABLE notices (number INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,"
    " by TEXT NOT NULL, title_en TEXT NOT NULL, title_ru TEXT NOT NULL, text_en TEXT NOT NULL, text_ru TEXT NOT NULL)",
    "CREATE TABLE asides (number INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,"
    " by TEXT NOT NULL, kind TEXT NOT NULL, about INTEGER NOT NULL, text TEXT NOT NULL)",
    "CREATE UNIQUE INDEX withdrawn_once ON asides (about) WHERE kind = 'withdrawn'",
    "CREATE INDEX remarks_on ON asides (about) WHERE kind = 'remark'",
    *(
        f"CREATE TRIGGER {table}_never_{done} BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'only added'); END"
        for table in ("notices", "asides")
        for done, what in (("changed", "UPDATE"), ("deleted", "DELETE"))
    ),
    f"PRAGMA user_version = {VERSION}",
)


class BulletinFailed(Exception):
    """The file cannot be read or written."""


class Refusal(Struct, frozen=True):
    """What is wrong with a field. `why`: missing, too_long, unprintable, withdrawn, unknown or reused; `most`: how many
    characters it may have."""

    field: str
    why: str
    most: int | None = None


class Unfit(Exception):
    """What was written cannot be kept as it is; all that is wrong with it."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(f"{it.field}: {it.why}" for it in refusals))
        self.refusals: Final = refusals


class Notice(Struct, frozen=True, kw_only=True):
    """A notice to everybody, in both languages; times in UTC nanoseconds."""

    notice: int
    at: int
    by: str
    title_en: str
    title_ru: str
    text_en: str
    text_ru: str
    withdrawn_at: int | None = None
    withdrawn_by: str | None = None
    reason: str | None = None


class Remark(Struct, frozen=True, kw_only=True):
    """What an operator wrote on a record that he caused: why he did it."""

    number: int
    at: int
    by: str
    text: str


class Bulletin:
    """The open file of one process. Safe for several threads."""

    def __init__(self, path: Path, now: Callable[[], int] = time.time_ns) -> None:
        """Opens the file, makes it where there is none. Raises BulletinFailed."""
        self.path = path
        self._now = now
        self._lock = threading.Lock()
        # What stands, as it was read last, and how often it may have changed; both only under the lock.
        self._present: list[Notice] | None = None
        self._changes = 0
        try:
            # Made by hand first: SQLite would give it, and with it the WAL, the permissions of the umask.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise BulletinFailed(f"{path}: {error.strerror}") from None
        self._engine = create_engine(
            "sqlite://", module=dbapi2, creator=self._open, poolclass=StaticPool, hide_parameters=True
        )
        event.listen(self._engine, "begin", _begin)
        with self._ours():
            self._connection = self._engine.connect()
        with self._transaction() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar()
            if version not in (0, VERSION):
                raise BulletinFailed(f"{path}: version {version}, this program knows {VERSION}")
            for statement in _STATEMENTS if version == 0 else ():
                connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Closes the file; afterwards nothing here may be called."""
        with self._lock:
            self._connection.close()
            self._engine.dispose()

    # Writing -----------------------------------------------------------------------------------------------------

    def publish(self, entry: str, by: str, *, title_en: str, title_ru: str, text_en: str, text_ru: str) -> Notice:
        """A notice to everybody. Raises Unfit."""
        titles = {"title_en": title_en, "title_ru": title_ru}
        texts = {"text_en": text_en, "text_ru": text_ru}
        values = {name: _plain(text, one_line=name in titles) for name, text in {**titles, **texts}.items()}
        _check({name: (value, TITLE_MAX if name in titles else TEXT_MAX) for name, value in values.items()})
        with self._changing() as connection:
            number = self._add(connection, _NOTICES, {"entry": entry, "by": by, **values})
            return _notice(*_found(connection, number))

    def withdraw(self, entry: str, by: str, notice: int, reason: str) -> Notice:
        """Take a notice back; it stays readable for operators. Raises Unfit."""
        reason = _plain(reason, one_line=True)
        _check({"reason": (reason, REASON_MAX)})
        with self._changing() as connection:
            published, withdrawn = _found(connection, notice)
            if published is None:
                raise Unfit((Refusal("notice", "unknown"),))
            if withdrawn is not None and withdrawn.entry != entry:
                raise Unfit((Refusal("notice", "withdrawn"),))
            self._add(connection, _ASIDES, _aside(entry, by, "withdrawn", notice, reason))
            return _notice(*_found(connection, notice))

    def remark(self, entry: str, by: str, number: int, text: str) -> None:
        """Note why a record came about. Raises Unfit."""
        text = check_reason(text)
        with self._transaction() as connection:
            self._add(connection, _ASIDES, _aside(entry, by, "remark", number, text))

    # Reading -----------------------------------------------------------------------------------------------------

    def present(self) -> list[Notice]:
        """What stands now, the newest first; kept at hand, because every reader of the front page asks for it."""
        with self._lock:
            found, changes = self._present, self._changes
        if found is None:
            found = self.notices()
            with self._lock:
                # What was read before a change must not be kept after it: nobody would forget it again.
                if changes == self._changes:
                    self._present = found
        return found

    def notices(self, *, withdrawn: bool = False, limit: int = LIST_MAX, before: int | None = None) -> list[Notice]:
        """The newest first, those withdrawn only if asked for; `before`: only those with a smaller number."""
        query = (
            select(_NOTICES, _ASIDES)
            .outerjoin(_ASIDES, (_ASIDES.c.about == _NOTICES.c.number) & (_ASIDES.c.kind == "withdrawn"))
            .order_by(_NOTICES.c.number.desc())
            .limit(max(0, min(limit, LIST_MAX)))
        )
        if not withdrawn:
            query = query.where(_ASIDES.c.number.is_(None))
        if before is not None:
            query = query.where(_NOTICES.c.number < before)
        with self._transaction() as connection:
            return [_pair(row) for row in connection.execute(query)]

    def notice(self, number: int) -> Notice | None:
        """One notice, withdrawn or not."""
        with self._transaction() as connection:
            published, withdrawn = _found(connection, number)
        return None if published is None else _notice(published, withdrawn)

    def remarks(self, numbers: list[int]) -> dict[int, Remark]:
        """The first remark on each of these records that has one."""
        query = select(_ASIDES).where(_ASIDES.c.kind == "remark", _ASIDES.c.about.in_(numbers[:LIST_MAX]))
        with self._transaction() as connection:
            found = connection.execute(query.order_by(_ASIDES.c.number.desc())).all()
        return {row.about: Remark(number=row.about, at=row.at, by=row.by, text=row.text) for row in found}

    # The file ----------------------------------------------------------------------------------------------------

    def _add(self, connection: Connection, table: Table, values: dict[str, Any]) -> int:
        """The number of the line with these values: a new one, or that of the same id with the same content."""
        for it in (_NOTICES, _ASIDES):
            known = connection.execute(select(it).where(it.c.entry == values["entry"])).one_or_none()
            if known is not None:
                if it is not table or any(getattr(known, name) != value for name, value in values.items()):
                    raise Unfit((Refusal("entry", "reused"),))
                return int(known.number)
        made = connection.execute(table.insert(), {**values, "at": self._now()})
        (number,) = made.inserted_primary_key or (0,)
        return int(number)

    def _open(self) -> Any:
        connection = dbapi2.connect(
            f"file:{quote(str(self.path.absolute()))}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=0,
        )
        for pragma in (f"busy_timeout={PATIENCE_MS}", "journal_mode=WAL", "synchronous=FULL", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Everything in it or nothing; another process that writes is waited for."""
        with self._lock, self._ours(), self._connection.begin():
            yield self._connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction after which what was kept of the notices holds no longer, whatever became of it."""
        try:
            with self._transaction() as connection:
                yield connection
        finally:
            with self._lock:
                self._changes += 1
                self._present = None

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise BulletinFailed(f"{self.path}: {error.orig}") from None
        except dbapi2.DatabaseError as error:
            raise BulletinFailed(f"{self.path}: {error}") from None


def check_reason(text: str) -> str:
    """A reason as it would be kept. Raises Unfit."""
    text = _plain(text, one_line=True)
    _check({"reason": (text, REASON_MAX)})
    return text


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _plain(text: str, *, one_line: bool) -> str:
    """In normal form, lines ended by one sign, without blanks at its ends."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return " ".join(text.split()) if one_line else text


def _check(given: dict[str, tuple[str, int]]) -> None:
    refusals = []
    for field, (text, most) in given.items():
        if not text:
            refusals.append(Refusal(field, "missing", most))
        elif len(text) > most:
            refusals.append(Refusal(field, "too_long", most))
        elif not text.replace("\n", "").isprintable():
            refusals.append(Refusal(field, "unprintable"))
    if refusals:
        raise Unfit(tuple(refusals))


def _aside(entry: str, by: str, kind: str, about: int, text: str) -> dict[str, Any]:
    return {"entry": entry, "by": by, "kind": kind, "about": about, "text": text}


def _found(connection: Connection, number: int) -> tuple[Any, Any]:
    """A notice by its number, and its withdrawal; None where there is none."""
    published = connection.execute(select(_NOTICES).where(_NOTICES.c.number == number)).one_or_none()
    withdrawn = connection.execute(
        select(_ASIDES).where(_ASIDES.c.about == number, _ASIDES.c.kind == "withdrawn")
    ).one_or_none()
    return published, withdrawn


def _notice(published: Any, withdrawn: Any) -> Notice:
    return Notice(
        notice=published.number,
        at=published.at,
        by=published.by,
        title_en=published.title_en,
        title_ru=published.title_ru,
        text_en=published.text_en,
        text_ru=published.text_ru,
        withdrawn_at=None if withdrawn is None else withdrawn.at,
        withdrawn_by=None if withdrawn is None else withdrawn.by,
        reason=None if withdrawn is None else withdrawn.text,
    )


class _Row:
    """The part of a joined row that is one table's."""

    def __init__(self, table: Table, values: tuple[Any, ...]) -> None:
        for column, value in zip(table.columns.keys(), values, strict=True):
            setattr(self, column, value)


def _pair(row: Any) -> Notice:
    values, own = tuple(row), len(_NOTICES.columns)
    withdrawn = None if values[own] is None else _Row(_ASIDES, values[own:])
    return _notice(_Row(_NOTICES, values[:own]), withdrawn)
