"""Backup: consistent while the exchange writes, checked, complete, and never over something that is there."""

import threading
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
from pysqlite3 import dbapi2

from kirmash.journal.backup import backup
from kirmash.journal.errors import JournalExists, NotAJournal
from kirmash.journal.folder import JOURNAL_FILE, Folder
from kirmash.journal.hashes import Head
from kirmash.journal.sqlite import Journal
from kirmash.journal.verify import CheckFailed, verify
from kirmash.messages import codec
from kirmash.sequencer.writer import Writer
from tests.journal.made import EXCHANGE, make_folder, replayed
from tests.journal.stand_ins import accredit, register, stand_in


def test_a_copy_of_a_journal_at_rest_has_its_head(tmp_path: Path) -> None:
    head = make_folder(tmp_path / "data", (4, 3, 5), snapshots_after=(2, 3))
    told: list[tuple[int, int]] = []
    copied = backup(tmp_path / "data", tmp_path / "copy", lambda done, of: told.append((done, of)))
    assert copied.head == head
    assert copied.snapshots == 2
    assert told == [(head.number, head.number)]
    assert verify(tmp_path / "copy", replayed, expect_head=head.hash).head == head
    assert {file.name for file in tmp_path.iterdir()} == {"data", "copy"}
    with Folder(tmp_path / "copy") as folder, Writer(folder, stand_in) as writer:
        assert writer.submit(codec.OPERATOR, "test", "x", register("x")).result(30).number == head.number + 1


def test_copies_taken_while_the_exchange_writes_are_consistent(tmp_path: Path) -> None:
    with Folder.create(tmp_path / "data") as folder:
        Journal.create(folder.journal, EXCHANGE).close()
        with Writer(folder, stand_in, snapshot_every=50) as writer:
            stopped = threading.Event()
            acknowledged: SimpleQueue[int] = SimpleQueue()

            def load() -> None:
                for at in count(1):
                    if stopped.is_set():
                        return
                    writer.submit(codec.OPERATOR, "test", f"r-{at}", register(f"p-{at}"))
                    accredited = writer.submit(codec.OPERATOR, "test", f"a-{at}", accredit(f"p-{at}")).result(30)
                    acknowledged.put(accredited.number)

            heads: list[Head] = []
            loader = threading.Thread(target=load)
            loader.start()
            try:
                for at in range(5):
                    # A slow disk may take nothing in while a copy is made: each one waits for more than the last has.
                    while acknowledged.get(timeout=30) <= (heads[-1].number if heads else 0):
                        pass
                    heads.append(backup(folder.path, tmp_path / f"copy-{at}").head)
                # Verify too reads beside the writer, and may find more than the copies have.
                heads.append(verify(folder.path, replayed).head)
            finally:
                stopped.set()
                loader.join()
        numbers = [head.number for head in heads]
        assert numbers == sorted(numbers)
        assert len(set(numbers[:-1])) == 5
    for at, head in enumerate(heads[:-1]):
        assert verify(tmp_path / f"copy-{at}", replayed).head == head
        assert verify(tmp_path / "data", replayed, expect_head=head.hash).expected_at == head.number


def test_nothing_is_overwritten_and_nothing_half_done_is_left(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4,))
    (tmp_path / "copy").mkdir()
    with pytest.raises(JournalExists):
        backup(tmp_path / "data", tmp_path / "copy")
    with pytest.raises(NotAJournal):
        backup(tmp_path / "copy", tmp_path / "other")
    assert {file.name for file in tmp_path.iterdir()} == {"data", "copy"}


def test_a_damaged_journal_is_not_passed_off_as_a_backup(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (4, 3, 5))
    with dbapi2.connect(tmp_path / "data" / JOURNAL_FILE) as connection:
        connection.execute("UPDATE records SET chain = zeroblob(32) WHERE number = 5")
    connection.close()
    with pytest.raises(CheckFailed, match="record 5"):
        backup(tmp_path / "data", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
