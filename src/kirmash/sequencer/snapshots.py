"""When a snapshot is taken; its file is written beside the writer, who only gives the bytes (at most 50 ms).

Invariant: the bytes are taken between two batches, of a state that is durable.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from kirmash.journal import snapshot as snapshots
from kirmash.journal.errors import StorageFailed
from kirmash.journal.snapshot import Snapshot
from kirmash.sequencer.machine import Machine
from kirmash.sequencer.recovery import snapshot_of


class Snapshotter:
    """Takes a snapshot between two batches whenever so many records were written since the last."""

    def __init__(self, folder: Path, every: int) -> None:
        self._folder = folder
        self._every = every
        self._last = 0
        self._file_thread = ThreadPoolExecutor(1, "snapshot")
        self._writing: Future[None] | None = None
        self.pause_ns = 0
        """How long the last snapshot held the writer."""
        self.failure: str | None = None
        """Why the last file could not be written; the exchange goes on without it."""

    def began_at(self, number: int) -> None:
        """The newest snapshot is of this record."""
        self._last = number

    def take_if_due(self, machine: Machine, exchange_id: str) -> None:
        """A snapshot if enough was written since the last one and its file is done."""
        if machine.number - self._last >= self._every and (self._writing is None or self._writing.done()):
            self.take(machine, exchange_id)

    def take(self, machine: Machine, exchange_id: str) -> None:
        """A snapshot now, unless nothing happened since the last."""
        if machine.number == self._last:
            return
        before = time.perf_counter_ns()
        taken = snapshot_of(machine, exchange_id)
        self.pause_ns = time.perf_counter_ns() - before
        self._last = machine.number
        self._writing = self._file_thread.submit(self._write, taken)

    def close(self) -> None:
        """Wait for the file that is being written."""
        self._file_thread.shutdown()

    def _write(self, taken: Snapshot) -> None:
        try:
            snapshots.write(self._folder, taken)
            self.failure = None
        except StorageFailed as error:
            self.failure = str(error)
