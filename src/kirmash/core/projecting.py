"""The thread that keeps the views up to date with the journal, never in the writer's way.

What the writer commits is taken from memory while the two keep step; when the views lag, the backlog is dropped from
memory and read from the journal, so that a slow disk costs freshness and not memory.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from kirmash.journal.errors import JournalError
from kirmash.journal.reader import Reader
from kirmash.messages import codec
from kirmash.projections.projector import Projector, ViewsStale
from kirmash.projections.rebuild import rebuild
from kirmash.sequencer.machine import Decided

BATCH_RECORDS: Final = 1_000
BACKLOG_RECORDS: Final = 50_000

_log: Final = structlog.get_logger("views")


class Projecting:
    """Feeds a Projector from a thread of its own."""

    def __init__(self, journal: Path, views: Path, told: Callable[[int], None]) -> None:
        self._journal = journal
        self._views = views
        self._told = told
        self._changed = threading.Condition()
        self._backlog: deque[Decided] = deque()
        self._target = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="views", daemon=True)
        self.number = 0
        """The views hold all records up to this one."""
        self.failure: str | None = None
        """Why the views stand still; the exchange trades on."""

    def start(self, target: int) -> None:
        """Begin, with the journal at this number."""
        self._target = max(self._target, target)
        self._thread.start()

    def stop(self) -> None:
        """Bring the views up to what was committed, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def take(self, decided: Sequence[Decided]) -> None:
        """Committed records, in number order. From the writer's thread; never blocks for long."""
        with self._changed:
            self._target = decided[-1].record.number
            if len(self._backlog) + len(decided) <= BACKLOG_RECORDS:
                self._backlog.extend(decided)
            else:
                self._backlog.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            projector = self._open()
            with projector:
                self._note(projector.checkpoint)
                while self._wait():
                    self._advance(projector)
        except (OSError, ViewsStale, JournalError) as error:
            self.failure = str(error)
            _log.error("views stand still", reason=self.failure)

    def _open(self) -> Projector:
        try:
            return Projector.open(self._views, self._journal)
        except ViewsStale as stale:
            _log.warning("views are made anew", reason=str(stale))
            rebuild(self._journal, self._views)
            return Projector.open(self._views, self._journal)

    def _wait(self) -> bool:
        """Wait for something to do; False when all is done and the end was asked for."""
        with self._changed:
            while self.number >= self._target:
                if self._stopping:
                    return False
                self._changed.wait()
        return True

    def _advance(self, projector: Projector) -> None:
        with self._changed:
            while self._backlog and self._backlog[0].record.number <= self.number:
                self._backlog.popleft()
            batch: list[Decided] = []
            if self._backlog and self._backlog[0].record.number == self.number + 1:
                batch = [self._backlog.popleft() for _ in range(min(len(self._backlog), BATCH_RECORDS))]
        if not batch:
            batch = self._from_journal()
        projector.apply([(entry.record, entry.chain) for entry in batch])
        self._note(batch[-1].record.number)

    def _from_journal(self) -> list[Decided]:
        with Reader(self._journal) as reader:
            rows = islice(reader.records(self.number, self._target), BATCH_RECORDS)
            return [Decided(codec.decode_record(data), data, chain) for _, data, chain in rows]

    def _note(self, number: int) -> None:
        self.number = number
        self._told(number)
