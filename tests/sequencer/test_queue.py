"""The writer's queue is bounded in bytes, too: few large commands fill it as many small ones do (promise 7)."""

import threading
from pathlib import Path

import pytest

from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal, Moment
from kirmash.messages import codec
from kirmash.sequencer.answers import Busy
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE
from tests.journal.stand_ins import register, stand_in

PATIENCE_SECONDS = 30


def test_a_queue_full_of_bytes_is_busy_and_has_room_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking a batch out frees its bytes: the same amount goes in again, twice over."""
    size = len(codec.encode(register("company-0")))
    monkeypatch.setattr("kirmash.sequencer.intake.QUEUE_BYTES_MAX", 3 * size)
    gate, waiting = threading.Event(), threading.Event()

    def hold(moment: Moment) -> None:
        if moment == "before commit":
            waiting.set()
            gate.wait(PATIENCE_SECONDS)

    gate.set()
    with Folder.create(tmp_path / "data") as folder:
        Journal.create(folder.journal, EXCHANGE).close()
        with Writer(folder, stand_in, commit_hook=hold) as writer:
            for round_ in range(2):
                gate.clear()
                waiting.clear()
                names = iter(f"company-{at}" for at in range(5 * round_, 5 * round_ + 5))
                given = [writer.submit(codec.OPERATOR, "test", name, register(name)) for name in [next(names)]]
                assert waiting.wait(PATIENCE_SECONDS)
                given += [writer.submit(codec.OPERATOR, "test", name, register(name)) for name in names]
                *taken, last = given
                busy = last.done() and isinstance(last.exception(), Busy)
                gate.set()
                assert busy, "one command more than the queue has bytes for was taken"
                assert [answer.result(PATIENCE_SECONDS).number for answer in taken] == [
                    4 * round_ + at for at in (1, 2, 3, 4)
                ]
