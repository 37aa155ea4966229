"""Journal and reader: what was appended is there after reopening, what failed is not, what is no journal is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from kirmash.journal.connection import SQLITE_NEEDED
from kirmash.journal.errors import JournalDamaged, JournalExists, NotAJournal, StorageFailed
from kirmash.journal.folder import JOURNAL_FILE
from kirmash.journal.hashes import EMPTY_TREE, Head, genesis
from kirmash.journal.reader import Reader
from kirmash.journal.sqlite import Journal, Moment
from kirmash.messages.kinds import ActorKind
from tests.journal.made import EXCHANGE, TRADER, commands, decide, machine, make_folder


def test_the_library_is_one_without_the_wal_reset_defect() -> None:
    assert dbapi2.sqlite_version_info >= SQLITE_NEEDED >= (3, 51, 3)


def test_an_older_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "data", ())
    monkeypatch.setattr(dbapi2, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(StorageFailed, match="WAL-reset"):
        Journal.open(tmp_path / "data" / JOURNAL_FILE)
    with pytest.raises(StorageFailed, match="WAL-reset"):
        Reader(tmp_path / "data" / JOURNAL_FILE)


def test_a_new_journal_is_empty_and_made_once(tmp_path: Path) -> None:
    file = tmp_path / JOURNAL_FILE
    journal = Journal.create(file, EXCHANGE)
    assert journal.head == Head(0, genesis(EXCHANGE), EMPTY_TREE, 0)
    journal.close()
    with pytest.raises(JournalExists):
        Journal.create(file, EXCHANGE)
    with Reader(file) as reader:
        assert (reader.exchange_id, reader.head()) == (EXCHANGE, journal.head)


def test_a_journal_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    for opened in (Reader, Journal.open):
        with pytest.raises(NotAJournal, match="no such file"):
            opened(tmp_path / JOURNAL_FILE)
    with pytest.raises(StorageFailed):
        Journal.create(tmp_path / "nothing" / JOURNAL_FILE, EXCHANGE)
    assert list(tmp_path.iterdir()) == []


def test_commits_are_synced_and_checkpoints_left_to_their_thread(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)
    asked = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert asked == {"journal_mode": "wal", "synchronous": 2}
    assert journal._connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0
    journal.close()


def test_what_was_appended_is_found_again(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)
    into, given = machine(), commands()
    batches = [decide(into, given, size) for size in (3, 1, 6)]
    decided = [entry for batch in batches for entry in batch]
    for batch in batches:
        journal.append(batch)
    head = journal.head
    journal.close()
    again = Journal.open(tmp_path / JOURNAL_FILE)
    assert again.head == head
    assert (head.number, head.chain, head.batches) == (into.number, into.chain, 3)
    for entry in decided:
        record = entry.record
        assert again.record(record.number) == entry.data
        key = (record.actor_kind, record.actor, record.client_id)
        assert again.find([key]) == {key: record.number}
    nobodys = [(ActorKind.TRADER, TRADER.id, "r-1"), (ActorKind.OPERATOR, TRADER.id, "b-1")]
    assert again.find(nobodys) == again.find(nobodys[:1]) == again.find([]) == {}
    all_keys = [(e.record.actor_kind, e.record.actor, e.record.client_id) for e in decided]
    many = [*nobodys, *all_keys, *[(ActorKind.TRADER, TRADER.id, f"x-{at}") for at in range(200)], *all_keys]
    assert again.find(many) == {key: number for number, key in enumerate(all_keys, 1)}
    again.close()
    with Reader(tmp_path / JOURNAL_FILE) as reader:
        assert [data for _, data, _ in reader.records()] == [entry.data for entry in decided]
        assert [number for number, _, _ in reader.records(2, 5)] == [3, 4, 5]
        assert reader.head() == head
        for entry in decided:
            its_batch = reader.batch_of(entry.record.number)
            assert its_batch is not None
            assert its_batch.first <= entry.record.number <= its_batch.last
        assert reader.batch_of(into.number + 1) is None


def test_records_that_do_not_follow_are_our_fault(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)
    batch = decide(machine(), commands(), 3)
    with pytest.raises(AssertionError, match="do not follow"):
        journal.append(batch[1:])
    journal.close()


@pytest.mark.parametrize(("moment", "kept"), [("before commit", False), ("after commit", True)])
def test_a_batch_that_failed_is_there_whole_or_not_at_all(tmp_path: Path, moment: Moment, kept: bool) -> None:
    armed = False

    def fail(now: Moment) -> None:
        if armed and now == moment:
            raise OSError(5, "injected")

    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE, fail)
    into, given = machine(), commands()
    journal.append(decide(into, given, 2))
    before = journal.head
    armed = True
    failing = decide(into, given, 3)
    with pytest.raises(StorageFailed, match="injected"):
        journal.append(failing)
    journal.close()
    again = Journal.open(tmp_path / JOURNAL_FILE)
    assert again.number == (failing[-1].record.number if kept else before.number)
    assert bool(again.find([(TRADER.kind, TRADER.id, "b-1")])) == kept
    again.close()


def test_the_same_client_id_cannot_get_in_twice(tmp_path: Path) -> None:
    """The writer looks first; should it ever not, the table itself refuses."""
    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)
    into = machine()
    actor, client_id, command = next(commands())
    both = into.submit(actor, "", client_id, command, (1, 0)) + into.submit(actor, "", client_id, command, (1, 0))
    with pytest.raises(StorageFailed, match="UNIQUE"):
        journal.append(both)
    journal.close()


@pytest.mark.parametrize("content", [b"", b"not a database, only text " * 100])
def test_other_files_are_no_journal(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / JOURNAL_FILE
    file.write_bytes(content)
    for opened in (Reader, Journal.open):
        with pytest.raises(NotAJournal, match="not a journal"):
            opened(file)
    assert file.read_bytes() == content


def test_another_database_and_another_format_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with dbapi2.connect(file) as connection:
        connection.execute("CREATE TABLE something(x)")
    connection.close()
    with pytest.raises(NotAJournal):
        Reader(file)
    make_folder(tmp_path / "data", (2,))
    with dbapi2.connect(tmp_path / "data" / JOURNAL_FILE) as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
    connection.close()
    with pytest.raises(NotAJournal, match="format is '2'"):
        Journal.open(tmp_path / "data" / JOURNAL_FILE)


def test_a_torn_file_is_damaged_or_no_journal(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (200,))
    file = tmp_path / "data" / JOURNAL_FILE
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises((JournalDamaged, StorageFailed)), Reader(file) as reader:
        list(reader.records())


def test_tables_that_end_apart_are_damaged(tmp_path: Path) -> None:
    make_folder(tmp_path / "data", (2, 2))
    file = tmp_path / "data" / JOURNAL_FILE
    with dbapi2.connect(file) as connection:
        connection.execute("DELETE FROM records WHERE number = (SELECT max(number) FROM records)")
    connection.close()
    with pytest.raises(JournalDamaged, match="the batches end here"):
        Journal.open(file)


def test_a_reader_cannot_write_and_sees_what_is_committed_meanwhile(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / JOURNAL_FILE, EXCHANGE)
    into, given = machine(), commands()
    with Reader(tmp_path / JOURNAL_FILE) as reader:
        journal.append(decide(into, given, 2))
        assert reader.head() == journal.head
        journal.append(decide(into, given, 2))
        assert reader.head() == journal.head
        with pytest.raises(dbapi2.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM records")
    journal.close()


def test_a_journal_on_a_read_only_medium_can_be_read(tmp_path: Path) -> None:
    head = make_folder(tmp_path / "data", (3, 3))
    file = tmp_path / "data" / JOURNAL_FILE
    read = (
        "import os, sys; from pathlib import Path; os.access = lambda *_: False;"
        "from kirmash.journal.reader import Reader; print(Reader(Path(sys.argv[1])).head().hash)"
    )
    shown = subprocess.run([sys.executable, "-c", read, str(file)], capture_output=True, check=True)
    assert shown.stdout.decode().strip() == head.hash
    assert [entry.name for entry in file.parent.iterdir()] == [JOURNAL_FILE]
