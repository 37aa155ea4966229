"""views.db made anew from the journal: beside the old one, then in its place.

Readers that hold the old file open go on with it until they look again (queries do, at each question).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from kirmash.journal.reader import Reader
from kirmash.projections.projector import BATCH_RECORDS, Entry, Projector, ViewsFailed

Progress = Callable[[int, int], None]
"""Called after each batch with the number reached and the journal's head."""

_BESIDE: Final = ("", "-wal", "-shm")


def rebuild(journal: Path, views: Path, progress: Progress | None = None) -> int:
    """Fold the whole journal into new views; gives the number that they hold.

    Indexes are made at the end, which is quicker. Raises JournalError, ViewsFailed; then the old views stand as before.
    """
    partial = views.with_name(f".{views.name}.partial")
    _remove(partial)
    with Reader(journal) as reader:
        head = reader.head().number
        with Projector.create(partial, reader.exchange_id, indexes=False) as projector:
            for chunk in reader.record_chunks(0, head):
                for start in range(0, len(chunk), BATCH_RECORDS):
                    batch: list[Entry] = [(data, chain) for _, data, chain in chunk[start : start + BATCH_RECORDS]]
                    projector.apply(batch)
                    if progress is not None:
                        progress(projector.checkpoint, head)
            projector.make_indexes()
            reached = projector.checkpoint
    try:
        # A new file must never meet the old one's WAL; without views at all, they are made anew.
        _remove(views)
        partial.rename(views)
    except OSError as error:
        raise ViewsFailed(f"{views}: {error.strerror}") from error
    return reached


def _remove(file: Path) -> None:
    for suffix in _BESIDE:
        Path(f"{file}{suffix}").unlink(missing_ok=True)
