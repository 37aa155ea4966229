"""identity.db: opening, migrating, transactions and the one lock.

Invariants: WAL and synchronous=FULL; one connection, used by one thread at a time behind one lock; a writing
transaction begins as a writer (BEGIN IMMEDIATE), so that two processes wait for each other and never fail half-way.
Errors of the database become ours without its parameters, which may hold what nobody else should read. The file can be
read by its owner only. What stands in the tables is the business of the other modules.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pysqlite3 import dbapi2
from sqlalchemy import Connection, StaticPool, create_engine, event, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from kirmash.identity.clock import Clock
from kirmash.identity.errors import StoreFailed
from kirmash.identity.tables import STEPS, Step, history, meta

PATIENCE_MS: Final = 5_000
VERSION_KEY: Final = "version"


class Store:
    """The open database of one process. Safe for several threads; each call holds the lock for one transaction."""

    def __init__(self, path: Path, clock: Clock, steps: tuple[Step, ...] = STEPS) -> None:
        """Opens the file, makes it where there is none, and brings it to today's version. Raises StoreFailed."""
        self.path = path
        self.clock = clock
        self._lock = threading.RLock()
        self._changes = 0
        try:
            # Made by hand first: SQLite would give it, and with it the WAL, the permissions of the umask.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise StoreFailed(f"{path}: {error.strerror}") from None
        self._engine = create_engine(
            "sqlite://",
            module=dbapi2,
            creator=self._open,
            poolclass=StaticPool,
            hide_parameters=True,
        )
        event.listen(self._engine, "begin", _begin)
        with self._ours():
            self._connection = self._engine.connect()
            self._raw: Any = self._connection.connection.driver_connection
            self._migrate(steps)

    def _open(self) -> Any:
        connection = dbapi2.connect(
            f"file:{quote(str(self.path.absolute()))}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=0,
        )
        for pragma in (
            f"busy_timeout={PATIENCE_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            # What is deleted (a revoked cookie's hash, a replaced password's) is overwritten, not only unlinked.
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            # The cause is cut off: a traceback of it could show the values of the statement.
            raise self._failed(error.orig) from None
        except dbapi2.DatabaseError as error:
            raise self._failed(error) from None

    def _failed(self, why: BaseException | None) -> StoreFailed:
        return StoreFailed(f"{self.path}: {why}", "see the disk and its permissions")

    def _migrate(self, steps: tuple[Step, ...]) -> None:
        # Under the writer's lock from the first look on: of two processes that open a new file one makes the tables.
        with self.write() as connection:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars().all()
            version = 0
            if "meta" in tables:
                found = connection.execute(select(meta.c.value).where(meta.c.key == VERSION_KEY)).scalar()
                version = int(found) if found is not None and found.isdigit() else -1
            if version < 0 or (version == 0 and tables):
                raise StoreFailed(f"{self.path}: not a database of logins", "restore it from a backup")
            if version > len(steps):
                raise StoreFailed(
                    f"{self.path}: version {version}, this program knows {len(steps)}", "use the newer program"
                )
            for step in steps[version:]:
                for statement in step:
                    connection.exec_driver_sql(statement)
            connection.exec_driver_sql(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (VERSION_KEY, str(len(steps))),
            )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent state."""
        with self._lock, self._ours(), self._connection.execution_options(kirmash_begin="BEGIN").begin():
            yield self._connection

    @contextmanager
    def write(self, *, quiet: bool = False) -> Iterator[Connection]:
        """A transaction that writes. Leaving it normally commits, leaving it by an exception undoes all of it.

        `quiet` is for what changes nobody's rights and comes with every request (nonces, a session's last use): it is
        safe against the death of the process at once, against loss of power only with the next loud one, and `stamp`
        stays. A nonce is worth nothing half a minute later, and no machine is back from a power cut by then.
        """
        with self._lock, self._ours():
            if quiet:
                self._raw.execute("PRAGMA synchronous=NORMAL")
            try:
                with self._connection.execution_options(kirmash_begin="BEGIN IMMEDIATE").begin():
                    yield self._connection
                if not quiet:
                    self._changes += 1
            finally:
                if quiet:
                    self._raw.execute("PRAGMA synchronous=FULL")

    def stamp(self) -> tuple[int, int]:
        """Changes whenever rights may have changed, by this process or another; costs a few microseconds."""
        # Asked before every command, and therefore without the manager that the other calls share.
        with self._lock:
            try:
                (version,) = self._raw.execute("PRAGMA data_version").fetchone()
            except dbapi2.DatabaseError as error:
                raise self._failed(error) from None
        return version, self._changes

    def note(self, connection: Connection, by: str, what: str, subject: str, detail: str = "") -> None:
        """A line of history in the same transaction: ids only, never a datum of a person."""
        line = {"at": self.clock.now(), "by": by, "what": what, "subject": subject, "detail": detail}
        connection.execute(insert(history), line)

    def close(self) -> None:
        """Closes the file; afterwards nothing here may be called."""
        with self._lock:
            self._connection.close()
            self._engine.dispose()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("kirmash_begin", "BEGIN"))
