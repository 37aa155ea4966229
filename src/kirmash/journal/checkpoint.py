"""Keeps the WAL small from a thread and connection of its own, so that no commit pays for a checkpoint.

PASSIVE moves pages without stopping anyone; while commits go on it never quite catches up, so once enough has
gathered a RESTART follows, which holds the writer for what is left and lets it begin the WAL anew. A reader that keeps
a transaction open blocks that; we then wait longer between tries, and the WAL shrinks as soon as the reader has gone.
"""

import threading
from pathlib import Path
from typing import Final

from pysqlite3 import dbapi2

from kirmash.journal.connection import Connection, connect_writer, storage
from kirmash.journal.errors import JournalError

WAL_MAX_BYTES: Final = 64 * 1024 * 1024
"""What the WAL stays below while no foreign reader keeps a transaction open."""

START_BYTES: Final = 4 * 1024 * 1024
_PAGE_BYTES: Final = 4096
# How long RESTART may wait for the writer's transaction to end, and hold the writer while a reader is in its way.
_RESTART_PATIENCE_MS: Final = 50
_LOOK_SECONDS: Final = 0.05  # seconds
_BLOCKED_MAX_SECONDS: Final = 1.0  # seconds


class Checkpointer:
    """A thread that empties the WAL. `noted` tells it what was written; `close` ends it; what is left then is the
    work of the connection that closes last."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.blocked = False
        """Whether a reader kept the last try from emptying the WAL."""
        self._written = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._connection: Connection = connect_writer(file)
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)
        self._thread.start()

    def noted(self, count: int) -> None:
        """About so many bytes more went into the WAL."""
        self._written += count
        if self._written >= START_BYTES:
            self._wake.set()

    def close(self) -> None:
        """End the thread and its connection."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        try:
            with storage(self.file):
                self._connection.close()
        except JournalError:
            return

    def _run(self) -> None:
        pause_seconds = 0.01
        while True:
            told = self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()
            # Asked whatever woke us: what `close` rang after the wait ran out was just cleared, and it rings only once.
            if self._closing.is_set():
                return
            if not told and not (self._written and self._wal_bytes() > 2 * START_BYTES):
                continue
            self._written = 0
            self.blocked = not self._empty()
            if not self.blocked:
                pause_seconds = 0.01
                continue
            # Full disk or a stuck reader: try again by ourselves, even if nothing more is written.
            pause_seconds = min(2 * pause_seconds, _BLOCKED_MAX_SECONDS)
            self._written = START_BYTES
            self._closing.wait(pause_seconds)
            self._wake.set()

    def _wal_bytes(self) -> int:
        """The size of the WAL file, which is the most that it ever held since it was last cut."""
        wal = Path(f"{self.file}-wal")
        return wal.stat().st_size if wal.exists() else 0

    def _empty(self) -> bool:
        """One round; whether the WAL is small or will begin anew with the next commit."""
        try:
            busy, pages, moved = self._checkpoint("PASSIVE", 0)
            if busy == 0 and (pages == moved or pages * _PAGE_BYTES < START_BYTES):
                return True
            busy, _, _ = self._checkpoint("RESTART", _RESTART_PATIENCE_MS)
        except dbapi2.Error:
            # Nothing is lost: the WAL has it all. The writer meets the same disk and says so.
            return False
        return busy == 0

    def _checkpoint(self, mode: str, patience_ms: int) -> tuple[int, int, int]:
        self._connection.execute(f"PRAGMA busy_timeout={patience_ms}")
        busy, pages, moved = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return busy, pages, moved
