"""The writer has the WAL emptied while it runs, so that neither disk nor the next start pays for a long day."""

import threading
import time
from pathlib import Path

from kirmash.journal.checkpoint import START_BYTES
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.messages import codec
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE
from tests.journal.stand_ins import large_card, stand_in

PATIENCE_SECONDS = 15
LARGE = large_card(4_000)


def test_what_the_writer_wrote_is_moved_out_of_the_wal_while_it_runs(tmp_path: Path) -> None:
    """Unless the writer tells the checkpointer what it wrote, the journal's file stays as small as it was made."""
    enough = 2 * START_BYTES // len(codec.encode(LARGE)) + 1
    with Folder.create(tmp_path / "data") as folder:
        Journal.create(folder.journal, EXCHANGE).close()
        made = folder.journal.stat().st_size
        assert made < START_BYTES // 4
        with Writer(folder, stand_in) as writer:
            for at in range(enough):
                writer.submit(codec.OPERATOR, "test", f"c-{at}", LARGE).result(PATIENCE_SECONDS)
            deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
            while folder.journal.stat().st_size < START_BYTES and time.monotonic() < deadline:
                pause.wait(0.02)
            moved = folder.journal.stat().st_size
        assert moved >= START_BYTES
