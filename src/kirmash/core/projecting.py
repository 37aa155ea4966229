"""The thread that keeps the views up to date with the journal, never in the writer's way.

What the writer commits is taken from memory while the two keep step; when the views lag, the backlog is dropped from
memory and read from the journal, so that a slow disk costs freshness and not memory. Between two transactions there is
a pause: what comes in meanwhile is one transaction instead of many, which is most of what the views cost. A disk that
takes no views is tried again; views that prove to be damaged are made anew.
"""

import contextlib
import fcntl
import os
import threading
import time
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
RETRY_SECONDS: Final = 2.0
LOCK_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 0.015
STOP_SECONDS: Final = 1.5
"""How long a stop may go on bringing the views up to date; the next start does the rest."""

_log: Final = structlog.get_logger("views")


class Projecting:
    """Feeds a Projector from a thread of its own. `told` is called in that thread with each number reached."""

    def __init__(
        self, journal: Path, views: Path, told: Callable[[int], None], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._journal = journal
        self._views = views
        self._told = told
        self._retry_seconds = retry_seconds
        self._changed = threading.Condition()
        self._backlog: deque[Decided] = deque()
        self._target = 0
        self._stop_at: float | None = None
        # Views that would not take a record are made anew, once a process: twice, and the fault is not the file's.
        self._damaged = self._made_anew = False
        self._thread = threading.Thread(target=self._run, name="views", daemon=True)
        self.number = 0
        """The views hold all records up to this one."""
        self.failure: str | None = None
        """Why the views stand still; the exchange trades on."""

    def start(self, target: int) -> None:
        """Begin, with the journal at this number."""
        with self._changed:
            # What the writer published in the meantime may be beyond it already.
            self._target = max(self._target, target)
        self._thread.start()

    def stop(self) -> None:
        """Bring the views up to what was committed, as far as that is quick, then end."""
        with self._changed:
            self._stop_at = time.monotonic() + STOP_SECONDS
            self._changed.notify_all()
        if self._thread.is_alive():
            # A rebuild that is under way is given up with the process: it works beside the views that are there.
            self._thread.join(2 * STOP_SECONDS)

    def take(self, decided: Sequence[Decided]) -> None:
        """Committed records, in number order. From the writer's thread; never blocks for long."""
        with self._changed:
            self._target = decided[-1].record.number
            if len(self._backlog) + len(decided) <= BACKLOG_RECORDS:
                self._backlog.extend(decided)
            else:
                self._backlog.clear()
            self._changed.notify_all()

    def aim(self, number: int) -> None:
        """The journal has records up to this number, to be read there."""
        with self._changed:
            self._target = max(self._target, number)
            self._changed.notify_all()

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            while not self._locked(stack):
                if self._rest(LOCK_SECONDS):
                    return
            self._keep()

    def _locked(self, stack: contextlib.ExitStack) -> bool:
        """Whether we are alone with the views, until the stack is closed: a process of a core that was killed may be
        writing them for a moment longer, and two at once would write rows twice."""
        handle = os.open(self._views.with_name(f".{self._views.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        stack.callback(os.close, handle)
        return True

    def _keep(self) -> None:
        while True:
            try:
                with self._open() as projector:
                    self._note(projector.checkpoint)
                    while self._wait():
                        self._advance(projector)
                        self._pause()
                return
            except (OSError, ViewsStale, JournalError) as error:
                self._damaged = isinstance(error, ViewsStale) and not self._made_anew
                if self.failure is None:
                    _log.error("views stand still", reason=str(error))
                self.failure = str(error)
            if self._rest(self._retry_seconds):
                return

    def _open(self) -> Projector:
        try:
            if not self._damaged:
                return Projector.open(self._views, self._journal)
            reason = self.failure
        except ViewsStale as stale:
            reason = str(stale)
        _log.warning("views are made anew", reason=reason)
        self._made_anew, self._damaged = True, False
        rebuild(self._journal, self._views)
        projector = Projector.open(self._views, self._journal)
        self._goes_on()
        return projector

    def _rest(self, seconds: float) -> bool:
        """Wait before the next try; True when the end was asked for."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stop_at is not None, seconds)

    def _wait(self) -> bool:
        """Wait for something to do; False when the end was asked for and all is done, or there is no time left."""
        with self._changed:
            while True:
                if self._stop_at is not None and time.monotonic() >= self._stop_at:
                    return False
                if self.number < self._target:
                    return True
                if self._stop_at is not None:
                    return False
                self._changed.wait()

    def _pause(self) -> None:
        """Let something gather, unless much is waiting already or the end was asked for."""
        with self._changed:
            if self._stop_at is None and self._target - self.number < BATCH_RECORDS:
                self._changed.wait_for(lambda: self._stop_at is not None, PAUSE_SECONDS)

    def _advance(self, projector: Projector) -> None:
        with self._changed:
            target = self._target
            while self._backlog and self._backlog[0].record.number <= self.number:
                self._backlog.popleft()
            batch: list[Decided] = []
            if self._backlog and self._backlog[0].record.number == self.number + 1:
                batch = [self._backlog.popleft() for _ in range(min(len(self._backlog), BATCH_RECORDS))]
        if not batch:
            batch = self._from_journal(target)
        projector.apply([(entry.record, entry.chain) for entry in batch])
        self._note(batch[-1].record.number)
        self._goes_on()

    def _goes_on(self) -> None:
        if self.failure is not None:
            self.failure = None
            _log.info("views go on", number=self.number)

    def _from_journal(self, target: int) -> list[Decided]:
        with Reader(self._journal) as reader:
            rows = islice(reader.records(self.number, target), BATCH_RECORDS)
            return [Decided(codec.decode_record(data), data, chain) for _, data, chain in rows]

    def _note(self, number: int) -> None:
        self.number = number
        self._told(number)
