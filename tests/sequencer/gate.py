"""A writer as tests hold it: its commits at a gate, its end whatever becomes of the test. No test stands here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from kirmash.journal.errors import StorageFailed
from kirmash.journal.sqlite import Moment
from kirmash.sequencer.writer import InternalFault, Writer

PATIENCE_SECONDS = 30


class Gate:
    """A commit hook that tests hold, break and count.

    Inside of the writer's `with` it is one as well, and opens at the end: a test that fails while commits are held
    fails at once, instead of after the patience of the writer that waits here.
    """

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Event()
        self.broken: Moment | None = None
        self.commits = 0

    def __call__(self, moment: Moment) -> None:
        if moment == "before commit":
            self.waiting.set()
            assert self.open.wait(PATIENCE_SECONDS)
        if moment == self.broken:
            raise OSError(28, "No space left on device")
        self.commits += moment == "after commit"

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.open.set()

    def hold(self) -> None:
        self.open.clear()
        self.waiting.clear()


@contextmanager
def started(writer: Writer) -> Iterator[Writer]:
    """A writer whose end the test itself is about. A test that fails leaves none running, which Python would wait for
    at its own end."""
    writer.start()
    try:
        yield writer
    finally:
        with suppress(StorageFailed, InternalFault):
            writer.stop()
